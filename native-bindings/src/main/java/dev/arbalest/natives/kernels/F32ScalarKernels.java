// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;

/** The definitions the loops of {@link F32VectorKernels} are tested against: plain double sums. */
final class F32ScalarKernels {
  private F32ScalarKernels() {}

  static double dot(MemorySegment a, long aOffset, MemorySegment b, long bOffset, int dimension) {
    double sum = 0;
    for (int i = 0; i < dimension; i++) {
      sum += (double) at(a, aOffset, i) * at(b, bOffset, i);
    }
    return sum;
  }

  static double squaredL2(
      MemorySegment a, long aOffset, MemorySegment b, long bOffset, int dimension) {
    double sum = 0;
    for (int i = 0; i < dimension; i++) {
      double difference = (double) at(a, aOffset, i) - at(b, bOffset, i);
      sum += difference * difference;
    }
    return sum;
  }

  static double cosine(
      MemorySegment a, long aOffset, MemorySegment b, long bOffset, int dimension) {
    double norms = dot(a, aOffset, a, aOffset, dimension) * dot(b, bOffset, b, bOffset, dimension);
    return 1 - dot(a, aOffset, b, bOffset, dimension) / Math.sqrt(norms);
  }

  private static float at(MemorySegment segment, long offset, int index) {
    return segment.get(F32Rows.FLOAT, offset + 4L * index);
  }
}
