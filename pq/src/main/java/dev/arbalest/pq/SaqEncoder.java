// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/** Encodes vectors as {@link Saq} describes, a block of rows at a time. */
final class SaqEncoder implements CodeEncoder {
  /** Rows rotated at a time. */
  private static final int BLOCK = 32;

  private final Saq codec;
  private final SaqSplitter splitter;
  private final float[] vector;
  private final float[] head;
  private final DirectionRounder headRounder;
  private final DirectionRounder tailRounder;
  private final double[] squaredNorms = new double[BLOCK];
  private final double[] centerDots = new double[BLOCK];

  // Of the direction rounded last:
  private double gain;
  private double squaredNorm;
  private double squaredError;

  SaqEncoder(Saq codec, SegmentAllocator memory) {
    int padded = codec.rotation().paddedDimension();
    int headDimension = 64 * codec.headWords();
    this.codec = codec;
    this.splitter = new SaqSplitter(codec, BLOCK, memory);
    this.vector = new float[padded];
    this.head = new float[headDimension];
    this.headRounder = new DirectionRounder(Saq.HEAD_BITS, headDimension);
    this.tailRounder = new DirectionRounder(codec.tailBits(), padded);
  }

  /** Squared length of the head or tail rounded last. */
  double squaredNorm() {
    return squaredNorm;
  }

  /** Squared length of its error vector. */
  double squaredError() {
    return squaredError;
  }

  private void rounded(double squares, double product, double squaredLevels) {
    squaredNorm = squares;
    gain = product == 0 ? 0 : squares / product;
    // The error vector is orthogonal to the vector.
    squaredError = Math.max(0, gain * gain * squaredLevels - squares);
  }

  @Override
  public void encode(F32Rows rows, int from, int to, MemorySegment codes) {
    CodecFormat.requireDimension(rows, codec.dimension());
    for (int start = from; start < to; start += BLOCK) {
      int end = Math.min(to, start + BLOCK);
      split(rows, start, end);
      for (int row = start; row < end; row++) {
        write(row - start, codes, (long) row * codec.codeBytes());
      }
    }
  }

  /** Splits rows [from, to), at most a block of them. */
  void split(F32Rows rows, int from, int to) {
    float[] center = codec.center();
    for (int row = from; row < to; row++) {
      java.util.Arrays.fill(vector, codec.dimension(), vector.length, 0);
      rows.copyRow(row, vector);
      double centerDot = 0;
      double squares = 0;
      for (int i = 0; i < center.length; i++) {
        vector[i] -= center[i];
        centerDot += vector[i] * center[i];
        squares += vector[i] * vector[i];
      }
      squaredNorms[row - from] = squares;
      centerDots[row - from] = centerDot;
      codec.rotation().apply(vector);
      splitter.set(row - from, vector);
    }
    splitter.split(to - from);
  }

  /** Rounds the head of the {@code i}-th row split. */
  void roundHead(int i) {
    double squares = splitter.head(i, head);
    double product = headRounder.round(head, squares);
    rounded(squares, product, headRounder.squaredLevels());
  }

  private void roundTail(int i) {
    double squares = splitter.tail(i, vector);
    double product = tailRounder.round(vector, squares);
    rounded(squares, product, tailRounder.squaredLevels());
  }

  private void write(int i, MemorySegment codes, long offset) {
    for (int at = 8 * Saq.HEAD_BITS * codec.headWords(); at < codec.factorsOffset(); at += 8) {
      codes.set(RaBitQ.LONG, offset + at, 0L);
    }
    roundHead(i);
    headRounder.writePlanes(codes, offset);
    double headGain = gain;
    roundTail(i);
    tailRounder.writePlanes(codes, offset + codec.tailOffset());
    double weight = codec.metric() == Metric.L2 ? -2 : -1;
    double add =
        switch (codec.metric()) {
          case L2 -> squaredNorms[i];
          case COSINE -> squaredNorms[i] / 2;
          case DOT -> -centerDots[i];
        };
    long factors = offset + codec.factorsOffset();
    codes.set(RaBitQ.FLOAT, factors, (float) add);
    codes.set(RaBitQ.FLOAT, factors + 4, (float) (weight * headGain));
    codes.set(RaBitQ.FLOAT, factors + 8, (float) (weight * gain));
    codes.set(RaBitQ.FLOAT, factors + 12, (float) squaredError);
  }
}
