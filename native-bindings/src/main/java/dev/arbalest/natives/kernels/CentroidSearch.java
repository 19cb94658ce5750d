// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import static jdk.incubator.vector.VectorOperators.LT;

import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * Nearest of many short centroids, the inner loop of k-means and of product-quantizer encoding.
 * Centroids are stored component-major ({@code centroids[component * count + centroid]}), so one
 * vector register holds a component of many centroids. Stateless and thread-safe.
 */
public final class CentroidSearch {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INT_SPECIES =
      VectorSpecies.of(int.class, SPECIES.vectorShape());
  private static final int LANES = SPECIES.length();

  private CentroidSearch() {}

  /**
   * Returns the centroid with the smallest {@code halfSquaredNorm - <point, centroid>}, which is
   * the nearest in L2; of equals the lowest number.
   *
   * @param point array holding the point's {@code dimension} floats from {@code pointFrom}
   * @param centroids component-major, {@code dimension * count} floats
   * @param halfSquaredNorms half of each centroid's squared norm, {@code count} floats
   * @param count number of centroids, at least 1
   */
  public static int nearest(
      float[] point,
      int pointFrom,
      int dimension,
      float[] centroids,
      float[] halfSquaredNorms,
      int count) {
    Objects.checkFromIndexSize(pointFrom, dimension, point.length);
    Objects.checkFromIndexSize(0, dimension * count, centroids.length);
    Objects.checkFromIndexSize(0, count, halfSquaredNorms.length);
    FloatVector best = FloatVector.broadcast(SPECIES, Float.POSITIVE_INFINITY);
    IntVector bestIndex = IntVector.zero(INT_SPECIES);
    int c = 0;
    for (; c <= count - LANES; c += LANES) {
      FloatVector score = FloatVector.fromArray(SPECIES, halfSquaredNorms, c);
      for (int i = 0; i < dimension; i++) {
        FloatVector component = FloatVector.fromArray(SPECIES, centroids, i * count + c);
        score = component.fma(FloatVector.broadcast(SPECIES, -point[pointFrom + i]), score);
      }
      VectorMask<Float> better = score.compare(LT, best);
      best = best.blend(score, better);
      bestIndex = bestIndex.blend(IntVector.broadcast(INT_SPECIES, c), better.cast(INT_SPECIES));
    }
    float smallest = Float.POSITIVE_INFINITY;
    int nearest = 0;
    if (c > 0) {
      for (int lane = 0; lane < LANES; lane++) {
        float score = best.lane(lane);
        int index = bestIndex.lane(lane) + lane;
        if (score < smallest || (score == smallest && index < nearest)) {
          smallest = score;
          nearest = index;
        }
      }
    }
    for (; c < count; c++) {
      float score = halfSquaredNorms[c];
      for (int i = 0; i < dimension; i++) {
        score = Math.fma(centroids[i * count + c], -point[pointFrom + i], score);
      }
      if (score < smallest) {
        smallest = score;
        nearest = c;
      }
    }
    return nearest;
  }
}
