// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import java.util.Arrays;

/**
 * Sorts non-negative longs by their bytes, lowest first (least significant digit radix sort), with
 * working memory that is kept: the library's sort would allocate for keys that come in runs, as
 * edges do. Not thread-safe.
 */
final class EdgeSort {
  private static final int DIGITS = 256;

  private final int[] starts = new int[DIGITS];
  private long[] scratch = new long[0];

  /** Sorts {@code keys[0, count)}. */
  void sort(long[] keys, int count) {
    if (scratch.length < count) {
      scratch = new long[keys.length];
    }
    long differing = 0;
    for (int i = 1; i < count; i++) {
      differing |= keys[i] ^ keys[0];
    }
    long[] from = keys;
    long[] to = scratch;
    boolean isOdd = false;
    for (int shift = 0; shift < Long.SIZE; shift += 8) {
      if (((differing >>> shift) & (DIGITS - 1)) != 0) {
        distribute(from, to, count, shift);
        long[] sorted = to;
        to = from;
        from = sorted;
        isOdd = !isOdd;
      }
    }
    if (isOdd) {
      System.arraycopy(from, 0, keys, 0, count);
    }
  }

  private void distribute(long[] from, long[] to, int count, int shift) {
    Arrays.fill(starts, 0);
    for (int i = 0; i < count; i++) {
      starts[(int) (from[i] >>> shift) & (DIGITS - 1)]++;
    }
    int next = 0;
    for (int digit = 0; digit < DIGITS; digit++) {
      int size = starts[digit];
      starts[digit] = next;
      next += size;
    }
    for (int i = 0; i < count; i++) {
      to[starts[(int) (from[i] >>> shift) & (DIGITS - 1)]++] = from[i];
    }
  }
}
