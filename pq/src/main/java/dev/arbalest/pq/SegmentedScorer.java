package dev.arbalest.pq;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.BitDistance;
import dev.arbalest.natives.Metric;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.PackedPlanes;
import java.lang.foreign.MemorySegment;

/** Scores {@link SegmentedRaBitQ} codes: head and tail against a query split as they are. */
final class SegmentedScorer implements CodeScorer {
  private final SegmentedRaBitQ codec;
  private final MemorySegment codes;
  private final int stride;
  private final int tailBits;
  private final int tailWords;
  private final float[] rotated;
  private final float[] head;

  /** The rotated query, then what becomes its tail. */
  private final NativeMemory split;

  private final QueryRounding headRounding = new QueryRounding(SegmentedRaBitQ.HEAD_BITS);
  private final QueryRounding tailRounding;
  private final PackedPlanes headPlanes;
  private final NativeMemory tailPlanes;
  private final QueryRounding.Sink headSink;
  private final QueryRounding.Sink tailSink;
  private final int[] headDifferences;
  private final int[] tailDifferences;
  private float constant;
  private double squaredHead;
  private double squaredTail;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  SegmentedScorer(SegmentedRaBitQ codec, MemorySegment codes, int batchSize) {
    this.codec = codec;
    this.codes = codes;
    this.stride = codec.codeBytes();
    this.tailBits = codec.tailBits();
    this.tailWords = codec.tailWords();
    this.rotated = new float[codec.rotation().paddedDimension()];
    this.split = NativeMemory.allocate(8L * rotated.length);
    this.head = new float[64 * codec.headWords()];
    this.tailRounding = new QueryRounding(tailBits);
    this.headPlanes =
        new PackedPlanes(codec.headWords(), SegmentedRaBitQ.HEAD_BITS, headRounding.bits());
    this.tailPlanes = NativeMemory.allocate(8L * tailRounding.bits() * tailWords);
    this.headSink = headPlanes::setQuery;
    MemorySegment memory = tailPlanes.segment();
    this.tailSink =
        (plane, word, bits) -> memory.set(RaBitQ.LONG, 8L * (plane * tailWords + word), bits);
    this.headDifferences = new int[batchSize];
    this.tailDifferences = new int[batchSize];
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
    codec.rotation().apply(rotated);
    long bytes = 4L * rotated.length;
    MemorySegment rest = split.segment().asSlice(bytes, bytes);
    MemorySegment.copy(rotated, 0, split.segment(), RaBitQ.FLOAT, 0, rotated.length);
    MemorySegment.copy(rotated, 0, rest, RaBitQ.FLOAT, 0, rotated.length);
    codec.split(split.segment(), head, rest);
    MemorySegment.copy(rest, RaBitQ.FLOAT, 0, rotated, 0, rotated.length);
    squaredHead = squaredNorm(head);
    squaredTail = squaredNorm(rotated);
    headRounding.round(head, codec.headWords(), squaredHead, headSink);
    tailRounding.round(rotated, tailWords, squaredTail, tailSink);
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
        tailPlanes.segment(),
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
          constant
              + codes.get(RaBitQ.FLOAT, code)
              + codes.get(RaBitQ.FLOAT, code + 4) * ofHead
              + codes.get(RaBitQ.FLOAT, code + 8) * ofTail;
    }
  }

  @Override
  public void errorBounds(int[] nodes, int from, int count, float[] bounds) {
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
          tailBits == 1 ? gain * gain * rotated.length : squaredError / TAIL_ERRORS[tailBits];
      double variance =
          headVariance
              + squaredError * squaredTail / Math.max(1, rotated.length - 1)
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

  @Override
  public void close() {
    split.close();
    headPlanes.close();
    tailPlanes.close();
  }
}
