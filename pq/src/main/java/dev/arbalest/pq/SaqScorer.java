// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.kernels.BitDistance;
import dev.arbalest.natives.kernels.PackedPlanes;
import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/** Scores {@link Saq} codes: head and tail against a query split as they are. */
final class SaqScorer implements CodeScorer {
  /** Cosines seen before any tail is left out. */
  private static final int MIN_COSINES = 64;

  /** Tails within this cosine are always looked at. */
  private static final double MIN_COSINE = 0.3;

  private static final double COSINE_DEVIATIONS = 3;

  private final Saq codec;
  private final MemorySegment codes;
  private final int stride;
  private final int tailBits;
  private final int tailWords;
  private final QueryResidual residual;
  private final float[] head;

  private final MemorySegment whole;

  /** A copy of the whole, which becomes the tail. */
  private final MemorySegment rest;

  private final QueryRounding headRounding = new QueryRounding(Saq.HEAD_BITS);
  private final QueryRounding tailRounding;
  private final PackedPlanes headPlanes;
  private final MemorySegment tailPlanes;
  private final QueryRounding.Sink headSink;
  private final QueryRounding.Sink tailSink;
  private final float weight;
  private final int[] leftNodes;
  private final int[] leftIndexes;
  private final float[] leftKnown;
  private final float[] leftLengths;
  private final int[] headDifferences;
  private final int[] tailDifferences;
  // Of the query, cosines between its tail and those of candidates within the limit:
  private int cosines;
  private double sumOfCosines;
  private double squaresOfCosines;

  private double squaredHead;
  private double squaredTail;

  SaqScorer(Saq codec, MemorySegment codes, int batchSize, SegmentAllocator memory) {
    this.codec = codec;
    this.codes = codes;
    this.stride = codec.codeBytes();
    this.tailBits = codec.tailBits();
    this.tailWords = codec.tailWords();
    this.residual = new QueryResidual(codec.center(), codec.rotation(), codec.metric());
    long bytes = 4L * residual.rotated().length;
    this.whole = memory.allocate(bytes, 64);
    this.rest = memory.allocate(bytes, 64);
    this.head = new float[64 * codec.headWords()];
    this.tailRounding = new QueryRounding(tailBits);
    this.headPlanes =
        new PackedPlanes(codec.headWords(), Saq.HEAD_BITS, headRounding.bits(), memory);
    this.tailPlanes = memory.allocate(8L * tailRounding.bits() * tailWords, 64);
    this.headSink = headPlanes::setQuery;
    this.tailSink =
        (plane, word, bits) -> tailPlanes.set(RaBitQ.LONG, 8L * (plane * tailWords + word), bits);
    // Squared distances hold the inner product twice.
    this.weight = codec.metric() == Metric.L2 ? 2 : 1;
    this.leftNodes = new int[batchSize];
    this.leftIndexes = new int[batchSize];
    this.leftKnown = new float[batchSize];
    this.leftLengths = new float[batchSize];
    this.headDifferences = new int[batchSize];
    this.tailDifferences = new int[batchSize];
  }

  @Override
  public void query(MemorySegment query) {
    residual.set(query);
    cosines = 0;
    sumOfCosines = 0;
    squaresOfCosines = 0;
    float[] rotated = residual.rotated();
    MemorySegment.copy(rotated, 0, whole, RaBitQ.FLOAT, 0, rotated.length);
    MemorySegment.copy(rotated, 0, rest, RaBitQ.FLOAT, 0, rotated.length);
    codec.split(whole, head, rest);
    float[] tail = rotated; // no longer needed
    MemorySegment.copy(rest, RaBitQ.FLOAT, 0, tail, 0, tail.length);
    squaredHead = squaredNorm(head);
    squaredTail = squaredNorm(tail);
    headRounding.round(head, codec.headWords(), squaredHead, headSink);
    tailRounding.round(tail, tailWords, squaredTail, tailSink);
  }

  private static double squaredNorm(float[] vector) {
    double sum = 0;
    for (float component : vector) {
      sum += component * component;
    }
    return sum;
  }

  @Override
  public void score(int[] nodes, int from, int count, float[] distances) {
    scoreWithin(nodes, from, count, Float.POSITIVE_INFINITY, distances);
  }

  /**
   * {@inheritDoc}
   *
   * <p>The head tells most of the distance. What the tail can take off it is {@code 2 |t| |q_t|
   * cos}, and cosines of tails among the candidates a query keeps are small: tails whose cosine
   * would have to be beyond those seen are not looked at.
   */
  @Override
  public void scoreWithin(int[] nodes, int from, int count, float limit, float[] distances) {
    headPlanes.weightedDifferences(
        codes, stride, codec.tailOffset(), nodes, from, count, headDifferences);
    long fullHead = BitDistance.fullProduct(Saq.HEAD_BITS, headRounding.bits(), codec.headWords());
    float halfHead = headRounding.step() / 2;
    float reach = (float) (largestCosine() * Math.sqrt(squaredTail));
    long factors = codec.factorsOffset();
    int left = 0;
    for (int i = 0; i < count; i++) {
      int node = nodes[from + i];
      long code = node * (long) stride + factors;
      float ofHead = halfHead * (fullHead - 2 * Integer.toUnsignedLong(headDifferences[i]));
      float known =
          residual.constant()
              + codes.get(RaBitQ.FLOAT, code)
              + codes.get(RaBitQ.FLOAT, code + 4) * ofHead;
      float length = tailLength(code);
      distances[i] = Float.POSITIVE_INFINITY;
      if (!(known - weight * length * reach > limit)) {
        leftNodes[left] = node;
        leftIndexes[left] = i;
        leftKnown[left] = known;
        leftLengths[left++] = length;
      }
    }
    addTails(left, limit, distances);
  }

  /** Length of a code's tail, as its factors tell. */
  private float tailLength(long factors) {
    float gain = codes.get(RaBitQ.FLOAT, factors + 8) / weight;
    float squaredError = codes.get(RaBitQ.FLOAT, factors + 12);
    float squaredCode =
        tailBits == 1 ? gain * gain * 64 * tailWords : squaredError / (float) TAIL_ERRORS[tailBits];
    return (float) Math.sqrt(Math.max(0, squaredCode - squaredError));
  }

  private void addTails(int count, float limit, float[] distances) {
    if (count == 0) {
      return;
    }
    BitDistance.weightedDifferences(
        tailPlanes,
        tailRounding.bits(),
        codes,
        codec.tailOffset(),
        stride,
        tailBits,
        tailWords,
        leftNodes,
        0,
        count,
        tailDifferences);
    long fullTail = BitDistance.fullProduct(tailBits, tailRounding.bits(), tailWords);
    float halfTail = tailRounding.step() / 2;
    float queryLength = (float) Math.sqrt(squaredTail);
    for (int i = 0; i < count; i++) {
      long code = leftNodes[i] * (long) stride + codec.factorsOffset();
      float ofTail = halfTail * (fullTail - 2 * Integer.toUnsignedLong(tailDifferences[i]));
      float share = codes.get(RaBitQ.FLOAT, code + 8) * ofTail;
      float distance = leftKnown[i] + share;
      distances[leftIndexes[i]] = distance;
      if (distance <= limit) {
        float scale = weight * leftLengths[i] * queryLength;
        float cosine = scale > 0 ? -share / scale : 0;
        cosines++;
        sumOfCosines += cosine;
        squaresOfCosines += cosine * cosine;
      }
    }
  }

  /** Cosine of tails beyond which no candidate is expected, by those seen. */
  private double largestCosine() {
    if (cosines < MIN_COSINES) {
      return 1;
    }
    double mean = sumOfCosines / cosines;
    double variance = Math.max(0, squaresOfCosines / cosines - mean * mean);
    return Math.clamp(mean + COSINE_DEVIATIONS * Math.sqrt(variance), MIN_COSINE, 1);
  }

  @Override
  public void errorBounds(int[] nodes, int from, int count, float[] bounds) {
    int dimension = residual.rotated().length;
    // Heads lose the same share of their length, whatever it is.
    double lostShare =
        codec.meanSquaredHead() > 0 ? codec.meanSquaredHeadError() / codec.meanSquaredHead() : 0;
    double headFactor =
        lostShare * squaredHead / Math.max(1, head.length - 1) + headRounding.variance();
    for (int i = 0; i < count; i++) {
      long code = (long) nodes[from + i] * stride;
      long factors = code + codec.factorsOffset();
      double gain = codes.get(RaBitQ.FLOAT, factors + 8) / weight;
      double squaredError = codes.get(RaBitQ.FLOAT, factors + 12);
      // Of the tail's levels the sum of squares is that of its plane products; one bit: all 1.
      double squaredCode =
          tailBits == 1 ? gain * gain * dimension : squaredError / TAIL_ERRORS[tailBits];
      double variance =
          headFactor * squaredHead(code, Math.max(0, squaredCode - squaredError))
              + squaredError * squaredTail / Math.max(1, dimension - 1)
              + squaredCode * tailRounding.variance();
      bounds[i] = (float) (weight * RaBitQScorer.EPSILON * Math.sqrt(variance));
    }
  }

  /** Squared length of the head of a code whose tail's is known. */
  private double squaredHead(long code, double squaredTailOfCode) {
    double add = codes.get(RaBitQ.FLOAT, code + codec.factorsOffset());
    return switch (codec.metric()) {
      case L2 -> Math.max(0, add - squaredTailOfCode);
      case COSINE -> Math.max(0, 2 * add - squaredTailOfCode);
      case DOT -> {
        double gain = codes.get(RaBitQ.FLOAT, code + codec.factorsOffset() + 4);
        yield gain * gain * squaredLevels(code);
      }
    };
  }

  /** Sum of squares of the levels of a code's head, from the differences of its planes. */
  private double squaredLevels(long code) {
    int words = codec.headWords();
    long sum = 0;
    for (int a = 0; a < Saq.HEAD_BITS; a++) {
      sum += (64L * words) << (2 * a);
      for (int b = a + 1; b < Saq.HEAD_BITS; b++) {
        long differing = 0;
        for (int word = 0; word < words; word++) {
          long first = codes.get(RaBitQ.LONG, code + 8L * (a * words + word));
          differing +=
              Long.bitCount(first ^ codes.get(RaBitQ.LONG, code + 8L * (b * words + word)));
        }
        sum += (64L * words - 2 * differing) << (a + b + 1);
      }
    }
    return sum;
  }

  /** Share of a code vector's squared length that is error, normal components, by bits. */
  private static final double[] TAIL_ERRORS = {
    1, 0.363, 0.119, 0.0374, 0.0115, 0.0035, 0.00105, 0.00031, 0.00009
  };

  @Override
  public double confidence() {
    return RaBitQScorer.CONFIDENCE;
  }
}
