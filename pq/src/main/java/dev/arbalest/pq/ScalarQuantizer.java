package dev.arbalest.pq;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.Metric;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One signed byte per component, on a range of its own per dimension: a common range loses all
 * resolution to the few outlier coordinates of some embedding models (ada-002 has one ten times as
 * long as the rest). The query stays in floats.
 *
 * <p>With {@code x_i = offset_i + step_i c_i}, inner products are {@code <q, offset> + <q step,
 * c>}, one product of bytes with floats. Code: the bytes, padded with zeros to a multiple of 8,
 * then float {@code add} and a zero float; {@code distance = add + constant of the query + scale <q
 * step, c>}.
 */
public final class ScalarQuantizer implements Codec {
  private static final int SAMPLE_ROWS = 100_000;
  private static final int LEVELS = 256;

  private final CodecSpec spec;
  private final Metric metric;

  /** Value of code 0 per dimension. */
  private final float[] offsets;

  private final float[] steps;

  private ScalarQuantizer(CodecSpec spec, Metric metric, float[] offsets, float[] steps) {
    this.spec = spec;
    this.metric = metric;
    this.offsets = offsets;
    this.steps = steps;
  }

  static ScalarQuantizer train(CodecSpec spec, Metric metric, F32Rows rows) {
    int dimension = rows.dimension();
    float[] low = new float[dimension];
    float[] high = new float[dimension];
    java.util.Arrays.fill(low, Float.POSITIVE_INFINITY);
    java.util.Arrays.fill(high, Float.NEGATIVE_INFINITY);
    int size = TrainingSample.size(rows, SAMPLE_ROWS);
    float[] row = new float[dimension];
    for (int i = 0; i < size; i++) {
      rows.copyRow(TrainingSample.row(rows, i, size), row);
      for (int j = 0; j < dimension; j++) {
        low[j] = Math.min(low[j], row[j]);
        high[j] = Math.max(high[j], row[j]);
      }
    }
    float[] offsets = new float[dimension];
    float[] steps = new float[dimension];
    for (int j = 0; j < dimension; j++) {
      steps[j] = Math.max((high[j] - low[j]) / (LEVELS - 1), Float.MIN_NORMAL);
      offsets[j] = low[j] + steps[j] * (LEVELS / 2);
    }
    return new ScalarQuantizer(spec, metric, offsets, steps);
  }

  static ScalarQuantizer readBody(CodecSpec spec, Metric metric, DataInputStream in)
      throws IOException {
    float[] offsets = CodecFormat.readFloats(in);
    float[] steps = CodecFormat.readFloats(in);
    if (offsets.length < 1 || offsets.length != steps.length) {
      throw new IOException(
          "sq8 ranges of impossible dimensions " + offsets.length + " and " + steps.length);
    }
    return new ScalarQuantizer(spec, metric, offsets, steps);
  }

  @Override
  public void write(DataOutputStream out) throws IOException {
    CodecFormat.writeHead(out, this);
    CodecFormat.writeFloats(out, offsets);
    CodecFormat.writeFloats(out, steps);
  }

  @Override
  public CodecSpec spec() {
    return spec;
  }

  @Override
  public int dimension() {
    return offsets.length;
  }

  @Override
  public Metric metric() {
    return metric;
  }

  @Override
  public int codeBytes() {
    return paddedBytes() + 8;
  }

  int paddedBytes() {
    return (dimension() + 7) / 8 * 8;
  }

  float[] offsets() {
    return offsets;
  }

  float[] steps() {
    return steps;
  }

  @Override
  public CodeEncoder newEncoder() {
    float[] row = new float[dimension()];
    return (rows, from, to, codes) -> {
      CodecFormat.requireDimension(rows, dimension());
      for (int node = from; node < to; node++) {
        rows.copyRow(node, row);
        long code = (long) node * codeBytes();
        double squaredNorm = 0;
        for (int i = 0; i < row.length; i++) {
          int level = Math.round((row[i] - offsets[i]) / steps[i]);
          level = Math.min(LEVELS / 2 - 1, Math.max(-LEVELS / 2, level));
          codes.set(ValueLayout.JAVA_BYTE, code + i, (byte) level);
          double decoded = (double) steps[i] * level; // from the middle of its range
          squaredNorm += decoded * decoded;
        }
        for (int i = row.length; i < paddedBytes(); i++) {
          codes.set(ValueLayout.JAVA_BYTE, code + i, (byte) 0);
        }
        float add =
            metric == Metric.DOT
                ? 0
                : (float) (metric == Metric.L2 ? squaredNorm : squaredNorm / 2);
        codes.set(RaBitQ.FLOAT, code + paddedBytes(), add);
        codes.set(RaBitQ.FLOAT, code + paddedBytes() + 4, 0);
      }
    };
  }

  @Override
  public double clippedShare(F32Rows rows) {
    long clipped = 0;
    float[] row = new float[dimension()];
    for (int node = 0; node < rows.count(); node++) {
      rows.copyRow(node, row);
      for (int i = 0; i < row.length; i++) {
        float level = (row[i] - offsets[i]) / steps[i];
        clipped += level < -LEVELS / 2 - 0.5f || level > LEVELS / 2 - 0.5f ? 1 : 0;
      }
    }
    return (double) clipped / Math.max(1, (long) rows.count() * row.length);
  }

  @MustBeClosed
  @Override
  public CodeScorer newScorer(MemorySegment codes, int batchSize) {
    return new NarrowScorer(this, codes);
  }
}
