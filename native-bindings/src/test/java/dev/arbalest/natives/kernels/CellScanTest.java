// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.natives.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares {@link CellScan} with a loop over single cells. */
class CellScanTest {
  private static void set(MemorySegment cells, int bytes, int at, long value) {
    switch (bytes) {
      case 1 -> cells.set(ValueLayout.JAVA_BYTE, at, (byte) value);
      case 2 -> cells.set(ValueLayout.JAVA_SHORT, 2L * at, (short) value);
      case 4 -> cells.set(ValueLayout.JAVA_INT, 4L * at, (int) value);
      default -> cells.set(ValueLayout.JAVA_LONG, 8L * at, value);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 8})
  void findsTheCellsOfARange(int bytes) {
    SplittableRandom random = new SplittableRandom(bytes);
    int words = 37;
    int count = 64 * words;
    long min = Long.MIN_VALUE >> (64 - 8 * bytes);
    long max = -(min + 1);
    try (NativeMemory memory = NativeMemory.allocate((long) bytes * count)) {
      for (int round = 0; round < 200; round++) {
        boolean isNarrow = random.nextBoolean();
        long[] values = new long[count];
        for (int i = 0; i < count; i++) {
          long value = isNarrow ? random.nextLong(-5, 6) : random.nextLong() >> (64 - 8 * bytes);
          values[i] = random.nextInt(20) == 0 ? (random.nextBoolean() ? min : max) : value;
          set(memory.segment(), bytes, i, values[i]);
        }
        long low = random.nextInt(5) == 0 ? min : values[random.nextInt(count)];
        long high = random.nextInt(5) == 0 ? max : values[random.nextInt(count)];
        int filled = random.nextInt(words + 1);
        long[] found = new long[words];
        long[] expected = new long[words];
        for (int i = 0; i < words; i++) {
          found[i] = random.nextLong();
          expected[i] = found[i];
        }
        for (int i = 0; i < 64 * filled; i++) {
          if (values[i] >= low && values[i] <= high) {
            expected[i / 64] |= 1L << i % 64;
          }
        }
        CellScan.addInRange(memory.segment(), bytes, low, high, found, filled);
        assertThat(found).as("[%d, %d]", low, high).isEqualTo(expected);
      }
      long[] words38 = new long[words + 1];
      assertThatThrownBy(
              () -> CellScan.addInRange(memory.segment(), bytes, 0, 1, words38, words + 1))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> CellScan.addInRange(memory.segment(), bytes, 0, 1, words38, 99))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> CellScan.addInRange(memory.segment(), 3, 0, 1, words38, 1))
          .isInstanceOf(IllegalArgumentException.class);
      if (bytes < 8) {
        assertThatThrownBy(
                () -> CellScan.addInRange(memory.segment(), bytes, 0, max + 1, words38, 1))
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
  }
}
