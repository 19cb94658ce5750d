// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.columns;

import java.util.Arrays;

/** A growing array of the values that one field of one document has. Not thread-safe. */
final class Values {
  private long[] values = new long[4];
  private int count;

  void clear() {
    count = 0;
  }

  int count() {
    return count;
  }

  long get(int i) {
    return values[i];
  }

  void set(int i, long value) {
    values[i] = value;
  }

  void add(long value) {
    if (count == values.length) {
      values = Arrays.copyOf(values, 2 * count);
    }
    values[count++] = value;
  }

  /** Makes these the values of a slot. */
  void putTo(CellColumn cells, int slot) {
    cells.set(slot, values, count);
  }
}
