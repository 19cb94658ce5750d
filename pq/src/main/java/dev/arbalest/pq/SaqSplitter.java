// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.kernels.F32Matrix;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/** Splits blocks of rotated residuals into heads and tails; one thread's. */
final class SaqSplitter {
  private final Saq codec;
  private final int headDimension;
  private final int padded;
  private final int most;
  private final MemorySegment rotated;
  private final MemorySegment heads;
  private final MemorySegment transposedAxes;
  private final long[] rotatedOffsets;
  private final long[] headOffsets;
  private final long[] axisOffsets;
  private final long[] transposedOffsets;
  private final float[] headValues;
  private final float[] shares;
  private final F32Matrix.Scratch scratch = new F32Matrix.Scratch();

  /** For at most {@code most} vectors at a time; {@code memory} must outlive it. */
  SaqSplitter(Saq codec, int most, SegmentAllocator memory) {
    this.codec = codec;
    this.headDimension = 64 * codec.headWords();
    this.padded = codec.rotation().paddedDimension();
    this.most = most;
    this.axisOffsets = new long[headDimension];
    this.transposedOffsets = new long[padded];
    this.rotated = memory.allocate(4L * padded * most, 64);
    this.heads = memory.allocate(4L * headDimension * most, 64);
    this.transposedAxes = memory.allocate(4L * headDimension * padded, 64);
    for (int i = 0; i < headDimension; i++) {
      for (int j = 0; j < padded; j++) {
        transposedAxes.setAtIndex(
            F32Rows.FLOAT,
            (long) j * headDimension + i,
            codec.axes().getAtIndex(F32Rows.FLOAT, (long) i * padded + j));
      }
    }
    this.rotatedOffsets = new long[most];
    this.headOffsets = new long[most];
    java.util.Arrays.setAll(rotatedOffsets, i -> 4L * padded * i);
    java.util.Arrays.setAll(headOffsets, i -> 4L * headDimension * i);
    java.util.Arrays.setAll(axisOffsets, i -> 4L * padded * i);
    java.util.Arrays.setAll(transposedOffsets, i -> 4L * headDimension * i);
    this.headValues = new float[most * headDimension];
    this.shares = new float[most * padded];
  }

  /** Sets a vector: rotated, as long as the padded dimension. */
  void set(int i, float[] vector) {
    MemorySegment.copy(vector, 0, rotated, F32Rows.FLOAT, rotatedOffsets[i], padded);
  }

  /** Splits the first {@code count} vectors. */
  void split(int count) {
    java.util.Objects.checkFromIndexSize(0, count, most);
    F32Matrix.dot(
        rotated,
        rotatedOffsets,
        0,
        count,
        codec.axes(),
        axisOffsets,
        0,
        headDimension,
        padded,
        headValues,
        0,
        scratch);
    MemorySegment.copy(headValues, 0, heads, F32Rows.FLOAT, 0, count * headDimension);
    F32Matrix.dot(
        heads,
        headOffsets,
        0,
        count,
        transposedAxes,
        transposedOffsets,
        0,
        padded,
        headDimension,
        shares,
        0,
        scratch);
  }

  /** Copies a head; returns its squared norm. */
  double head(int i, float[] target) {
    double squares = 0;
    System.arraycopy(headValues, i * headDimension, target, 0, headDimension);
    for (int j = 0; j < headDimension; j++) {
      squares += target[j] * target[j];
    }
    return squares;
  }

  /** Copies a tail; returns its squared norm. */
  double tail(int i, float[] target) {
    double squares = 0;
    MemorySegment.copy(rotated, F32Rows.FLOAT, rotatedOffsets[i], target, 0, padded);
    for (int j = 0; j < padded; j++) {
      float value = target[j] - shares[i * padded + j];
      target[j] = value;
      squares += value * value;
    }
    return squares;
  }
}
