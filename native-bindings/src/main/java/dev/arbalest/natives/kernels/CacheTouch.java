// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Reads one byte of every 64 of a batch of records before they are worked on, so that the misses of
 * the batch overlap instead of following one another.
 */
final class CacheTouch {
  private static final MemorySegment ALL = AddressSpace.ALL;
  private static final int LINE_BYTES = 64;

  /** Tables up to this size mostly lie in the processor's caches, where touching only costs. */
  static final long CACHED_BYTES = 4L << 20;

  private CacheTouch() {}

  /** Touches the records of {@code count} nodes; the result only keeps the loads alive. */
  static long touch(long base, long stride, long bytes, int[] nodes, int from, int count) {
    long sink = 0;
    for (int i = from; i < from + count; i++) {
      long record = base + nodes[i] * stride;
      // Not a counted loop: around one of checked loads the compiler puts loops that cost more.
      long end = record + (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
      while (record != end) {
        sink += ALL.get(ValueLayout.JAVA_BYTE, record);
        record += LINE_BYTES;
      }
    }
    return sink;
  }
}
