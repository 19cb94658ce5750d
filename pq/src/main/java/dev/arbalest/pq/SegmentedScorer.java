package dev.arbalest.pq;

import dev.arbalest.natives.BitDistance;
import dev.arbalest.natives.Metric;
import dev.arbalest.natives.PackedPlanes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/** Scores {@link SegmentedRaBitQ} codes: head and tail against a query split as they are. */
final class SegmentedScorer implements CodeScorer {
  private final SegmentedRaBitQ codec;
  private final MemorySegment codes;
  private final int stride;
  private final int tailBits;
  private final int tailWords;
  private final QueryResidual residual;
  private final float[] head;

  private final MemorySegment whole;

  /** A copy of the whole, which becomes the tail. */
  private final MemorySegment rest;

  private final QueryRounding headRounding = new QueryRounding(SegmentedRaBitQ.HEAD_BITS);
  private final QueryRounding tailRounding;
  private final PackedPlanes headPlanes;
  private final MemorySegment tailPlanes;
  private final QueryRounding.Sink headSink;
  private final QueryRounding.Sink tailSink;
  private final int[] headDifferences;
  private final int[] tailDifferences;
  private double squaredHead;
  private double squaredTail;

  SegmentedScorer(
      SegmentedRaBitQ codec, MemorySegment codes, int batchSize, SegmentAllocator memory) {
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
        new PackedPlanes(codec.headWords(), SegmentedRaBitQ.HEAD_BITS, headRounding.bits(), memory);
    this.tailPlanes = memory.allocate(8L * tailRounding.bits() * tailWords, 64);
    this.headSink = headPlanes::setQuery;
    this.tailSink =
        (plane, word, bits) -> tailPlanes.set(RaBitQ.LONG, 8L * (plane * tailWords + word), bits);
    this.headDifferences = new int[batchSize];
    this.tailDifferences = new int[batchSize];
  }

  @Override
  public void query(MemorySegment query) {
    residual.set(query);
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
    headPlanes.weightedDifferences(codes, stride, stride, nodes, from, count, headDifferences);
    BitDistance.weightedDifferences(
        tailPlanes,
        tailRounding.bits(),
        codes,
        codec.headBytes(),
        stride,
        tailBits,
        tailWords,
        nodes,
        from,
        count,
        tailDifferences);
    long fullHead =
        BitDistance.fullProduct(SegmentedRaBitQ.HEAD_BITS, headRounding.bits(), codec.headWords());
    long fullTail = BitDistance.fullProduct(tailBits, tailRounding.bits(), tailWords);
    float halfHead = headRounding.step() / 2;
    float halfTail = tailRounding.step() / 2;
    long factors = codec.planeBytes();
    for (int i = 0; i < count; i++) {
      long code = (long) nodes[from + i] * stride + factors;
      float ofHead = halfHead * (fullHead - 2 * Integer.toUnsignedLong(headDifferences[i]));
      float ofTail = halfTail * (fullTail - 2 * Integer.toUnsignedLong(tailDifferences[i]));
      distances[i] =
          residual.constant()
              + codes.get(RaBitQ.FLOAT, code)
              + codes.get(RaBitQ.FLOAT, code + 4) * ofHead
              + codes.get(RaBitQ.FLOAT, code + 8) * ofTail;
    }
  }

  @Override
  public void errorBounds(int[] nodes, int from, int count, float[] bounds) {
    int dimension = residual.rotated().length;
    double weight = codec.metric() == Metric.L2 ? 2 : 1;
    double headVariance =
        codec.meanSquaredHeadError() * squaredHead / Math.max(1, head.length - 1)
            + codec.meanSquaredHead() * headRounding.variance();
    for (int i = 0; i < count; i++) {
      long factors = (long) nodes[from + i] * stride + codec.planeBytes();
      double gain = codes.get(RaBitQ.FLOAT, factors + 8) / weight;
      double squaredError = codes.get(RaBitQ.FLOAT, factors + 12);
      // Of the tail's levels the sum of squares is that of its plane products; one bit: all 1.
      double squaredCode =
          tailBits == 1 ? gain * gain * dimension : squaredError / TAIL_ERRORS[tailBits];
      double variance =
          headVariance
              + squaredError * squaredTail / Math.max(1, dimension - 1)
              + squaredCode * tailRounding.variance();
      bounds[i] = (float) (weight * RaBitQScorer.EPSILON * Math.sqrt(variance));
    }
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
