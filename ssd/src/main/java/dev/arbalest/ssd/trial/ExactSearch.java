// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.trial;

import dev.arbalest.natives.kernels.F32Matrix;
import dev.arbalest.vamana.CandidateList;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Nearest neighbours by looking at every row, a block of rows at a time: what searches are measured
 * against. Workers offer blocks in any order, each to lists of its own; the result does not depend
 * on it.
 */
public final class ExactSearch {
  private static final int QUERY_TILE = 4;

  private final F32Rows queries;
  private final Metric metric;
  private final int k;
  private final IntPredicate isWanted;
  private final @Nullable CandidateList[][] found;

  /**
   * Starts a search.
   *
   * @param queries rows alive until {@link #nearest}, unit norm for cosine as the rows offered
   * @param k neighbours wanted, at least 1
   * @param workers threads that will offer, numbered from 0
   */
  public ExactSearch(F32Rows queries, Metric metric, int k, int workers) {
    this(queries, metric, k, workers, _ -> true);
  }

  /** The same among the nodes a condition holds for. */
  public ExactSearch(F32Rows queries, Metric metric, int k, int workers, IntPredicate isWanted) {
    this.isWanted = isWanted;
    this.queries = queries;
    this.metric = metric;
    this.k = k;
    this.found = new CandidateList[workers][queries.count()];
  }

  /** Offers rows: node {@code firstNode + i} at {@code offsets[i]} of {@code rows}. */
  public void offer(int worker, MemorySegment rows, long[] offsets, int firstNode) {
    float[] distances = new float[QUERY_TILE * offsets.length];
    F32Matrix.Scratch scratch = new F32Matrix.Scratch();
    long[] queryOffsets = new long[QUERY_TILE];
    for (int first = 0; first < queries.count(); first += QUERY_TILE) {
      int count = Math.min(QUERY_TILE, queries.count() - first);
      for (int i = 0; i < count; i++) {
        queryOffsets[i] = queries.offset(first + i);
      }
      score(queryOffsets, count, rows, offsets, distances, scratch);
      for (int i = 0; i < count; i++) {
        offer(found[worker], first + i, distances, i * offsets.length, offsets.length, firstNode);
      }
    }
  }

  private void score(
      long[] queryOffsets,
      int count,
      MemorySegment rows,
      long[] offsets,
      float[] distances,
      F32Matrix.Scratch scratch) {
    int dimension = queries.dimension();
    if (metric == Metric.DOT) {
      F32Matrix.dot(
          queries.memory(),
          queryOffsets,
          0,
          count,
          rows,
          offsets,
          0,
          offsets.length,
          dimension,
          distances,
          0,
          scratch);
      for (int i = 0; i < count * offsets.length; i++) {
        distances[i] = -distances[i];
      }
    } else { // of unit vectors, squared distances order as cosines do
      F32Matrix.squaredL2(
          queries.memory(),
          queryOffsets,
          0,
          count,
          rows,
          offsets,
          0,
          offsets.length,
          dimension,
          distances,
          0,
          scratch);
    }
  }

  private void offer(
      @Nullable CandidateList[] lists,
      int query,
      float[] distances,
      int from,
      int rows,
      int firstNode) {
    CandidateList list = lists[query];
    if (list == null) {
      list = new CandidateList(k);
      lists[query] = list;
    }
    float threshold = list.threshold();
    for (int i = 0; i < rows; i++) {
      float distance = distances[from + i];
      if (distance <= threshold
          && isWanted.test(firstNode + i)
          && list.offer(firstNode + i, distance)) {
        threshold = list.threshold();
      }
    }
  }

  /** The nearest of each query among all rows offered. */
  public CandidateList[] nearest() {
    CandidateList[] merged = new CandidateList[queries.count()];
    for (int query = 0; query < merged.length; query++) {
      merged[query] = new CandidateList(k);
      for (CandidateList[] lists : found) {
        CandidateList list = lists[query];
        for (int rank = 0; list != null && rank < list.size(); rank++) {
          boolean _ = merged[query].offer(list.node(rank), list.distance(rank));
        }
      }
    }
    return merged;
  }
}
