// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.vector.F32Rows;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Nearest neighbours by comparing every vector. */
final class ExactAnswers {
  private static final int QUERIES = 200;

  private ExactAnswers() {}

  /** The ten nearest of some queries by cosine; null for the others. */
  static long[][] of(F32Rows base, int vectors, F32Rows asked) {
    long[][] nearest = new long[asked.count()][];
    int queryCount = Math.min(QUERIES, asked.count());
    float[][] asks = new float[queryCount][asked.dimension()];
    double[][] scores = new double[queryCount][vectors];
    for (int query = 0; query < queryCount; query++) {
      asked.copyRow(query, asks[query]);
    }
    float[] row = new float[base.dimension()];
    for (int id = 0; id < vectors; id++) {
      base.copyRow(id, row);
      double norm = Math.sqrt(dot(row, row));
      for (int query = 0; query < queryCount; query++) {
        scores[query][id] = dot(asks[query], row) / norm;
      }
    }
    for (int query = 0; query < queryCount; query++) {
      double[] own = scores[query];
      nearest[query] =
          IntStream.range(0, vectors)
              .boxed()
              .sorted(Comparator.comparingDouble(id -> -own[id]))
              .limit(10)
              .mapToLong(Integer::longValue)
              .toArray();
    }
    return nearest;
  }

  private static double dot(float[] a, float[] b) {
    float sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum = Math.fma(a[i], b[i], sum);
    }
    return sum;
  }

  /** Share of the neighbours in the first lists that the second lists have too. */
  static double agreement(long[][] one, long[][] other) {
    long same = 0;
    long all = 0;
    for (int i = 0; i < one.length; i++) {
      if (one[i] != null && other[i] != null) {
        long[] ids = other[i];
        same +=
            Arrays.stream(one[i]).filter(id -> Arrays.stream(ids).anyMatch(o -> o == id)).count();
        all += one[i].length;
      }
    }
    return all == 0 ? 0 : same / (double) all;
  }
}
