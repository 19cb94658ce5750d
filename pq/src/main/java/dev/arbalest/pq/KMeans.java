// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.kernels.CentroidSearch;
import java.util.SplittableRandom;

/**
 * Lloyd's k-means over short points, deterministic for a seed. Starts from distinct random points;
 * a centroid that loses all its points restarts at the point worst served.
 */
final class KMeans {
  private static final int ITERATIONS = 12;

  private KMeans() {}

  /**
   * Returns {@code count} centroids, component-major: {@code result[component * count + centroid]}.
   *
   * @param points row-major, {@code pointCount * dimension} floats
   */
  static float[] train(float[] points, int pointCount, int dimension, int count, long seed) {
    float[] centroids = start(points, pointCount, dimension, count, seed);
    int[] assignment = new int[pointCount];
    double[] sums = new double[count * dimension];
    int[] sizes = new int[count];
    for (int iteration = 0; iteration < ITERATIONS; iteration++) {
      float[] norms = halfSquaredNorms(centroids, dimension, count);
      boolean moved = iteration == 0;
      java.util.Arrays.fill(sums, 0);
      java.util.Arrays.fill(sizes, 0);
      for (int p = 0; p < pointCount; p++) {
        int nearest =
            CentroidSearch.nearest(points, p * dimension, dimension, centroids, norms, count);
        moved |= nearest != assignment[p];
        assignment[p] = nearest;
        sizes[nearest]++;
        for (int i = 0; i < dimension; i++) {
          sums[nearest * dimension + i] += points[p * dimension + i];
        }
      }
      if (!moved) {
        break;
      }
      for (int c = 0; c < count; c++) {
        for (int i = 0; i < dimension && sizes[c] > 0; i++) {
          centroids[i * count + c] = (float) (sums[c * dimension + i] / sizes[c]);
        }
      }
      reseedEmpty(points, pointCount, dimension, centroids, count, assignment, sizes);
    }
    return centroids;
  }

  private static float[] start(
      float[] points, int pointCount, int dimension, int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] order = new int[pointCount];
    for (int p = 0; p < pointCount; p++) {
      order[p] = p;
    }
    float[] centroids = new float[dimension * count];
    for (int c = 0; c < count; c++) {
      int point = c % pointCount;
      if (c < pointCount) {
        int swap = c + random.nextInt(pointCount - c);
        int chosen = order[swap];
        order[swap] = order[c];
        order[c] = chosen;
        point = chosen;
      }
      for (int i = 0; i < dimension; i++) {
        centroids[i * count + c] = points[point * dimension + i];
      }
    }
    return centroids;
  }

  private static void reseedEmpty(
      float[] points,
      int pointCount,
      int dimension,
      float[] centroids,
      int count,
      int[] assignment,
      int[] sizes) {
    float[] error = null;
    for (int c = 0; c < count; c++) {
      if (sizes[c] > 0) {
        continue;
      }
      if (error == null) {
        error = new float[pointCount];
        for (int p = 0; p < pointCount; p++) {
          for (int i = 0; i < dimension; i++) {
            float d = points[p * dimension + i] - centroids[i * count + assignment[p]];
            error[p] += d * d;
          }
        }
      }
      int worst = 0;
      for (int p = 1; p < pointCount; p++) {
        worst = error[p] > error[worst] ? p : worst;
      }
      error[worst] = 0;
      for (int i = 0; i < dimension; i++) {
        centroids[i * count + c] = points[worst * dimension + i];
      }
    }
  }

  static float[] halfSquaredNorms(float[] centroids, int dimension, int count) {
    float[] norms = new float[count];
    for (int i = 0; i < dimension; i++) {
      for (int c = 0; c < count; c++) {
        norms[c] += centroids[i * count + c] * centroids[i * count + c] / 2;
      }
    }
    return norms;
  }
}
