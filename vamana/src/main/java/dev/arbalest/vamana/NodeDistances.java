// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

/**
 * Distances between the nodes of a graph that is being changed. Thread-safe; what it makes is not.
 */
public interface NodeDistances {
  /** Makes a worker's distances for pruning. */
  PairDistances newPairs();

  /** Makes a worker's distances for searching. */
  NodeQuery newQuery();

  /** Whether a node may get new in-neighbours: not so once it is to leave the graph. */
  default boolean isLive(int node) {
    return true;
  }
}
