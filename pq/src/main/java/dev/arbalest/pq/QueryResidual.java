// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;

/**
 * A query less the centre of the codes, rotated as they are, and the part of its distances that is
 * the same for all of them. One per scorer; not thread-safe; nothing allocates after construction.
 */
final class QueryResidual {
  private final float[] center;
  private final Rotation rotation;
  private final Metric metric;
  private final float[] rotated;
  private float constant;
  private double squaredNorm;

  QueryResidual(float[] center, Rotation rotation, Metric metric) {
    this.center = center;
    this.rotation = rotation;
    this.metric = metric;
    this.rotated = new float[rotation.paddedDimension()];
  }

  /** Takes another query, as many floats as the centre has. */
  void set(MemorySegment query) {
    java.util.Arrays.fill(rotated, center.length, rotated.length, 0);
    double dotCenter = 0;
    double squares = 0;
    for (int i = 0; i < center.length; i++) {
      float component = query.getAtIndex(RaBitQ.FLOAT, i);
      dotCenter += component * center[i];
      float residual = component - center[i];
      rotated[i] = residual;
      squares += residual * residual;
    }
    // For inner product <q, x> = <q, c> + <x - c, c> + <x - c, q - c>; the second is in the code.
    constant =
        (float)
            switch (metric) {
              case L2 -> squares;
              case COSINE -> squares / 2;
              case DOT -> -dotCenter;
            };
    squaredNorm = squares;
    rotation.apply(rotated);
  }

  /** The rotated residual, of the rotation's padded dimension; overwritten by the next query. */
  float[] rotated() {
    return rotated;
  }

  /** What every distance of the query starts from. */
  float constant() {
    return constant;
  }

  /** Squared norm of the residual. */
  double squaredNorm() {
    return squaredNorm;
  }
}
