package dev.arbalest.pq;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.BitDistance;
import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.Metric;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * RaBitQ (Gao and Long, SIGMOD 2024), one bit per component: the signs of the rotated residual
 * {@code x - c} to the mean {@code c}, and factors that make the estimate of an inner product
 * unbiased over the random rotation, with an error bound.
 *
 * <p>With {@code r} the residual, {@code o = r / |r|} rotated and {@code s} its signs over {@code
 * sqrt(D)}, {@code <r, q>} is estimated by {@code |r| <s, q> / <s, o>}; its error exceeds {@code
 * epsilon |r| |q| sqrt((1 - <s,o>^2) / <s,o>^2) / sqrt(D - 1)} with a probability that falls like
 * {@code exp(-epsilon^2 / 2)}.
 *
 * <p>Code: {@code D / 64} longs of signs (bit 1 = positive), then floats {@code add}, {@code scale}
 * and for inner product also {@code |r|} and a zero: {@code distance = add + scale * <signs, q> +
 * constant of the query}.
 */
public final class RaBitQ implements Codec {
  /** Rows the mean is taken of. */
  private static final int SAMPLE_ROWS = 100_000;

  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfFloat FLOAT = F32Rows.FLOAT;

  private final CodecSpec spec;
  private final Metric metric;
  private final Rotation rotation;
  private final float[] center;

  private RaBitQ(CodecSpec spec, Metric metric, Rotation rotation, float[] center) {
    this.spec = spec;
    this.metric = metric;
    this.rotation = rotation;
    this.center = center;
  }

  static RaBitQ train(CodecSpec spec, Metric metric, F32Rows rows, long seed) {
    return new RaBitQ(
        spec, metric, new Rotation(rows.dimension(), seed), TrainingSample.mean(rows, SAMPLE_ROWS));
  }

  static RaBitQ readBody(CodecSpec spec, Metric metric, DataInputStream in) throws IOException {
    long seed = in.readLong();
    float[] center = CodecFormat.readFloats(in);
    if (center.length < 1 || center.length > 65_536) {
      throw new IOException("RaBitQ centre of impossible dimension " + center.length);
    }
    return new RaBitQ(spec, metric, new Rotation(center.length, seed), center);
  }

  @Override
  public void write(DataOutputStream out) throws IOException {
    CodecFormat.writeHead(out, this);
    out.writeLong(rotation.seed());
    CodecFormat.writeFloats(out, center);
  }

  @Override
  public CodecSpec spec() {
    return spec;
  }

  @Override
  public int dimension() {
    return rotation.dimension();
  }

  @Override
  public Metric metric() {
    return metric;
  }

  Rotation rotation() {
    return rotation;
  }

  float[] center() {
    return center;
  }

  int words() {
    return rotation.paddedDimension() / 64;
  }

  @Override
  public int codeBytes() {
    return 8 * words() + (metric == Metric.DOT ? 16 : 8);
  }

  @Override
  public void encode(F32Rows rows, int from, int to, MemorySegment codes) {
    if (rows.dimension() != dimension()) {
      throw new IllegalArgumentException(
          "rows have dimension " + rows.dimension() + ", the codec " + dimension());
    }
    float[] vector = new float[rotation.paddedDimension()];
    for (int row = from; row < to; row++) {
      java.util.Arrays.fill(vector, dimension(), vector.length, 0);
      rows.copyRow(row, vector);
      encodeOne(vector, codes, (long) row * codeBytes());
    }
  }

  private void encodeOne(float[] vector, MemorySegment codes, long offset) {
    double centerDot = 0;
    for (int i = 0; i < center.length; i++) {
      vector[i] -= center[i];
      centerDot += vector[i] * center[i];
    }
    rotation.apply(vector);
    double squaredNorm = 0;
    double absoluteSum = 0;
    for (int word = 0; word < words(); word++) {
      long bits = 0;
      for (int i = 0; i < 64; i++) {
        float component = vector[64 * word + i];
        squaredNorm += component * component;
        absoluteSum += Math.abs(component);
        if (component > 0) {
          bits |= 1L << i;
        }
      }
      codes.set(LONG, offset + 8L * word, bits);
    }
    // <r, q> is estimated by gain * <signs, q>: |r| / (sqrt(D) <s, o>) = |r|^2 / sum |r_i|.
    double gain = absoluteSum == 0 ? 0 : squaredNorm / absoluteSum;
    double add;
    double scale;
    switch (metric) {
      case L2 -> {
        add = squaredNorm;
        scale = -2 * gain;
      }
      case COSINE -> {
        add = squaredNorm / 2;
        scale = -gain;
      }
      default -> {
        add = -centerDot;
        scale = -gain;
      }
    }
    long factors = offset + 8L * words();
    codes.set(FLOAT, factors, (float) add);
    codes.set(FLOAT, factors + 4, (float) scale);
    if (metric == Metric.DOT) {
      codes.set(FLOAT, factors + 8, (float) Math.sqrt(squaredNorm));
      codes.set(FLOAT, factors + 12, 0);
    }
  }

  @MustBeClosed
  @Override
  public CodeScorer newScorer(MemorySegment codes, int batchSize) {
    return new RaBitQScorer(this, codes, batchSize);
  }

  /** Inner product of a code with the query levels it agrees with in every sign. */
  static int fullWeight(int words) {
    return ((1 << BitDistance.PLANES) - 1) * 64 * words;
  }
}
