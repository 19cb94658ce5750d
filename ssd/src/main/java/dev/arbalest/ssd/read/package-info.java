/**
 * Reads slots of the vector file: with io_uring, with pread, or from a mapping.
 *
 * <p>Rank 2. May use format; computes no distances and checks no checksums.
 */
@NullMarked
package dev.arbalest.ssd.read;

import org.jspecify.annotations.NullMarked;
