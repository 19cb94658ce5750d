// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * RaBitQ with 1 to 8 bits per component (Gao and Long, SIGMOD 2024; several bits: Gao et al.,
 * SIGMOD 2025): the residual {@code r = x - c} to the mean, rotated, is replaced by the vector
 * {@code Y} of odd integers in {@code [-(2^B - 1), 2^B - 1]} whose direction is nearest its own.
 * One bit gives the signs.
 *
 * <p>{@code <r, q>} is estimated by {@code gain <Y, q>} with {@code gain = |r|^2 / <Y, r>}: the
 * error vector {@code gain Y - r} is orthogonal to {@code r}, so over random rotations the estimate
 * is unbiased and its error about normal with deviation {@code |gain Y - r| |q| / sqrt(D - 1)}.
 *
 * <p>Code: B planes of {@code D / 64} longs (docs/format.md), then floats {@code add}, {@code
 * scale} and for inner product also {@code |r|} and a zero: {@code distance = add + scale * <Y, q>
 * + constant of the query}.
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
    float[] center = TrainingSample.spread(rows, SAMPLE_ROWS).center();
    return new RaBitQ(spec, metric, new Rotation(rows.dimension(), seed), center);
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

  int bits() {
    return spec.parameter();
  }

  /** Bytes of the planes: where a code's factors begin. */
  int planeBytes() {
    return 8 * words() * bits();
  }

  @Override
  public int codeBytes() {
    return planeBytes() + (metric == Metric.DOT ? 16 : 8);
  }

  @Override
  public CodeEncoder newEncoder(SegmentAllocator memory) {
    float[] vector = new float[rotation.paddedDimension()];
    DirectionRounder rounder = new DirectionRounder(bits(), vector.length);
    return (rows, from, to, codes) -> {
      CodecFormat.requireDimension(rows, dimension());
      for (int row = from; row < to; row++) {
        java.util.Arrays.fill(vector, dimension(), vector.length, 0);
        rows.copyRow(row, vector);
        encodeOne(vector, rounder, codes, (long) row * codeBytes());
      }
    };
  }

  private void encodeOne(
      float[] vector, DirectionRounder rounder, MemorySegment codes, long offset) {
    double centerDot = 0;
    for (int i = 0; i < center.length; i++) {
      vector[i] -= center[i];
      centerDot += vector[i] * center[i];
    }
    rotation.apply(vector);
    double squaredNorm = 0;
    for (float component : vector) {
      squaredNorm += component * component;
    }
    double product = rounder.round(vector, squaredNorm);
    rounder.writePlanes(codes, offset);
    double gain = product == 0 ? 0 : squaredNorm / product;
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
    long factors = offset + planeBytes();
    codes.set(FLOAT, factors, (float) add);
    codes.set(FLOAT, factors + 4, (float) scale);
    if (metric == Metric.DOT) {
      codes.set(FLOAT, factors + 8, (float) Math.sqrt(squaredNorm));
      codes.set(FLOAT, factors + 12, 0);
    }
  }

  @Override
  public CodeDecoder newDecoder() {
    return new RaBitQDecoder(this);
  }

  @Override
  public CodeScorer newScorer(MemorySegment codes, int batchSize, SegmentAllocator memory) {
    return new RaBitQScorer(this, codes, batchSize, memory);
  }
}
