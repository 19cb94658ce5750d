/**
 * An index that accepts writes: admission, the writer, the linker, checkpoints and compaction.
 *
 * <p>Rank 5. May use every other package of {@code dev.arbalest.ssd}.
 */
@NullMarked
package dev.arbalest.ssd.live;

import org.jspecify.annotations.NullMarked;
