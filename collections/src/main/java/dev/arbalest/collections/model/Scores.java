// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import dev.arbalest.vector.Metric;

/** Converts distances to the scores that clients see. */
public final class Scores {
  private Scores() {}

  /** Distance on the scale people know: Euclidean, not its square. */
  public static float distance(Metric metric, float distance) {
    return metric == Metric.L2 ? (float) Math.sqrt(Math.max(0, distance)) : distance;
  }

  /** Qdrant's score: similarity for cosine and inner product, distance for Euclidean. */
  public static float qdrant(Metric metric, float distance) {
    return switch (metric) {
      case L2 -> distance(metric, distance);
      case COSINE -> 1 - distance;
      case DOT -> -distance;
    };
  }

  /** Score of Flight replies, the more the nearer: 1 / (1 + distance), or the inner product. */
  public static float flight(Metric metric, float distance) {
    return metric == Metric.DOT ? -distance : 1 / (1 + Math.max(0, distance(metric, distance)));
  }
}
