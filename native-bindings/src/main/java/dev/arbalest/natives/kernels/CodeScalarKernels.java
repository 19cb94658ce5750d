// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Plain definitions of the kernels on narrow codes, for tests and for {@link KernelCheck}. */
final class CodeScalarKernels {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);

  private CodeScalarKernels() {}

  static double dotHalf(float[] query, MemorySegment rows, long offset) {
    double sum = 0;
    for (int i = 0; i < query.length; i++) {
      sum += (double) query[i] * Float.float16ToFloat(rows.get(SHORT, offset + 2L * i));
    }
    return sum;
  }

  static double dotByte(float[] query, MemorySegment rows, long offset) {
    double sum = 0;
    for (int i = 0; i < query.length; i++) {
      sum += (double) query[i] * rows.get(ValueLayout.JAVA_BYTE, offset + i);
    }
    return sum;
  }

  static int fastScan(MemorySegment tables, int codeBytes, MemorySegment codes, long offset) {
    int sum = 0;
    for (int j = 0; j < codeBytes; j++) {
      int code = codes.get(ValueLayout.JAVA_BYTE, offset + j);
      sum += tables.get(ValueLayout.JAVA_BYTE, 32L * j + (code & 15)) & 0xff;
      sum += tables.get(ValueLayout.JAVA_BYTE, 32L * j + 16 + ((code >> 4) & 15)) & 0xff;
    }
    return sum;
  }

  static double adc(float[] table, int subspaces, MemorySegment codes, long offset) {
    double sum = 0;
    for (int m = 0; m < subspaces; m++) {
      sum += table[256 * m + (codes.get(ValueLayout.JAVA_BYTE, offset + m) & 0xff)];
    }
    return sum;
  }

  /** As {@link BitScalarKernels} defines it, a word at a time. */
  static int weightedDifferences(
      MemorySegment query,
      int queryBits,
      MemorySegment codes,
      long offset,
      int codeBits,
      int words) {
    int sum = 0;
    for (int i = 0; i < words; i++) {
      for (int b = 0; b < codeBits; b++) {
        long code = codes.get(ValueLayout.JAVA_LONG_UNALIGNED, offset + 8L * (words * b + i));
        for (int q = 0; q < queryBits; q++) {
          long plane = query.get(ValueLayout.JAVA_LONG_UNALIGNED, 8L * (words * q + i));
          sum += Long.bitCount(code ^ plane) << (b + q);
        }
      }
    }
    return sum;
  }
}
