/**
 * Vectors to index, as other programs write them: headers, components of other types, streams.
 *
 * <p>Rank 1. May use format.
 */
@NullMarked
package dev.arbalest.ssd.input;

import org.jspecify.annotations.NullMarked;
