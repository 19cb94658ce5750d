package dev.arbalest.pq;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.Metric;
import dev.arbalest.natives.NarrowDistance;
import dev.arbalest.natives.NativeMemory;
import java.lang.foreign.MemorySegment;

/** Scores codes that hold every component in a narrow type; gives no error bound. */
final class NarrowScorer implements CodeScorer {
  private final Codec codec;
  private final MemorySegment codes;
  private final int paddedBytes;
  private final NativeMemory prepared;
  private final float[] vector;
  private float constant;
  private float weight;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  NarrowScorer(Codec codec, MemorySegment codes) {
    this.codec = codec;
    this.codes = codes;
    this.paddedBytes = codec.codeBytes() - 8;
    this.vector = new float[codec.dimension() + 1];
    this.prepared = NativeMemory.allocate(4L * vector.length);
  }

  @Override
  public void query(MemorySegment query) {
    double squaredNorm = 0;
    double offsetDot = 0;
    for (int i = 0; i < codec.dimension(); i++) {
      float component = query.getAtIndex(F32Rows.FLOAT, i);
      squaredNorm += (double) component * component;
      vector[i] = component;
    }
    if (codec instanceof ScalarQuantizer sq8) {
      for (int i = 0; i < codec.dimension(); i++) {
        offsetDot += (double) vector[i] * sq8.offsets()[i];
        prepared.segment().setAtIndex(F32Rows.FLOAT, i, vector[i] * sq8.steps()[i]);
      }
    } else if (codec instanceof HalfFloats half) {
      for (int i = 0; i < codec.dimension(); i++) {
        vector[i] /= half.scale();
      }
      vector[codec.dimension()] = 0;
      NarrowDistance.splitHalfQuery(vector, half.evenDimension(), prepared.segment());
    }
    weight = codec.metric() == Metric.L2 ? -2 : -1;
    constant =
        (float)
            (weight * offsetDot
                + switch (codec.metric()) {
                  case L2 -> squaredNorm;
                  case COSINE -> squaredNorm / 2;
                  case DOT -> 0;
                });
  }

  @Override
  public void score(int[] nodes, int from, int count, float[] distances) {
    int stride = codec.codeBytes();
    if (codec instanceof HalfFloats half) {
      NarrowDistance.dotHalf(
          prepared.segment(),
          codes,
          0,
          stride,
          half.evenDimension(),
          nodes,
          from,
          count,
          distances);
    } else {
      NarrowDistance.dotByte(
          prepared.segment(), codes, 0, stride, codec.dimension(), nodes, from, count, distances);
    }
    for (int i = 0; i < count; i++) {
      long factors = (long) nodes[from + i] * stride + paddedBytes;
      distances[i] = constant + codes.get(RaBitQ.FLOAT, factors) + weight * distances[i];
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

  @Override
  public void close() {
    prepared.close();
  }
}
