// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

/**
 * The nodes a walk has met: an open-addressed table stamped with the walk's epoch, so that clearing
 * is counting up. It stays as small as the walks are, and so in the processor's cache, where a
 * stamp per node of the graph would miss on every access. Not thread-safe; grows but never shrinks.
 */
final class VisitedSet {
  /** Entry: epoch in the high half, node in the low half; epoch 0 is never used. */
  private long[] table;

  private int mask;
  private int size;
  private int epoch = 1;

  VisitedSet(int expected) {
    int capacity = Integer.highestOneBit(Math.max(16, expected) * 4 - 1);
    table = new long[capacity];
    mask = capacity - 1;
  }

  /** Forgets all nodes. */
  void clear() {
    size = 0;
    if (++epoch == 0) {
      java.util.Arrays.fill(table, 0);
      epoch = 1;
    }
  }

  /** Adds {@code node}; returns whether it was new. */
  boolean add(int node) {
    long entry = ((long) epoch << 32) | node;
    int i = mix(node) & mask;
    while (true) {
      long found = table[i];
      if (found == entry) {
        return false;
      }
      if ((int) (found >>> 32) != epoch) {
        table[i] = entry;
        if (++size * 2 > table.length) {
          grow();
        }
        return true;
      }
      i = (i + 1) & mask;
    }
  }

  private static int mix(int node) {
    int h = node * 0x9E3779B9;
    return h ^ (h >>> 15);
  }

  private void grow() {
    long[] old = table;
    table = new long[old.length * 2];
    mask = table.length - 1;
    for (long entry : old) {
      if ((int) (entry >>> 32) == epoch) {
        int i = mix((int) entry) & mask;
        while ((int) (table[i] >>> 32) == epoch) {
          i = (i + 1) & mask;
        }
        table[i] = entry;
      }
    }
  }
}
