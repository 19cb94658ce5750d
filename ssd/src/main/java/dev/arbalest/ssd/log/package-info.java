/**
 * The write-ahead log: segments, blocks and records, and their replay.
 *
 * <p>Rank 2. May use format; a block's payload means nothing to it.
 */
@NullMarked
package dev.arbalest.ssd.log;

import org.jspecify.annotations.NullMarked;
