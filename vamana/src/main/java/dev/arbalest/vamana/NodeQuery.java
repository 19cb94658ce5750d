// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

/**
 * Distances of one node, taken as a query, to others: what steers a build's searches. They may be
 * approximate; only their order matters. Not thread-safe: one per worker.
 */
public interface NodeQuery extends NodeScorer {
  /** Takes {@code node} as the query. */
  void query(int node);
}
