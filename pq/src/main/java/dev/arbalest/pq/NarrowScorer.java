// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.kernels.NarrowDistance;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/** Scores codes that hold every component in a narrow type; gives no error bound. */
final class NarrowScorer implements CodeScorer {
  private final Codec codec;
  private final MemorySegment codes;
  private final int paddedBytes;
  private final MemorySegment prepared;
  private final float[] vector;
  private float constant;
  private float weight;

  NarrowScorer(Codec codec, MemorySegment codes, SegmentAllocator memory) {
    this.codec = codec;
    this.codes = codes;
    this.paddedBytes = codec.codeBytes() - 8;
    this.vector = new float[codec.dimension() + 1];
    this.prepared = memory.allocate(4L * vector.length, 64);
  }

  @Override
  public void query(MemorySegment query) {
    int dimension = codec.dimension();
    for (int i = 0; i < dimension; i++) {
      vector[i] = query.getAtIndex(F32Rows.FLOAT, i);
    }
    vector[dimension] = 0;
    weight = codec.metric() == Metric.L2 ? -2 : -1;
    double squares;
    double dotMeans = 0;
    if (codec instanceof ScalarQuantizer sq8) {
      // Distances are those from the mean, so that no large terms cancel.
      float[] means = sq8.means();
      for (int i = 0; i < dimension; i++) {
        dotMeans += (double) vector[i] * means[i];
        vector[i] -= codec.metric() == Metric.DOT ? 0 : means[i];
        prepared.setAtIndex(F32Rows.FLOAT, i, vector[i] * sq8.units()[i]);
      }
      squares = squaredNorm();
    } else {
      squares = squaredNorm();
      prepareHalves((HalfFloats) codec);
    }
    constant =
        (float)
            switch (codec.metric()) {
              case L2 -> squares;
              case COSINE -> squares / 2;
              case DOT -> -dotMeans;
            };
  }

  private double squaredNorm() {
    double sum = 0;
    for (float component : vector) {
      sum += (double) component * component;
    }
    return sum;
  }

  /**
   * The kernel multiplies by 2^112: the query is brought near 1 before and the product back after.
   */
  private void prepareHalves(HalfFloats half) {
    float largest = Float.MIN_NORMAL;
    for (float component : vector) {
      largest = Math.max(largest, Math.abs(component));
    }
    float near1 = Math.scalb(1f, Math.clamp(-Math.getExponent(largest), -126, 126));
    for (int i = 0; i < codec.dimension(); i++) {
      vector[i] *= near1;
    }
    NarrowDistance.splitHalfQuery(vector, half.evenDimension(), prepared);
    weight = (float) (weight / ((double) near1 * half.scale()));
  }

  @Override
  public void score(int[] nodes, int from, int count, float[] distances) {
    int stride = codec.codeBytes();
    if (codec instanceof HalfFloats half) {
      NarrowDistance.dotHalf(
          prepared, codes, 0, stride, half.evenDimension(), nodes, from, count, distances);
    } else {
      NarrowDistance.dotByte(
          prepared, codes, 0, stride, codec.dimension(), nodes, from, count, distances);
    }
    for (int i = 0; i < count; i++) {
      long factors = (long) nodes[from + i] * stride + paddedBytes;
      float product = codes.get(RaBitQ.FLOAT, factors + 4) * distances[i];
      distances[i] = constant + codes.get(RaBitQ.FLOAT, factors) + weight * product;
    }
  }

  @Override
  public void errorBounds(int[] nodes, int from, int count, float[] bounds) {
    java.util.Arrays.fill(bounds, 0, count, Float.NaN);
  }

  @Override
  public double confidence() {
    return 0;
  }
}
