package dev.arbalest.vamana;

import dev.arbalest.natives.F32Distance;
import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.Metric;
import dev.arbalest.natives.Workers;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Exact distances between the nodes of a graph under construction, as squared L2 of their vectors.
 *
 * <p>For inner product each vector is lifted by one component {@code sqrt(M^2 - |x|^2)}, {@code M}
 * being the largest norm, which makes the order of inner products one of Euclidean distances
 * (Neyshabur and Srebro, ICML 2015) and so fit for pruning by the triangle inequality. Thread-safe.
 */
public final class NodeDistances {
  private final F32Rows rows;
  private final float @Nullable [] lift;

  private NodeDistances(F32Rows rows, float @Nullable [] lift) {
    this.rows = rows;
    this.lift = lift;
  }

  /**
   * Prepares distances between rows.
   *
   * @param rows one vector per node, of unit norm for cosine; alive as long as this is used
   */
  public static NodeDistances of(F32Rows rows, Metric metric, Workers workers) throws IOException {
    return new NodeDistances(rows, metric == Metric.DOT ? lift(rows, workers) : null);
  }

  private static float[] lift(F32Rows rows, Workers workers) throws IOException {
    float[] lift = new float[rows.count()];
    workers.forRanges(
        rows.count(),
        1024,
        (worker, from, to) -> {
          for (int node = from; node < to; node++) {
            long offset = rows.offset(node);
            lift[node] =
                F32Distance.dot(rows.memory(), offset, rows.memory(), offset, rows.dimension());
          }
        });
    float largest = 0;
    for (float squaredNorm : lift) {
      largest = Math.max(largest, squaredNorm);
    }
    for (int node = 0; node < lift.length; node++) {
      lift[node] = (float) Math.sqrt(largest - lift[node]);
    }
    return lift;
  }

  /** Number of nodes. */
  public int count() {
    return rows.count();
  }

  /** The vectors. */
  public F32Rows rows() {
    return rows;
  }

  /**
   * Sets {@code out[outFrom + i]} to the distance between {@code node} and {@code others[from +
   * i]}.
   *
   * @param offsets scratch of at least {@code count} longs
   */
  void distances(
      int node, int[] others, int from, int count, float[] out, int outFrom, long[] offsets) {
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
