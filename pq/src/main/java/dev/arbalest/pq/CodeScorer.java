// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import java.lang.foreign.MemorySegment;

/**
 * Approximate distances of one query to nodes of a code table, a batch of nodes at a time. Holds
 * the query's tables; one per searching thread, not thread-safe. Nothing allocates after
 * construction.
 */
public interface CodeScorer {

  /**
   * Takes a new query.
   *
   * @param query {@code dimension} floats from offset 0, unit norm for cosine
   */
  void query(MemorySegment query);

  /**
   * Scores {@code count} nodes: {@code distances[i]} belongs to {@code nodes[from + i]}, on the
   * scale of the index's exact distances.
   *
   * @param count at most the batch size the scorer was made for
   * @throws IndexOutOfBoundsException if a node's code lies outside the table
   */
  void score(int[] nodes, int from, int count, float[] distances);

  /**
   * As {@link #score}, for a search that keeps only distances up to {@code limit}: a distance that
   * is almost surely above it may be left at infinity, which saves looking at the whole code.
   */
  default void scoreWithin(int[] nodes, int from, int count, float limit, float[] distances) {
    score(nodes, from, count, distances);
  }

  /**
   * Half-widths of the intervals around the distances of {@link #score} that hold the exact
   * distance with probability {@link #confidence}, for the codecs that can say; NaN for others.
   */
  void errorBounds(int[] nodes, int from, int count, float[] bounds);

  /** Probability in (0, 1) that an error bound holds; 0 if the codec gives none. */
  double confidence();
}
