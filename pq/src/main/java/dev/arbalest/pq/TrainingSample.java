// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.vector.F32Rows;

/** Which rows a codec is trained on: evenly spread, so that no random choice is needed. */
final class TrainingSample {
  private TrainingSample() {}

  /** Number of rows a sample of at most {@code limit} has. */
  static int size(F32Rows rows, int limit) {
    return Math.min(rows.count(), limit);
  }

  /** Row number of sample member {@code i} of {@code size}. */
  static int row(F32Rows rows, int i, int size) {
    return (int) ((long) i * rows.count() / size);
  }

  /** Mean of the sample, summed in double. */
  static float[] mean(F32Rows rows, int limit) {
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
