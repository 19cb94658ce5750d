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
 * Vectors in IEEE half floats, all multiplied by one power of two that brings the largest component
 * of the training sample close below 2^14: so few components fall among the subnormals, whose
 * precision fades.
 *
 * <p>Code: the halves, padded with zeros to an even number and to a multiple of 8 bytes, then float
 * {@code add} and a zero float.
 */
public final class HalfFloats implements Codec {
  private static final int SAMPLE_ROWS = 100_000;
  private static final int TARGET_EXPONENT = 13;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final CodecSpec spec;
  private final Metric metric;
  private final int dimension;
  private final float scale;

  private HalfFloats(CodecSpec spec, Metric metric, int dimension, float scale) {
    this.spec = spec;
    this.metric = metric;
    this.dimension = dimension;
    this.scale = scale;
  }

  static HalfFloats train(CodecSpec spec, Metric metric, F32Rows rows) {
    float largest = Float.MIN_NORMAL;
    int size = TrainingSample.size(rows, SAMPLE_ROWS);
    float[] row = new float[rows.dimension()];
    for (int i = 0; i < size; i++) {
      rows.copyRow(TrainingSample.row(rows, i, size), row);
      for (float component : row) {
        largest = Math.max(largest, Math.abs(component));
      }
    }
    int exponent = Math.clamp(TARGET_EXPONENT - Math.getExponent(largest), -100, 100);
    return new HalfFloats(spec, metric, rows.dimension(), Math.scalb(1f, exponent));
  }

  static HalfFloats readBody(CodecSpec spec, Metric metric, DataInputStream in) throws IOException {
    int dimension = in.readInt();
    float scale = in.readFloat();
    if (dimension < 1 || dimension > 65_536 || !(scale > 0 && scale < Float.POSITIVE_INFINITY)) {
      throw new IOException("f16 codec of impossible dimension " + dimension + ", scale " + scale);
    }
    return new HalfFloats(spec, metric, dimension, scale);
  }

  @Override
  public void write(DataOutputStream out) throws IOException {
    CodecFormat.writeHead(out, this);
    out.writeInt(dimension);
    out.writeFloat(scale);
  }

  @Override
  public CodecSpec spec() {
    return spec;
  }

  @Override
  public int dimension() {
    return dimension;
  }

  @Override
  public Metric metric() {
    return metric;
  }

  @Override
  public int codeBytes() {
    return paddedBytes() + 8;
  }

  /** Components including the zero that makes their number even. */
  int evenDimension() {
    return dimension + dimension % 2;
  }

  int paddedBytes() {
    return (2 * evenDimension() + 7) / 8 * 8;
  }

  float scale() {
    return scale;
  }

  @Override
  public CodeEncoder newEncoder(SegmentAllocator memory) {
    float[] row = new float[dimension];
    return (rows, from, to, codes) -> {
      CodecFormat.requireDimension(rows, dimension());
      for (int node = from; node < to; node++) {
        rows.copyRow(node, row);
        long code = (long) node * codeBytes();
        double squaredNorm = 0;
        for (int i = 0; i < dimension; i++) {
          float scaled = Math.clamp(row[i] * scale, -65_504f, 65_504f);
          short half = Float.floatToFloat16(scaled);
          codes.set(SHORT, code + 2L * i, half);
          double decoded = Float.float16ToFloat(half) / (double) scale;
          squaredNorm += decoded * decoded;
        }
        for (int i = 2 * dimension; i < paddedBytes(); i += 2) {
          codes.set(SHORT, code + i, (short) 0);
        }
        float add =
            metric == Metric.DOT
                ? 0
                : (float) (metric == Metric.L2 ? squaredNorm : squaredNorm / 2);
        codes.set(RaBitQ.FLOAT, code + paddedBytes(), add);
        codes.set(RaBitQ.FLOAT, code + paddedBytes() + 4, 1); // no scale of its own
      }
    };
  }

  @Override
  public CodeDecoder newDecoder() {
    return new ReconstructingDecoder(
        dimension,
        (codes, node, vector) -> {
          long code = (long) node * codeBytes();
          for (int i = 0; i < vector.length; i++) {
            vector[i] = Float.float16ToFloat(codes.get(SHORT, code + 2L * i)) / scale;
          }
        });
  }

  @Override
  public CodeScorer newScorer(MemorySegment codes, int batchSize, SegmentAllocator memory) {
    return new NarrowScorer(this, codes, memory);
  }
}
