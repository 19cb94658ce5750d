/**
 * Codecs: what turns a vector into a few bytes that stay in RAM, and estimates distances from them.
 *
 * <p>{@link dev.arbalest.pq.Codec} is the interface the engine works with; {@link
 * dev.arbalest.pq.RaBitQ}, {@link dev.arbalest.pq.ProductQuantizer}, {@link
 * dev.arbalest.pq.ScalarQuantizer} and {@link dev.arbalest.pq.HalfFloats} implement it.
 */
@NullMarked
package dev.arbalest.pq;

import org.jspecify.annotations.NullMarked;
