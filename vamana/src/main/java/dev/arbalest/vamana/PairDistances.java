// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

/**
 * Distances between the nodes of a graph under construction, on a squared Euclidean scale: what
 * pruning compares. Not thread-safe: one per worker.
 */
public interface PairDistances {
  /**
   * Sets {@code out[outFrom + i]} to the distance between {@code node} and {@code others[from +
   * i]}.
   */
  void distances(int node, int[] others, int from, int count, float[] out, int outFrom);
}
