// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.testing.ForSeeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class CodeKernelsTest {
  @ForSeeds(60)
  void weightedDifferencesAgreeWithTheScalarTwin(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    // Codes of three vectors have a kernel of their own, at any width of them.
    int words = seed % 6 == 0 ? 6 << random.nextInt(3) : 1 + random.nextInt(50);
    int codeBits = seed % 3 == 0 ? 1 : 1 + random.nextInt(8);
    int queryBits = seed % 3 == 0 ? 4 : 1 + random.nextInt(8);
    int stride = 8 * words * codeBits + random.nextInt(20);
    int offset = random.nextInt(70);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment planes = bytes(arena, random, 8L * words * queryBits);
      MemorySegment codes = bytes(arena, random, offset + 20L * stride);
      int[] nodes = random.ints(23, 0, 20).toArray();
      int[] out = new int[20];
      BitDistance.weightedDifferences(
          planes, queryBits, codes, offset, stride, codeBits, words, nodes, 3, 20, out);
      for (int i = 0; i < 20; i++) {
        assertThat(out[i])
            .isEqualTo(
                BitScalarKernels.weightedDifferences(
                    planes,
                    queryBits,
                    codes,
                    offset + (long) nodes[i + 3] * stride,
                    codeBits,
                    words));
      }
    }
  }

  @ForSeeds(30)
  void levelsAgreeWithTheScalarTwin(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int words = 1 + random.nextInt(30);
    int bits = seed % 3 == 0 ? 1 : 1 + random.nextInt(8);
    int offset = random.nextInt(70);
    float scale = (float) random.nextDouble(-2, 2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment codes = bytes(arena, random, offset + 8L * words * bits);
      MemorySegment target = arena.allocate(4 + 256L * words, 4);
      BitLevels.expand(codes, offset, words, bits, scale, target, 4);
      for (int i = 0; i < 64 * words; i++) {
        assertThat(target.getAtIndex(ValueLayout.JAVA_FLOAT, i + 1))
            .isCloseTo(BitScalarKernels.level(codes, offset, words, bits, scale, i), within(1e-4f));
      }
      assertThatThrownBy(() -> BitLevels.expand(codes, offset + 1, words, bits, scale, target, 0))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @ForSeeds(60)
  void packedPlanesAgreeWithTheScalarTwin(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int words = 1 + random.nextInt(12);
    int codeBits = 1 + random.nextInt(8);
    int queryBits = 1 + random.nextInt(8);
    int planeBytes = 8 * words * codeBits;
    int codeBytes = PackedPlanes.codeBytes(words, codeBits);
    int stride = codeBytes + random.nextInt(20);
    try (Arena arena = Arena.ofConfined()) {
      PackedPlanes packed = new PackedPlanes(words, codeBits, queryBits, arena);
      MemorySegment planes = bytes(arena, random, 8L * words * queryBits);
      for (int plane = 0; plane < queryBits; plane++) {
        for (int word = 0; word < words; word++) {
          long at = 8L * (plane * words + word);
          packed.setQuery(plane, word, planes.get(ValueLayout.JAVA_LONG_UNALIGNED, at));
        }
      }
      MemorySegment codes = bytes(arena, random, 20L * stride);
      for (int i = 0; i < 20; i++) { // whole rows: what no plane fills is zero
        codes.asSlice((long) i * stride + planeBytes, codeBytes - planeBytes).fill((byte) 0);
      }
      int[] nodes = random.ints(22, 0, 20).toArray();
      int[] out = new int[19];
      packed.weightedDifferences(codes, stride, codeBytes, nodes, 3, 19, out);
      for (int i = 0; i < 19; i++) {
        assertThat(out[i])
            .isEqualTo(
                BitScalarKernels.weightedDifferences(
                    planes, queryBits, codes, (long) nodes[i + 3] * stride, codeBits, words));
      }
      assertThatThrownBy(() ->
              packed.weightedDifferences(
                  codes, stride, codeBytes, new int[] {20}, 0, 1, new int[1]))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @ForSeeds(60)
  void adcSumsAgreeWithAPlainSum(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int subspaces = 1 + random.nextInt(200);
    float[] table = new float[subspaces * AdcDistance.CENTROIDS];
    for (int i = 0; i < table.length; i++) {
      table[i] = (float) random.nextDouble();
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment codes = bytes(arena, random, 5 + 11L * subspaces);
      int[] nodes = random.ints(9, 0, 11).toArray();
      float[] out = new float[10];
      AdcDistance.sum(
          table, subspaces, codes, 5, subspaces, nodes, 0, 9, out, 1, new int[subspaces]);
      for (int i = 0; i < 9; i++) {
        double expected = 0;
        for (int m = 0; m < subspaces; m++) {
          long at = 5 + (long) nodes[i] * subspaces + m;
          expected += table[(m << 8) + (codes.get(ValueLayout.JAVA_BYTE, at) & 0xff)];
        }
        assertThat((double) out[i + 1]).isCloseTo(expected, within(1e-4));
      }
    }
  }

  @ForSeeds(60)
  void fastScanSumsAgreeWithAPlainSum(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int codeBytes = 8 * (1 + random.nextInt(30));
    int stride = codeBytes + random.nextInt(9);
    try (Arena arena = Arena.ofConfined()) {
      FastScan scan = new FastScan(codeBytes, arena);
      MemorySegment codes = bytes(arena, random, 3 + 20L * stride);
      for (long i = 0; i < scan.tables().byteSize(); i++) {
        scan.tables().set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt(scan.maxEntry() + 1));
      }
      int count = 1 + random.nextInt(150);
      int[] nodes = random.ints(count + 2, 0, 20).toArray();
      int[] out = new int[count];
      scan.score(codes, 3, stride, nodes, 2, count, out);
      for (int i = 0; i < count; i++) {
        int expected = 0;
        for (int m = 0; m < 2 * codeBytes; m++) {
          int pair = codes.get(ValueLayout.JAVA_BYTE, 3 + (long) nodes[i + 2] * stride + m / 2);
          int centroid = (m % 2 == 0 ? pair : pair >> 4) & 15;
          expected += scan.tables().get(ValueLayout.JAVA_BYTE, 16L * m + centroid) & 0xff;
        }
        assertThat(out[i]).isEqualTo(expected);
      }
    }
  }

  @ForSeeds(60)
  void nearestCentroidAgreesWithAPlainSearch(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int dimension = 1 + random.nextInt(20);
    int count = 1 + random.nextInt(300);
    float[] centroids = integers(random, dimension * count);
    float[] point = integers(random, dimension + 2);
    float[] norms = new float[count];
    int expected = 0;
    double smallest = Double.POSITIVE_INFINITY;
    for (int c = 0; c < count; c++) {
      double distance = 0;
      for (int i = 0; i < dimension; i++) {
        float component = centroids[i * count + c];
        norms[c] += component * component / 2;
        distance += (component - point[i + 2]) * (component - point[i + 2]);
      }
      if (distance < smallest) {
        smallest = distance;
        expected = c;
      }
    }
    assertThat(CentroidSearch.nearest(point, 2, dimension, centroids, norms, count))
        .isEqualTo(expected);
  }

  @Test
  void codesOutsideTheirSegmentAreRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment planes = arena.allocate(32);
      MemorySegment codes = arena.allocate(80);
      int[] nodes = {0, 10};
      assertThatThrownBy(() ->
              BitDistance.weightedDifferences(
                  planes, 4, codes, 0, 8, 1, 1, nodes, 0, 2, new int[2]))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() ->
              AdcDistance.sum(
                  new float[256], 1, codes, 0, 8, nodes, 0, 2, new float[2], 0, new int[1]))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  /** Small integers: sums are exact in any order, so ties break alike. */
  private static float[] integers(SplittableRandom random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextInt(-9, 10);
    }
    return values;
  }

  private static MemorySegment bytes(Arena arena, SplittableRandom random, long size) {
    MemorySegment segment = arena.allocate(size, 64);
    for (long i = 0; i < size; i++) {
      segment.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
    return segment;
  }
}
