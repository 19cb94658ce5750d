// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.codes;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.VectorInput;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.ssd.trial.GroundTruth;
import dev.arbalest.vamana.CandidateList;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Base vectors, queries and their true neighbours in memory, of unit norm for cosine. The true
 * neighbours come from the full vectors; {@link #cut} gives vectors shortened to a prefix.
 */
public final class CodecTrialData implements AutoCloseable {
  static final int TRUTH = 100;
  private static final int HELD_OUT = 200;
  private static final int BLOCK_ROWS = 64;

  private final Metric metric;
  private final NativeMemory memory;
  private final F32Rows base;
  private final F32Rows queries;

  /** {@code TRUTH} (or as many as there are) neighbours per query, nearest first. */
  private final int[][] truth;

  @MustBeClosed
  private CodecTrialData(
      Metric metric, NativeMemory memory, F32Rows base, F32Rows queries, int[][] truth) {
    this.metric = metric;
    this.memory = memory;
    this.base = base;
    this.queries = queries;
    this.truth = truth;
  }

  /** Base rows and queries shortened to their first components. */
  public record Prefix(F32Rows base, F32Rows queries) {}

  /** Takes evenly spread vectors out of a file as queries. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static CodecTrialData holdOut(VectorInput vectors, Metric metric, Workers workers)
      throws IOException {
    int count = vectors.rows().count();
    int queryCount = Math.min(HELD_OUT, count / 10);
    if (queryCount < 1) {
      throw new BadInputException(
          vectors.name() + ": " + count + " vectors are too few to take queries from; give some");
    }
    int[] queryRows = new int[queryCount];
    int[] baseRows = new int[count - queryCount];
    int next = 0;
    int at = 0;
    for (int row = 0; row < count; row++) {
      if (next < queryCount && row == (int) ((long) next * count / queryCount)) {
        queryRows[next++] = row;
      } else {
        baseRows[at++] = row;
      }
    }
    return load(vectors, baseRows, vectors, queryRows, null, metric, workers);
  }

  /** Takes base and queries from files. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static CodecTrialData of(
      VectorInput vectors,
      VectorInput queryVectors,
      @Nullable GroundTruth given,
      Metric metric,
      Workers workers)
      throws IOException {
    if (vectors.rows().dimension() != queryVectors.rows().dimension()) {
      throw new BadInputException(
          queryVectors.name()
              + ": queries have dimension "
              + queryVectors.rows().dimension()
              + ", the vectors "
              + vectors.rows().dimension());
    }
    if (given != null && (given.queries() != queryVectors.rows().count() || given.k() < 10)) {
      throw new BadInputException(
          "the ground truth has "
              + given.k()
              + " neighbours of "
              + given.queries()
              + " queries, needed are 10 or more of "
              + queryVectors.rows().count());
    }
    return load(
        vectors,
        all(vectors.rows().count()),
        queryVectors,
        all(queryVectors.rows().count()),
        given,
        metric,
        workers);
  }

  private static int[] all(int count) {
    int[] rows = new int[count];
    for (int i = 0; i < count; i++) {
      rows[i] = i;
    }
    return rows;
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  private static CodecTrialData load(
      VectorInput vectors,
      int[] baseRows,
      VectorInput queryVectors,
      int[] queryRows,
      @Nullable GroundTruth given,
      Metric metric,
      Workers workers)
      throws IOException {
    int dimension = vectors.rows().dimension();
    long rowBytes = 4L * dimension;
    NativeMemory memory = NativeMemory.allocate(rowBytes * (baseRows.length + queryRows.length));
    try {
      F32Rows base = new F32Rows(memory.segment(), 0, rowBytes, baseRows.length, dimension);
      F32Rows queries =
          new F32Rows(
              memory.segment(), rowBytes * baseRows.length, rowBytes, queryRows.length, dimension);
      copy(vectors, baseRows, base, metric, workers);
      copy(queryVectors, queryRows, queries, metric, workers);
      int[][] truth =
          given == null ? scan(base, queries, metric, workers) : given(given, base.count());
      return new CodecTrialData(metric, memory, base, queries, truth);
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  private static void copy(
      VectorInput source, int[] sourceRows, F32Rows target, Metric metric, Workers workers)
      throws IOException {
    workers.forRanges(
        sourceRows.length,
        BLOCK_ROWS,
        (worker, from, to) -> {
          float[] row = new float[target.dimension()];
          for (int i = from; i < to; i++) {
            double norm = source.checkRow(sourceRows[i], metric);
            source.rows().copyRow(sourceRows[i], row);
            put(row, metric == Metric.COSINE ? norm : 1, target, i);
          }
        });
  }

  private static void put(float[] row, double norm, F32Rows target, int index) {
    for (int i = 0; i < target.dimension(); i++) {
      target.memory().set(F32Rows.FLOAT, target.offset(index) + 4L * i, (float) (row[i] / norm));
    }
  }

  private static int[][] given(GroundTruth given, int baseCount) {
    int[][] truth = new int[given.queries()][];
    for (int query = 0; query < truth.length; query++) {
      truth[query] = given.neighbors(query, Math.min(TRUTH, given.k()));
      for (int id : truth[query]) {
        if (id < 0 || id >= baseCount) {
          throw new BadInputException(
              "the ground truth of query " + query + " names row " + id + " of " + baseCount);
        }
      }
    }
    return truth;
  }

  private static int[][] scan(F32Rows base, F32Rows queries, Metric metric, Workers workers)
      throws IOException {
    int keep = Math.min(TRUTH, base.count());
    int[][] truth = new int[queries.count()][keep];
    workers.forRanges(
        queries.count(),
        1,
        (worker, from, to) -> {
          long[] offsets = new long[BLOCK_ROWS];
          float[] distances = new float[BLOCK_ROWS];
          CandidateList nearest = new CandidateList(keep);
          for (int query = from; query < to; query++) {
            nearest.reset(keep);
            for (int row = 0; row < base.count(); row += BLOCK_ROWS) {
              int count = Math.min(BLOCK_ROWS, base.count() - row);
              for (int i = 0; i < count; i++) {
                offsets[i] = base.offset(row + i);
              }
              F32Distance.stored(
                  metric,
                  queries.memory(),
                  queries.offset(query),
                  base.memory(),
                  offsets,
                  0,
                  count,
                  base.dimension(),
                  distances,
                  0);
              for (int i = 0; i < count; i++) {
                boolean _ = nearest.offer(row + i, distances[i]);
              }
            }
            for (int rank = 0; rank < keep; rank++) {
              truth[query][rank] = nearest.node(rank);
            }
          }
        });
    return truth;
  }

  Metric metric() {
    return metric;
  }

  /** True neighbours of a query by the full vectors, nearest first. */
  int[] truth(int query) {
    return truth[query];
  }

  /** Memory {@link #cut} needs for a prefix. */
  @MustBeClosed
  public NativeMemory newPrefixMemory(int prefix) {
    return NativeMemory.allocate(
        prefix == base.dimension() ? 1 : 4L * prefix * (base.count() + queries.count()));
  }

  /** The vectors cut to their first {@code prefix} components, of unit norm again for cosine. */
  public Prefix cut(int prefix, NativeMemory target) {
    if (prefix == base.dimension()) {
      return new Prefix(base, queries);
    }
    long rowBytes = 4L * prefix;
    F32Rows cutBase = new F32Rows(target.segment(), 0, rowBytes, base.count(), prefix);
    F32Rows cutQueries =
        new F32Rows(target.segment(), rowBytes * base.count(), rowBytes, queries.count(), prefix);
    cutRows(base, cutBase);
    cutRows(queries, cutQueries);
    return new Prefix(cutBase, cutQueries);
  }

  private void cutRows(F32Rows source, F32Rows target) {
    float[] row = new float[source.dimension()];
    for (int i = 0; i < source.count(); i++) {
      source.copyRow(i, row);
      double squares = 0;
      for (int j = 0; j < target.dimension(); j++) {
        squares += (double) row[j] * row[j];
      }
      put(row, metric == Metric.COSINE && squares > 0 ? Math.sqrt(squares) : 1, target, i);
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}
