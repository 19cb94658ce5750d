package dev.arbalest.pq;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.BitDistance;
import dev.arbalest.natives.Metric;
import dev.arbalest.natives.NativeMemory;
import java.lang.foreign.MemorySegment;

/**
 * Scores RaBitQ codes against a query whose rotated residual is rounded to a few bits: to odd
 * multiples of half a step, up to a few standard deviations. On text embeddings four bits rank
 * 1-bit codes as well as the unrounded query does (0.9986 against 0.9988 of the true top 10 within
 * the best 32 on ada-002); finer codes get a finer query.
 */
final class RaBitQScorer implements CodeScorer {
  /** Bits of the query by bits of the code. */
  private static final int[] QUERY_BITS = {0, 4, 5, 6, 7, 8, 8, 8, 8};

  /** Where the rounding of the query ends, in standard deviations, by its bits. */
  private static final float[] CLIP_DEVIATIONS = {0, 1, 2, 2.5f, 3, 3.3f, 3.7f, 4, 4.3f};

  /**
   * Width of the error bound in standard deviations of the estimate. The estimate's error is close
   * to normal over random rotations; the rounded query adds a small independent part, which {@link
   * #errorBounds} counts separately.
   */
  private static final double EPSILON = 2.6;

  private static final double CONFIDENCE = 0.99;

  private final RaBitQ codec;
  private final MemorySegment codes;
  private final int words;
  private final int codeBits;
  private final int queryBits;
  private final int stride;
  private final int[] differences;
  private final int[] roundedLevels = new int[64];
  private final float[] rotated;
  private final NativeMemory planes;
  private float step;
  private float constant;
  private float queryNorm;
  private double roundingVariance;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  RaBitQScorer(RaBitQ codec, MemorySegment codes, int batchSize) {
    this.codec = codec;
    this.codes = codes;
    this.words = codec.words();
    this.codeBits = codec.bits();
    this.queryBits = QUERY_BITS[codeBits];
    this.stride = codec.codeBytes();
    this.differences = new int[batchSize];
    this.rotated = new float[codec.rotation().paddedDimension()];
    this.planes = NativeMemory.allocate(8L * queryBits * words);
  }

  @Override
  public void query(MemorySegment query) {
    float[] center = codec.center();
    java.util.Arrays.fill(rotated, center.length, rotated.length, 0);
    double dotCenter = 0;
    double squaredNorm = 0;
    for (int i = 0; i < center.length; i++) {
      float component = query.getAtIndex(RaBitQ.FLOAT, i);
      dotCenter += component * center[i];
      float residual = component - center[i];
      rotated[i] = residual;
      squaredNorm += residual * residual;
    }
    // For inner product <q, x> = <q, c> + <x - c, c> + <x - c, q - c>; the second is in the code.
    constant =
        (float)
            switch (codec.metric()) {
              case L2 -> squaredNorm;
              case COSINE -> squaredNorm / 2;
              case DOT -> -dotCenter;
            };
    queryNorm = (float) Math.sqrt(squaredNorm);
    codec.rotation().apply(rotated);
    round(squaredNorm);
  }

  /** Rounds the rotated query to odd multiples of half a step and lays out its bit planes. */
  private void round(double squaredNorm) {
    int levels = 1 << queryBits;
    double deviation = Math.sqrt(squaredNorm / rotated.length);
    step = (float) (2 * CLIP_DEVIATIONS[queryBits] * deviation / levels);
    float inverse = step > 0 ? 1 / step : 0;
    double squaredError = 0;
    MemorySegment memory = planes.segment();
    for (int word = 0; word < words; word++) {
      for (int i = 0; i < 64; i++) {
        float component = rotated[64 * word + i];
        int level = (int) Math.floor(component * inverse) + levels / 2;
        level = Math.min(levels - 1, Math.max(0, level));
        roundedLevels[i] = level;
        float error = component - (level - levels / 2 + 0.5f) * step;
        squaredError += error * error;
      }
      for (int bit = 0; bit < queryBits; bit++) {
        long plane = 0;
        for (int i = 0; i < 64; i++) {
          plane |= (long) (roundedLevels[i] >> bit & 1) << i;
        }
        memory.set(RaBitQ.LONG, 8L * (bit * words + word), plane);
      }
    }
    roundingVariance = squaredError / rotated.length;
  }

  @Override
  public void score(int[] nodes, int from, int count, float[] distances) {
    BitDistance.weightedDifferences(
        planes.segment(),
        queryBits,
        codes,
        0,
        stride,
        codeBits,
        words,
        nodes,
        from,
        count,
        differences);
    long full = BitDistance.fullProduct(codeBits, queryBits, words);
    float half = step / 2;
    long factors = codec.planeBytes();
    for (int i = 0; i < count; i++) {
      long code = (long) nodes[from + i] * stride + factors;
      float levelsDotQuery = half * (full - 2 * Integer.toUnsignedLong(differences[i]));
      distances[i] =
          constant
              + codes.get(RaBitQ.FLOAT, code)
              + codes.get(RaBitQ.FLOAT, code + 4) * levelsDotQuery;
    }
  }

  @Override
  public void errorBounds(int[] nodes, int from, int count, float[] bounds) {
    int dimension = rotated.length;
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
          orthogonal * queryNorm * queryNorm / Math.max(1, dimension - 1)
              + squaredCode * roundingVariance;
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

  @Override
  public void close() {
    planes.close();
  }
}
