// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.testing.ForSeeds;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class F32KernelsTest {
  private static final int[] DIMENSIONS = {
    1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 207, 768, 1535, 1536, 1537, 3072, 4098
  };

  @Test
  void everyDimensionAndOffsetAgreesWithTheScalarTwin() {
    SplittableRandom random = new SplittableRandom(7);
    for (int dimension : DIMENSIONS) {
      for (int byteOffset : new int[] {0, 1, 4, 36, 64}) {
        check(random, dimension, 19, byteOffset);
      }
    }
  }

  @ForSeeds(100)
  void randomShapesAgreeWithTheScalarTwin(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    check(random, 1 + random.nextInt(300), random.nextInt(30), random.nextInt(70));
  }

  private static void check(SplittableRandom random, int dimension, int rows, int byteOffset) {
    long stride = 4L * dimension + random.nextInt(5);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment query = arena.allocate(byteOffset + 4L * dimension, 64);
      MemorySegment table = arena.allocate(byteOffset + stride * Math.max(1, rows), 64);
      fill(random, query, byteOffset, dimension);
      long[] offsets = new long[rows + 3];
      for (int i = 0; i < rows; i++) {
        offsets[i + 3] = byteOffset + i * stride;
        fill(random, table, offsets[i + 3], dimension);
      }
      float[] dot = new float[rows + 2];
      float[] l2 = new float[rows + 2];
      float[] cosine = new float[rows + 2];
      dot[0] = l2[1] = cosine[0] = -77;
      F32Distance.dot(query, byteOffset, table, offsets, 3, rows, dimension, dot, 2);
      F32Distance.squaredL2(query, byteOffset, table, offsets, 3, rows, dimension, l2, 2);
      F32Distance.cosine(query, byteOffset, table, offsets, 3, rows, dimension, cosine, 2);
      assertThat(new float[] {dot[0], l2[1], cosine[0]}).containsOnly(-77);
      for (int i = 0; i < rows; i++) {
        long row = offsets[i + 3];
        double dotTwin = F32ScalarKernels.dot(query, byteOffset, table, row, dimension);
        double l2Twin = F32ScalarKernels.squaredL2(query, byteOffset, table, row, dimension);
        double cosineTwin = F32ScalarKernels.cosine(query, byteOffset, table, row, dimension);
        double tolerance = 2e-6 * Math.max(1, dimension);
        assertThat((double) dot[i + 2]).isCloseTo(dotTwin, within(tolerance));
        assertThat((double) l2[i + 2]).isCloseTo(l2Twin, within(tolerance));
        assertThat((double) cosine[i + 2]).isCloseTo(cosineTwin, within(1e-5));
        assertThat((double) F32Distance.dot(query, byteOffset, table, row, dimension))
            .isCloseTo(dotTwin, within(tolerance));
        assertThat((double) F32Distance.squaredL2(query, byteOffset, table, row, dimension))
            .isCloseTo(l2Twin, within(tolerance));
        assertThat((double) F32Distance.cosine(query, byteOffset, table, row, dimension))
            .isCloseTo(cosineTwin, within(1e-5));
      }
    }
  }

  @Test
  void aRowScoresTheSameBitsInAnyTile() {
    SplittableRandom random = new SplittableRandom(3);
    int dimension = 1537;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment query = arena.allocate(4L * dimension, 64);
      MemorySegment table = arena.allocate(40L * dimension, 64);
      fill(random, query, 0, dimension);
      fill(random, table, 0, 10 * dimension);
      long[] all = new long[10];
      for (int i = 0; i < all.length; i++) {
        all[i] = 4L * dimension * i;
      }
      for (Metric metric : Metric.values()) {
        float[] together = new float[10];
        float[] alone = new float[10];
        F32Distance.stored(metric, query, 0, table, all, 0, 10, dimension, together, 0);
        for (int i = 0; i < 10; i++) {
          F32Distance.stored(metric, query, 0, table, all, i, 1, dimension, alone, i);
        }
        assertThat(together).isEqualTo(alone);
      }
    }
  }

  @Test
  void aRowScoresTheSameBitsBeforeAndAfterCompilation() {
    SplittableRandom random = new SplittableRandom(4);
    int dimension = 1000;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment table = arena.allocate(4L * dimension * 9, 64);
      fill(random, table, 0, 9 * dimension);
      long[] offsets = new long[8];
      for (int i = 0; i < 8; i++) {
        offsets[i] = 4L * dimension * (i + 1);
      }
      for (Metric metric : Metric.values()) {
        float[] first = new float[8];
        float[] later = new float[8];
        F32Distance.stored(metric, table, 0, table, offsets, 0, 8, dimension, first, 0);
        float single = F32Distance.dot(table, 0, table, offsets[0], dimension);
        for (int i = 0; i < 20_000; i++) {
          F32Distance.stored(metric, table, 0, table, offsets, 0, 8, dimension, later, 0);
          assertThat(F32Distance.dot(table, 0, table, offsets[0], dimension)).isEqualTo(single);
        }
        assertThat(later).isEqualTo(first);
      }
    }
  }

  @Test
  void rangesOutsideTheirSegmentAreRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = arena.allocate(64);
      assertThatThrownBy(() -> F32Distance.dot(a, 4, a, 0, 16))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> F32Distance.squaredL2(a, 0, a, -4, 4))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(
              () -> F32Distance.dot(a, 0, a, new long[] {0, 8}, 0, 2, 16, new float[2], 0))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(
              () -> F32Distance.dot(a, 0, a, new long[] {0, 8}, 0, 2, 4, new float[1], 0))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> F32Distance.dot(MemorySegment.ofArray(new float[16]), 0, a, 0, 16))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  private static void fill(SplittableRandom random, MemorySegment target, long offset, int count) {
    for (int i = 0; i < count; i++) {
      target.set(F32Rows.FLOAT, offset + 4L * i, (float) random.nextDouble(-1, 1));
    }
  }

  @ForSeeds(50)
  void everyPairOfAMatrixHasTheBitsOfATile(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int dimension = 1 + random.nextInt(300);
    int queries = random.nextInt(11);
    int rows = random.nextInt(14);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(4L * dimension * (queries + rows + 1), 4);
      fill(random, memory, 0, dimension * (queries + rows + 1));
      long[] queryOffsets = new long[queries + 1];
      long[] rowOffsets = new long[rows + 2];
      for (int i = 0; i < queries; i++) {
        queryOffsets[i + 1] = 4L * dimension * i;
      }
      for (int j = 0; j < rows; j++) {
        rowOffsets[j + 2] = 4L * dimension * (queries + j);
      }
      float[] dots = new float[queries * rows + 2];
      float[] squares = new float[queries * rows + 2];
      dots[0] = squares[queries * rows + 1] = -77;
      F32Matrix.Scratch scratch = new F32Matrix.Scratch();
      F32Matrix.dot(
          memory,
          queryOffsets,
          1,
          queries,
          memory,
          rowOffsets,
          2,
          rows,
          dimension,
          dots,
          1,
          scratch);
      F32Matrix.squaredL2(
          memory,
          queryOffsets,
          1,
          queries,
          memory,
          rowOffsets,
          2,
          rows,
          dimension,
          squares,
          1,
          scratch);
      assertThat(new float[] {dots[0], squares[queries * rows + 1]}).containsOnly(-77);
      float[] expected = new float[rows];
      for (int i = 0; i < queries; i++) {
        long query = queryOffsets[i + 1];
        F32Distance.dot(memory, query, memory, rowOffsets, 2, rows, dimension, expected, 0);
        assertThat(java.util.Arrays.copyOfRange(dots, 1 + i * rows, 1 + (i + 1) * rows))
            .isEqualTo(expected);
        F32Distance.squaredL2(memory, query, memory, rowOffsets, 2, rows, dimension, expected, 0);
        assertThat(java.util.Arrays.copyOfRange(squares, 1 + i * rows, 1 + (i + 1) * rows))
            .isEqualTo(expected);
      }
    }
  }

  @Test
  void aMatrixRefusesRowsOutsideTheirSegment() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(4L * 16 * 4, 4);
      long[] good = {0, 64};
      long[] bad = {0, 193};
      F32Matrix.Scratch scratch = new F32Matrix.Scratch();
      assertThatThrownBy(() ->
              F32Matrix.dot(memory, good, 0, 2, memory, bad, 0, 2, 16, new float[4], 0, scratch))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() ->
              F32Matrix.dot(memory, good, 0, 2, memory, good, 0, 2, 16, new float[3], 0, scratch))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }
}
