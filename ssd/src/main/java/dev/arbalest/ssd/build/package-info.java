/**
 * Builds an index: stores vectors, trains a codec, encodes the vectors and links the graph.
 *
 * <p>Rank 4. May use store, log, read and format; knows nothing of searches and writers.
 */
@NullMarked
package dev.arbalest.ssd.build;

import org.jspecify.annotations.NullMarked;
