/**
 * The engine. {@link dev.arbalest.ssd.Index} is the way in: build, open, search; {@link
 * dev.arbalest.ssd.IndexVerifier} checks every byte. docs/format.md describes the files.
 */
@NullMarked
package dev.arbalest.ssd;

import org.jspecify.annotations.NullMarked;
