// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.format;

import dev.arbalest.BadInputException;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;

/** Tells vectors that can be indexed and searched for from others. */
public final class RowCheck {
  /** Leaves room for the sums of distance estimates, which larger norms would overflow. */
  public static final float LARGEST_SQUARED_NORM = Float.MAX_VALUE / 16;

  /** Below this a float's square loses precision; norms are then computed in double. */
  private static final float SMALL_SQUARED_NORM = 1e-30f;

  /**
   * Norms this close to 1 count as 1, so that vectors normalised by their maker are stored bit for
   * bit.
   */
  private static final double UNIT_TOLERANCE = 1e-6;

  private RowCheck() {}

  /**
   * Checks a row.
   *
   * @param source where the rows are from, for messages
   * @return the row's norm
   * @throws BadInputException naming source, row and component if a value is NaN or infinite, the
   *     norm overflows float32, or it is 0 under {@link Metric#COSINE}
   */
  public static double norm(F32Rows rows, int row, Metric metric, Object source) {
    float squaredNorm =
        F32Distance.dot(
            rows.memory(), rows.offset(row), rows.memory(), rows.offset(row), rows.dimension());
    if (!(squaredNorm > SMALL_SQUARED_NORM && squaredNorm < LARGEST_SQUARED_NORM)) {
      return checkSlowly(rows, row, metric, source);
    }
    return Math.sqrt(squaredNorm);
  }

  private static double checkSlowly(F32Rows rows, int row, Metric metric, Object source) {
    double squaredNorm = 0;
    for (int i = 0; i < rows.dimension(); i++) {
      float value = rows.get(row, i);
      if (!Float.isFinite(value)) {
        throw new BadInputException(
            source + ", row " + row + ": component " + i + " is " + value + "; remove the row");
      }
      squaredNorm += (double) value * value;
    }
    if (squaredNorm > LARGEST_SQUARED_NORM) {
      throw new BadInputException(
          source + ", row " + row + ": its norm overflows float32; scale the vectors down");
    }
    if (squaredNorm == 0 && metric == Metric.COSINE) {
      throw new BadInputException(
          source + ", row " + row + ": norm 0 has no direction under cosine; remove the row");
    }
    return Math.sqrt(squaredNorm);
  }

  /** Copies a row as it is stored: of unit norm for cosine. */
  public static void take(F32Rows rows, int row, Metric metric, double norm, float[] target) {
    rows.copyRow(row, target);
    if (metric == Metric.COSINE && Math.abs(norm - 1) > UNIT_TOLERANCE) {
      for (int i = 0; i < target.length; i++) {
        target[i] = (float) (target[i] / norm);
      }
    }
  }
}
