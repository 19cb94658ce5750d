/** Generates synthetic embeddings and writes them as data sets. */
@NullMarked
package dev.arbalest.cli.generate;

import org.jspecify.annotations.NullMarked;
