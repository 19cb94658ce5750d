// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The definition {@link BitVectorKernels} and {@link BitLevels} are tested against: component by
 * component.
 */
final class BitScalarKernels {
  private BitScalarKernels() {}

  static int weightedDifferences(
      MemorySegment query,
      int queryBits,
      MemorySegment codes,
      long codeOffset,
      int codeBits,
      int words) {
    int sum = 0;
    for (int i = 0; i < 64 * words; i++) {
      for (int b = 0; b < codeBits; b++) {
        for (int q = 0; q < queryBits; q++) {
          boolean differ =
              bit(codes, codeOffset + 8L * words * b, i) != bit(query, 8L * words * q, i);
          sum += differ ? 1 << (b + q) : 0;
        }
      }
    }
    return sum;
  }

  static float level(
      MemorySegment codes, long offset, int words, int bits, float scale, int component) {
    int level = 0;
    for (int b = 0; b < bits; b++) {
      level += bit(codes, offset + 8L * words * b, component) == 1 ? 1 << b : -(1 << b);
    }
    return scale * level;
  }

  private static int bit(MemorySegment segment, long offset, int index) {
    return (segment.get(ValueLayout.JAVA_BYTE, offset + index / 8) >>> (index % 8)) & 1;
  }
}
