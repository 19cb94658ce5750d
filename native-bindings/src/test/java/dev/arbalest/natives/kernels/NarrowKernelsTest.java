// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.testing.ForSeeds;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class NarrowKernelsTest {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

  @ForSeeds(80)
  void halfProductsAgreeWithAPlainSum(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int dimension = 2 * (1 + random.nextInt(seed < 70 ? 150 : 1600));
    int offset = random.nextInt(70);
    long stride = 2L * dimension + random.nextInt(9);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(offset + 7 * stride, 64);
      MemorySegment split = arena.allocate(4L * dimension, 64);
      float[] query = new float[dimension];
      for (int i = 0; i < dimension; i++) {
        query[i] = (float) random.nextDouble(-1, 1);
        for (int row = 0; row < 7; row++) {
          // Normal, subnormal and zero halves of both signs.
          float value = (float) (random.nextGaussian() * Math.pow(10, -random.nextInt(9)));
          rows.set(SHORT, offset + row * stride + 2L * i, Float.floatToFloat16(value));
        }
      }
      NarrowDistance.splitHalfQuery(query, dimension, split);
      int[] nodes = random.ints(11, 0, 7).toArray();
      float[] out = new float[10];
      NarrowDistance.dotHalf(split, rows, offset, stride, dimension, nodes, 1, 10, out);
      for (int n = 0; n < 10; n++) {
        double expected = 0;
        for (int i = 0; i < dimension; i++) {
          short half = rows.get(SHORT, offset + nodes[n + 1] * stride + 2L * i);
          expected += (double) query[i] * Float.float16ToFloat(half);
        }
        assertThat((double) out[n]).isCloseTo(expected, within(1e-6 * dimension));
      }
    }
  }

  @Test
  void everyHalfFloatIsReadExactly() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(4 * 64, 64);
      MemorySegment split = arena.allocate(4 * 64, 64);
      float[] query = new float[64];
      for (int place = 0; place < 64; place += 21) { // vector lanes and both places of a pair
        java.util.Arrays.fill(query, 0);
        query[place] = 1;
        NarrowDistance.splitHalfQuery(query, 64, split);
        float[] out = new float[1];
        for (int bits = 0; bits < 1 << 16; bits++) {
          float value = Float.float16ToFloat((short) bits);
          if (Float.isFinite(value)) {
            rows.set(SHORT, 2L * place, (short) bits);
            NarrowDistance.dotHalf(split, rows, 0, 128, 64, new int[] {0}, 0, 1, out);
            assertThat(out[0]).isEqualTo(value + 0f);
          }
        }
        rows.fill((byte) 0);
      }
    }
  }

  @ForSeeds(80)
  void byteProductsAgreeWithAPlainSum(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int dimension = 1 + random.nextInt(seed < 70 ? 300 : 3200);
    int offset = random.nextInt(70);
    long stride = (long) dimension + random.nextInt(9);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(offset + 7 * stride, 64);
      MemorySegment query = arena.allocate(4L * dimension, 64);
      for (int i = 0; i < dimension; i++) {
        query.setAtIndex(F32Rows.FLOAT, i, (float) random.nextDouble(-1, 1));
        for (int row = 0; row < 7; row++) {
          rows.set(ValueLayout.JAVA_BYTE, offset + row * stride + i, (byte) random.nextInt());
        }
      }
      int[] nodes = random.ints(11, 0, 7).toArray();
      float[] out = new float[10];
      NarrowDistance.dotByte(query, rows, offset, stride, dimension, nodes, 1, 10, out);
      for (int n = 0; n < 10; n++) {
        double expected = 0;
        for (int i = 0; i < dimension; i++) {
          expected +=
              (double) query.getAtIndex(F32Rows.FLOAT, i)
                  * rows.get(ValueLayout.JAVA_BYTE, offset + nodes[n + 1] * stride + i);
        }
        assertThat((double) out[n]).isCloseTo(expected, within(2e-4 * dimension));
      }
    }
  }

  @Test
  void rowsOutsideTheirSegmentAreRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(64);
      int[] nodes = {0, 3};
      assertThatThrownBy(
              () -> NarrowDistance.dotByte(memory, memory, 0, 16, 16, nodes, 0, 2, new float[1]))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(
              () -> NarrowDistance.dotHalf(memory, memory, 8, 16, 16, nodes, 0, 2, new float[2]))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(
              () -> NarrowDistance.dotHalf(memory, memory, 0, 16, 5, nodes, 0, 2, new float[2]))
          .hasMessageContaining("dimension must be even: 5");
    }
  }

  @ForSeeds(60)
  void widenedBytesAreTheirProducts(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int dimension = 1 + random.nextInt(200);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment row = arena.allocate(dimension + 3);
      MemorySegment factors = arena.allocate(4L * dimension, 4);
      MemorySegment target = arena.allocate(4L * dimension + 4, 4);
      target.set(F32Rows.FLOAT, 4L * dimension, -77);
      for (int i = 0; i < dimension; i++) {
        row.set(ValueLayout.JAVA_BYTE, i + 3, (byte) random.nextInt());
        factors.setAtIndex(F32Rows.FLOAT, i, (float) random.nextDouble(-2, 2));
      }
      NarrowDistance.widen(row, 3, factors, dimension, target);
      for (int i = 0; i < dimension; i++) {
        assertThat(target.getAtIndex(F32Rows.FLOAT, i))
            .isEqualTo(
                row.get(ValueLayout.JAVA_BYTE, i + 3) * factors.getAtIndex(F32Rows.FLOAT, i));
      }
      assertThat(target.get(F32Rows.FLOAT, 4L * dimension)).isEqualTo(-77);
      assertThatThrownBy(() -> NarrowDistance.widen(row, 4, factors, dimension, target))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }
}
