// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;

/** The node nearest to the mean of all vectors: where searches start. */
final class Medoid {
  private static final int MIN_BLOCK = 1024;

  /** Few enough partial sums to be small, enough to keep every worker busy. */
  private static final int MAX_BLOCKS = 256;

  private Medoid() {}

  /** Finds it; of equally near nodes the lowest. The same for any number of workers. */
  static int find(F32Rows rows, Workers workers) throws IOException {
    int dimension = rows.dimension();
    int block = Math.max(MIN_BLOCK, rows.count() / MAX_BLOCKS + 1);
    int blocks = (rows.count() + block - 1) / block;
    double[][] sums = new double[blocks][];
    workers.forRanges(
        rows.count(),
        block,
        (worker, from, to) -> {
          double[] sum = new double[dimension];
          float[] row = new float[dimension];
          for (int node = from; node < to; node++) {
            rows.copyRow(node, row);
            for (int i = 0; i < dimension; i++) {
              sum[i] += row[i];
            }
          }
          sums[from / block] = sum;
        });
    try (NativeMemory memory = NativeMemory.allocate(4L * dimension)) {
      for (int i = 0; i < dimension; i++) {
        double sum = 0;
        for (double[] partial : sums) {
          sum += partial[i];
        }
        memory.segment().setAtIndex(F32Rows.FLOAT, i, (float) (sum / rows.count()));
      }
      long[] best = new long[blocks];
      workers.forRanges(
          rows.count(),
          block,
          (worker, from, to) -> {
            long[] offsets = new long[to - from];
            float[] distances = new float[to - from];
            for (int node = from; node < to; node++) {
              offsets[node - from] = rows.offset(node);
            }
            F32Distance.squaredL2(
                memory.segment(), 0, rows.memory(), offsets, 0, to - from, dimension, distances, 0);
            long nearest = Long.MAX_VALUE;
            for (int node = from; node < to; node++) {
              nearest = Math.min(nearest, CandidateList.key(node, distances[node - from]));
            }
            best[from / block] = nearest;
          });
      long nearest = Long.MAX_VALUE;
      for (long key : best) {
        nearest = Math.min(nearest, key);
      }
      return (int) nearest;
    }
  }
}
