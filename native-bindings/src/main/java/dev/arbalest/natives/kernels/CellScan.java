// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;

/**
 * Finds the cells of a column of integers that lie in a range, as a bitmap. A column is an array of
 * little-endian signed integers of 1, 2, 4 or 8 bytes; bit {@code i % 64} of word {@code i / 64}
 * stands for cell {@code i}.
 *
 * <p>Stateless and thread-safe; nothing allocates.
 */
public final class CellScan {
  /** Cells per word of a bitmap. */
  public static final int CELLS_PER_WORD = 64;

  private CellScan() {}

  /**
   * Sets the bits of all cells in {@code [low, high]}; other bits stay as they are.
   *
   * @param cells {@code 64 * count} cells from its start, off the heap
   * @param cellBytes bytes per cell: 1, 2, 4 or 8
   * @param low smallest value, within the range of a cell
   * @param high largest value, within the range of a cell; nothing is set if it is below {@code
   *     low}
   * @param words bitmap
   * @param count words to fill, at most {@code words.length}
   * @throws IndexOutOfBoundsException if cells or words are fewer
   * @throws IllegalArgumentException if the width is another, or a bound does not fit it
   */
  public static void addInRange(
      MemorySegment cells, int cellBytes, long low, long high, long[] words, int count) {
    if (count < 0 || count > words.length) {
      throw new IndexOutOfBoundsException(count + " words, the bitmap has " + words.length);
    }
    if (cellBytes != 1 && cellBytes != 2 && cellBytes != 4 && cellBytes != 8) {
      throw new IllegalArgumentException("a cell has 1, 2, 4 or 8 bytes, not " + cellBytes);
    }
    int unused = 64 - 8 * cellBytes;
    if (low << unused >> unused != low || high << unused >> unused != high) {
      throw new IllegalArgumentException(
          "[" + low + ", " + high + "] is beyond cells of " + cellBytes + " bytes");
    }
    long address = AddressSpace.address(cells, 0, (long) CELLS_PER_WORD * cellBytes * count);
    if (low > high) {
      return;
    }
    switch (cellBytes) {
      case 1 -> CellVectorKernels.bytes(address, (byte) low, (byte) high, words, count);
      case 2 -> CellVectorKernels.shorts(address, (short) low, (short) high, words, count);
      case 4 -> CellVectorKernels.ints(address, (int) low, (int) high, words, count);
      default -> CellVectorKernels.longs(address, low, high, words, count);
    }
  }
}
