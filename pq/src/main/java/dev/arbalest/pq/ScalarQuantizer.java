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

/**
 * One signed byte per component: {@code x_i = mean_i + unit_i scale c_i}, a unit per dimension and
 * a scale per vector. A common unit loses all resolution to the few outlier coordinates of some
 * embedding models (ada-002 has one ten times as long as the rest); units as long as the spread
 * spend it where little is decided. The square root of the standard deviation lies between, and the
 * scale of each vector spares it the range of the longest of all. The query stays in floats.
 *
 * <p>Code: the bytes, padded with zeros to a multiple of 8, then floats {@code add} and {@code
 * scale}; {@code distance = add + constant of the query + weight scale <q unit, c>}.
 */
public final class ScalarQuantizer implements Codec {
  private static final int SAMPLE_ROWS = 100_000;

  /** Levels are -127 to 127. */
  private static final int TOP_LEVEL = 127;

  /** Shortest unit, as a share of the mean one: constant dimensions stay representable. */
  private static final double SHORTEST_UNIT = 0.05;

  private final CodecSpec spec;
  private final Metric metric;
  private final float[] means;
  private final float[] units;

  private ScalarQuantizer(CodecSpec spec, Metric metric, float[] means, float[] units) {
    this.spec = spec;
    this.metric = metric;
    this.means = means;
    this.units = units;
  }

  static ScalarQuantizer train(CodecSpec spec, Metric metric, F32Rows rows) {
    int dimension = rows.dimension();
    double[] sums = new double[dimension];
    double[] squares = new double[dimension];
    int size = TrainingSample.size(rows, SAMPLE_ROWS);
    TrainingSample.Spread spread = TrainingSample.spread(rows, SAMPLE_ROWS);
    float[] row = new float[dimension];
    for (int i = 0; i < size; i++) {
      rows.copyRow(TrainingSample.row(rows, i, size), row);
      spread.subtract(row);
      for (int j = 0; j < dimension; j++) {
        sums[j] += row[j];
        squares[j] += (double) row[j] * row[j];
      }
    }
    float[] means = new float[dimension];
    float[] units = new float[dimension];
    double total = 0;
    for (int j = 0; j < dimension; j++) {
      double mean = sums[j] / size;
      means[j] = (float) (spread.center()[j] + mean);
      units[j] = (float) Math.sqrt(Math.sqrt(Math.max(0, squares[j] / size - mean * mean)));
      total += units[j];
    }
    float shortest = (float) (SHORTEST_UNIT * total / dimension);
    for (int j = 0; j < dimension; j++) {
      units[j] = shortest > 0 ? Math.max(units[j], shortest) : 1;
    }
    return new ScalarQuantizer(spec, metric, means, units);
  }

  static ScalarQuantizer readBody(CodecSpec spec, Metric metric, DataInputStream in)
      throws IOException {
    float[] means = CodecFormat.readFloats(in);
    float[] units = CodecFormat.readFloats(in);
    if (means.length < 1 || means.length != units.length) {
      throw new IOException(
          "sq8 parameters of impossible dimensions " + means.length + " and " + units.length);
    }
    return new ScalarQuantizer(spec, metric, means, units);
  }

  @Override
  public void write(DataOutputStream out) throws IOException {
    CodecFormat.writeHead(out, this);
    CodecFormat.writeFloats(out, means);
    CodecFormat.writeFloats(out, units);
  }

  @Override
  public CodecSpec spec() {
    return spec;
  }

  @Override
  public int dimension() {
    return means.length;
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

  float[] means() {
    return means;
  }

  float[] units() {
    return units;
  }

  @Override
  public CodeEncoder newEncoder(SegmentAllocator memory) {
    float[] row = new float[dimension()];
    return (rows, from, to, codes) -> {
      CodecFormat.requireDimension(rows, dimension());
      for (int node = from; node < to; node++) {
        rows.copyRow(node, row);
        long code = (long) node * codeBytes();
        float scale = scale(row);
        double squaredNorm = 0;
        for (int i = 0; i < row.length; i++) {
          int level = Math.clamp(level(row[i], i, scale), -TOP_LEVEL, TOP_LEVEL);
          codes.set(ValueLayout.JAVA_BYTE, code + i, (byte) level);
          double decoded = (double) units[i] * scale * level; // from the mean
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
        codes.set(RaBitQ.FLOAT, code + paddedBytes() + 4, scale);
      }
    };
  }

  /** The scale with which the component longest in its unit has the top level. */
  private float scale(float[] row) {
    float longest = Float.MIN_NORMAL;
    for (int i = 0; i < row.length; i++) {
      longest = Math.max(longest, Math.abs(row[i] - means[i]) / units[i]);
    }
    return longest / TOP_LEVEL;
  }

  private int level(float component, int dimension, float scale) {
    return Math.round((component - means[dimension]) / (units[dimension] * scale));
  }

  @Override
  public double clippedShare(F32Rows rows) {
    long clipped = 0;
    float[] row = new float[dimension()];
    for (int node = 0; node < rows.count(); node++) {
      rows.copyRow(node, row);
      float scale = scale(row);
      for (int i = 0; i < row.length; i++) {
        clipped += Math.abs(level(row[i], i, scale)) > TOP_LEVEL ? 1 : 0;
      }
    }
    return (double) clipped / Math.max(1, (long) rows.count() * row.length);
  }

  @Override
  public CodeDecoder newDecoder() {
    return new ReconstructingDecoder(
        dimension(),
        (codes, node, vector) -> {
          long code = (long) node * codeBytes();
          float scale = codes.get(RaBitQ.FLOAT, code + paddedBytes() + 4);
          for (int i = 0; i < vector.length; i++) {
            vector[i] = means[i] + units[i] * scale * codes.get(ValueLayout.JAVA_BYTE, code + i);
          }
        });
  }

  @Override
  public CodeScorer newScorer(MemorySegment codes, int batchSize, SegmentAllocator memory) {
    return new NarrowScorer(this, codes, memory);
  }
}
