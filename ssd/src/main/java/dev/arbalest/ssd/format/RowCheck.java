// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.format;

import dev.arbalest.BadInputException;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.util.function.IntFunction;

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

  /** What messages call a row of vectors to insert. */
  public static String insert(int row) {
    return "insert, row " + row;
  }

  /**
   * Checks a row.
   *
   * @param names what messages call a row, such as {@code a.fbin, row 3}
   * @return the row's norm
   * @throws BadInputException naming row and component if a value is NaN or infinite, the norm
   *     overflows float32, or it is 0 under {@link Metric#COSINE}
   */
  public static double norm(F32Rows rows, int row, Metric metric, IntFunction<String> names) {
    float squaredNorm =
        F32Distance.dot(
            rows.memory(), rows.offset(row), rows.memory(), rows.offset(row), rows.dimension());
    if (!(squaredNorm > SMALL_SQUARED_NORM && squaredNorm < LARGEST_SQUARED_NORM)) {
      return checkSlowly(rows, row, metric, names);
    }
    return Math.sqrt(squaredNorm);
  }

  private static double checkSlowly(
      F32Rows rows, int row, Metric metric, IntFunction<String> names) {
    double squaredNorm = 0;
    for (int i = 0; i < rows.dimension(); i++) {
      float value = rows.get(row, i);
      if (!Float.isFinite(value)) {
        throw new BadInputException(
            names.apply(row) + ": component " + i + " is " + value + "; remove the row");
      }
      squaredNorm += (double) value * value;
    }
    if (squaredNorm > LARGEST_SQUARED_NORM) {
      throw new BadInputException(
          names.apply(row) + ": its norm overflows float32; scale the vectors down");
    }
    if (squaredNorm == 0 && metric == Metric.COSINE) {
      throw new BadInputException(
          names.apply(row) + ": norm 0 has no direction under cosine; remove the row");
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
