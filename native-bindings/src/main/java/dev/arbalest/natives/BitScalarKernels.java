package dev.arbalest.natives;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The definition {@link BitVectorKernels} is tested against: component by component. */
final class BitScalarKernels {
  private BitScalarKernels() {}

  static int weightedDifferences(
      MemorySegment planes, MemorySegment codes, long codeOffset, int words) {
    int sum = 0;
    for (int bit = 0; bit < 64 * words; bit++) {
      for (int plane = 0; plane < BitDistance.PLANES; plane++) {
        if (bit(codes, codeOffset, bit) != bit(planes, 8L * words * plane, bit)) {
          sum += 1 << plane;
        }
      }
    }
    return sum;
  }

  private static int bit(MemorySegment segment, long offset, int index) {
    return (segment.get(ValueLayout.JAVA_BYTE, offset + index / 8) >>> (index % 8)) & 1;
  }
}
