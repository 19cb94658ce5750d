// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import dev.arbalest.natives.Workers;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Exact distances between the nodes of a graph under construction, as squared L2 of their vectors;
 * the node is also the query of searches.
 *
 * <p>For inner product each vector is lifted by one component {@code sqrt(M^2 - |x|^2)}, which
 * makes the order of inner products one of Euclidean distances (Neyshabur and Srebro, ICML 2015)
 * and so fit for pruning by the triangle inequality. There {@code M} is the largest norm; here it
 * is the median, and longer vectors are not lifted: where norms differ, most of the distance would
 * otherwise be the difference of the lifts, and one very long vector would make all others equal.
 * Thread-safe.
 */
public final class ExactDistances implements BuildDistances {
  private static final int MEDIAN_SAMPLE = 65_536;

  private final F32Rows rows;
  private final float @Nullable [] lift;

  private ExactDistances(F32Rows rows, float @Nullable [] lift) {
    this.rows = rows;
    this.lift = lift;
  }

  /**
   * Prepares distances between rows.
   *
   * @param rows one vector per node, of unit norm for cosine; alive as long as this is used
   */
  public static ExactDistances of(F32Rows rows, Metric metric, Workers workers) throws IOException {
    return new ExactDistances(rows, metric == Metric.DOT ? lift(rows, workers) : null);
  }

  private static float[] lift(F32Rows rows, Workers workers) throws IOException {
    float[] lift = new float[rows.count()];
    workers.forRanges(
        rows.count(),
        1024,
        (worker, from, to) -> {
          for (int node = from; node < to; node++) {
            lift[node] = squaredNorm(rows, node);
          }
        });
    liftFromSquaredNorms(lift);
    return lift;
  }

  /** The squared norm of a row. */
  public static float squaredNorm(F32Rows rows, int row) {
    long offset = rows.offset(row);
    return F32Distance.dot(rows.memory(), offset, rows.memory(), offset, rows.dimension());
  }

  /** Replaces squared norms of all vectors by the components they are lifted by. */
  public static void liftFromSquaredNorms(float[] values) {
    float median = median(values);
    for (int node = 0; node < values.length; node++) {
      values[node] = (float) Math.sqrt(Math.max(0, median - values[node]));
    }
  }

  /** Median of some of the values, at even distances. */
  private static float median(float[] values) {
    float[] sample = new float[Math.min(values.length, MEDIAN_SAMPLE)];
    for (int i = 0; i < sample.length; i++) {
      sample[i] = values[(int) ((long) i * values.length / sample.length)];
    }
    Arrays.sort(sample);
    return sample[sample.length / 2];
  }

  /** The vectors. */
  public F32Rows rows() {
    return rows;
  }

  /** The component each vector is lifted by, see the class comment; null but for inner product. */
  public float @Nullable [] lift() {
    return lift;
  }

  @Override
  public int count() {
    return rows.count();
  }

  @Override
  public int entryPoint(Workers workers) throws IOException {
    return Medoid.find(rows, workers);
  }

  @Override
  public PairDistances newPairs() {
    return new Pairs();
  }

  @Override
  public NodeQuery newQuery() {
    return new Query(new Pairs());
  }

  /** One worker's distances. */
  private final class Pairs implements PairDistances {
    private long[] offsets = new long[256];

    @Override
    public void distances(int node, int[] others, int from, int count, float[] out, int outFrom) {
      if (offsets.length < count) {
        offsets = new long[2 * count];
      }
      for (int i = 0; i < count; i++) {
        offsets[i] = rows.offset(others[from + i]);
      }
      F32Distance.squaredL2(
          rows.memory(),
          rows.offset(node),
          rows.memory(),
          offsets,
          0,
          count,
          rows.dimension(),
          out,
          outFrom);
      if (lift != null) {
        for (int i = 0; i < count; i++) {
          float difference = lift[node] - lift[others[from + i]];
          out[outFrom + i] += difference * difference;
        }
      }
    }
  }

  /** A node as the query of a search. */
  private static final class Query implements NodeQuery {
    private final PairDistances pairs;
    private int node;

    Query(PairDistances pairs) {
      this.pairs = pairs;
    }

    @Override
    public void query(int newNode) {
      node = newNode;
    }

    @Override
    public void score(int[] nodes, int count, float limit, float[] distances) {
      pairs.distances(node, nodes, 0, count, distances, 0);
    }
  }
}
