// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

/** Distances of a fixed query to nodes, a batch at a time. */
@FunctionalInterface
public interface NodeScorer {
  /**
   * Sets {@code distances[i]} to the distance of {@code nodes[i]}, for {@code i} in [0, count).
   *
   * @param limit distances above it will not be looked at: instead of such a one any other above it
   *     may be given
   */
  void score(int[] nodes, int count, float limit, float[] distances);
}
