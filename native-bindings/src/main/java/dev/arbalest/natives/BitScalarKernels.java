package dev.arbalest.natives;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The definition {@link BitVectorKernels} is tested against: component by component. */
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

  private static int bit(MemorySegment segment, long offset, int index) {
    return (segment.get(ValueLayout.JAVA_BYTE, offset + index / 8) >>> (index % 8)) & 1;
  }
}
