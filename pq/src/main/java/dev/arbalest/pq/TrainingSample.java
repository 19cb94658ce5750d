// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.vector.F32Rows;
import java.util.Arrays;

/**
 * Which rows a codec is trained on: evenly spread, so that no random choice is needed. A few rows
 * that are much longer than the others count as if they were less long, or means and directions
 * would be theirs alone.
 */
final class TrainingSample {
  /** Rows this many times as far from the centre as the median are brought nearer. */
  private static final float MOST_MEDIANS = 8;

  /** The centre has settled when it moves less than this share of the median distance. */
  private static final double SETTLED = 0.01;

  private static final int MAX_STEPS = 32;

  private TrainingSample() {}

  /**
   * Where rows lie.
   *
   * @param center of the rows
   * @param longest what rows farther from it are shortened to; infinite unless some rows are much
   *     farther from the centre than the others
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Spread(float[] center, float longest) {
    /** Subtracts the centre from a row and shortens what is longer than {@code longest}. */
    void subtract(float[] row) {
      for (int i = 0; i < center.length; i++) {
        row[i] -= center[i];
      }
      if (longest < Float.POSITIVE_INFINITY) {
        double length = length(row, center.length);
        for (int i = 0; i < center.length && length > longest; i++) {
          row[i] = (float) (row[i] * (longest / length));
        }
      }
    }
  }

  /** Number of rows a sample of at most {@code limit} has. */
  static int size(F32Rows rows, int limit) {
    return Math.min(rows.count(), limit);
  }

  /** Row number of sample member {@code i} of {@code size}. */
  static int row(F32Rows rows, int i, int size) {
    return (int) ((long) i * rows.count() / size);
  }

  /**
   * Centre of the sample: its mean, unless some rows lie far out; then the mean of rows none of
   * which is farther from it than the median, found step by step (Huber's estimate of location).
   */
  static Spread spread(F32Rows rows, int limit) {
    float[] center = mean(rows, limit);
    int size = size(rows, limit);
    float[] row = new float[center.length];
    float[] lengths = new float[size];
    for (int step = 0; step < MAX_STEPS; step++) {
      Spread whole = new Spread(center, Float.POSITIVE_INFINITY);
      float farthest = 0;
      for (int i = 0; i < size; i++) {
        rows.copyRow(row(rows, i, size), row);
        whole.subtract(row);
        lengths[i] = (float) length(row, row.length);
        farthest = Math.max(farthest, lengths[i]);
      }
      Arrays.sort(lengths);
      float median = lengths[size / 2];
      if (farthest <= MOST_MEDIANS * median) {
        return whole;
      }
      // Of many equal rows the median distance is 0: then nothing is known of the others.
      Spread clipped = new Spread(center, MOST_MEDIANS * (median > 0 ? median : farthest));
      double moved = move(rows, size, new Spread(center, Math.max(median, Float.MIN_NORMAL)), row);
      if (moved <= SETTLED * median || median == 0) {
        return clipped;
      }
    }
    return new Spread(center, MOST_MEDIANS * lengths[size / 2]);
  }

  /** Moves the centre to the mean of the shortened rows; returns how far. */
  private static double move(F32Rows rows, int size, Spread spread, float[] row) {
    float[] center = spread.center();
    double[] sum = new double[center.length];
    for (int i = 0; i < size; i++) {
      rows.copyRow(row(rows, i, size), row);
      spread.subtract(row);
      for (int j = 0; j < center.length; j++) {
        sum[j] += row[j];
      }
    }
    double squares = 0;
    for (int j = 0; j < center.length; j++) {
      double step = sum[j] / size;
      center[j] += (float) step;
      squares += step * step;
    }
    return Math.sqrt(squares);
  }

  private static double length(float[] row, int dimension) {
    double squares = 0;
    for (int i = 0; i < dimension; i++) {
      squares += (double) row[i] * row[i];
    }
    return Math.sqrt(squares);
  }

  /** Mean of the sample, summed in double. */
  private static float[] mean(F32Rows rows, int limit) {
    int size = size(rows, limit);
    double[] sum = new double[rows.dimension()];
    float[] row = new float[rows.dimension()];
    for (int i = 0; i < size; i++) {
      rows.copyRow(row(rows, i, size), row);
      for (int j = 0; j < row.length; j++) {
        sum[j] += row[j];
      }
    }
    float[] mean = new float[row.length];
    for (int j = 0; j < row.length; j++) {
      mean[j] = (float) (sum[j] / size);
    }
    return mean;
  }
}
