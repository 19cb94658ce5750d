// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.kernels.BitDistance;
import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/** Scores RaBitQ codes against a query whose rotated residual is rounded to a few bits. */
final class RaBitQScorer implements CodeScorer {
  /**
   * Width of the error bound in standard deviations of the estimate. The estimate's error is close
   * to normal over random rotations; the rounded query adds a small independent part, which {@link
   * #errorBounds} counts separately.
   */
  static final double EPSILON = 2.6;

  static final double CONFIDENCE = 0.99;

  private final RaBitQ codec;
  private final MemorySegment codes;
  private final int words;
  private final int codeBits;
  private final QueryRounding rounding;
  private final int stride;
  private final int[] differences;
  private final QueryResidual residual;
  private final MemorySegment planes;
  private final QueryRounding.Sink sink;

  RaBitQScorer(RaBitQ codec, MemorySegment codes, int batchSize, SegmentAllocator memory) {
    this.codec = codec;
    this.codes = codes;
    this.words = codec.words();
    this.codeBits = codec.bits();
    this.rounding = new QueryRounding(codeBits);
    this.stride = codec.codeBytes();
    this.differences = new int[batchSize];
    this.residual = new QueryResidual(codec.center(), codec.rotation(), codec.metric());
    this.planes = memory.allocate(8L * rounding.bits() * words, 64);
    this.sink = (plane, word, bits) -> planes.set(RaBitQ.LONG, 8L * (plane * words + word), bits);
  }

  @Override
  public void query(MemorySegment query) {
    residual.set(query);
    rounding.round(residual.rotated(), words, residual.squaredNorm(), sink);
  }

  @Override
  public void score(int[] nodes, int from, int count, float[] distances) {
    BitDistance.weightedDifferences(
        planes,
        rounding.bits(),
        codes,
        0,
        stride,
        codeBits,
        words,
        nodes,
        from,
        count,
        differences);
    long full = BitDistance.fullProduct(codeBits, rounding.bits(), words);
    float half = rounding.step() / 2;
    long factors = codec.planeBytes();
    for (int i = 0; i < count; i++) {
      long code = (long) nodes[from + i] * stride + factors;
      float levelsDotQuery = half * (full - 2 * Integer.toUnsignedLong(differences[i]));
      distances[i] =
          residual.constant()
              + codes.get(RaBitQ.FLOAT, code)
              + codes.get(RaBitQ.FLOAT, code + 4) * levelsDotQuery;
    }
  }

  @Override
  public void errorBounds(int[] nodes, int from, int count, float[] bounds) {
    int dimension = residual.rotated().length;
    for (int i = 0; i < count; i++) {
      long code = (long) nodes[from + i] * stride;
      long factors = code + codec.planeBytes();
      double scale = codes.get(RaBitQ.FLOAT, factors + 4);
      double squaredNorm =
          switch (codec.metric()) {
            case L2 -> codes.get(RaBitQ.FLOAT, factors);
            case COSINE -> 2 * codes.get(RaBitQ.FLOAT, factors);
            default -> square(codes.get(RaBitQ.FLOAT, factors + 8));
          };
      // Two for L2, whose distance holds the inner product twice.
      double weight = codec.metric() == Metric.L2 ? 2 : 1;
      double gain = scale / weight;
      double squaredCode = gain * gain * squaredLevels(code);
      // The estimate is exact for gain * Y: its part orthogonal to r is the error.
      double orthogonal = Math.max(0, squaredCode - squaredNorm);
      double variance =
          orthogonal * residual.squaredNorm() / Math.max(1, dimension - 1)
              + squaredCode * rounding.variance();
      bounds[i] = (float) (weight * EPSILON * Math.sqrt(variance));
    }
  }

  /** Squared norm of a code's levels, from the differences of its planes. */
  private double squaredLevels(long code) {
    long sum = 0;
    for (int a = 0; a < codeBits; a++) {
      sum += (64L * words) << (2 * a);
      for (int b = a + 1; b < codeBits; b++) {
        long differing = 0;
        for (int word = 0; word < words; word++) {
          differing +=
              Long.bitCount(
                  codes.get(RaBitQ.LONG, code + 8L * (a * words + word))
                      ^ codes.get(RaBitQ.LONG, code + 8L * (b * words + word)));
        }
        sum += (64L * words - 2 * differing) << (a + b + 1);
      }
    }
    return sum;
  }

  private static double square(double x) {
    return x * x;
  }

  @Override
  public double confidence() {
    return CONFIDENCE;
  }
}
