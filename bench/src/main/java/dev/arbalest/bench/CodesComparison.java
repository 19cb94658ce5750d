// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.VectorInput;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.CodeEncoder;
import dev.arbalest.pq.Codec;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import io.github.jbellis.jvector.graph.ListRandomAccessVectorValues;
import io.github.jbellis.jvector.quantization.CompressedVectors;
import io.github.jbellis.jvector.quantization.ProductQuantization;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.ForkJoinPool;

/**
 * Training and encoding of product quantization beside JVector's, in one process, the two taking
 * turns: 8 bits, the same number of subspaces, threads and vectors.
 */
public final class CodesComparison {
  private CodesComparison() {}

  /**
   * Compares.
   *
   * @param arguments file of vectors, number of subspaces, threads, rounds
   */
  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 4) {
      System.err.println("usage: scripts/bench compare-codes FILE SUBSPACES THREADS ROUNDS");
      System.exit(2);
    }
    int subspaces = Integer.parseInt(arguments[1]);
    int threads = Integer.parseInt(arguments[2]);
    int rounds = Integer.parseInt(arguments[3]);
    double[] ours = new double[rounds];
    double[] theirs = new double[rounds];
    try (VectorInput input = VectorInput.open(Path.of(arguments[0]));
        Workers workers = Workers.start(threads);
        ForkJoinPool pool = new ForkJoinPool(threads)) {
      F32Rows rows = input.rows();
      ListRandomAccessVectorValues values = EngineBuild.heapVectors(rows);
      for (int round = 0; round < rounds; round++) {
        ours[round] = arbalest(rows, subspaces, workers);
        theirs[round] = jvector(values, subspaces, pool);
        System.out.printf(
            Locale.ROOT,
            "round %d: Arbalest %.2f s, JVector %.2f s%n",
            round + 1,
            ours[round],
            theirs[round]);
      }
      Arrays.sort(ours);
      Arrays.sort(theirs);
      System.out.printf(
          Locale.ROOT,
          "pq:%d, %d x %d, %d threads, medians: Arbalest %.2f s, JVector %.2f s, ratio %.2f%n",
          subspaces,
          rows.count(),
          rows.dimension(),
          threads,
          ours[rounds / 2],
          theirs[rounds / 2],
          theirs[rounds / 2] / ours[rounds / 2]);
    }
  }

  private static double arbalest(F32Rows rows, int subspaces, Workers workers) throws IOException {
    long start = System.nanoTime();
    CodecSpec spec = new CodecSpec(CodecSpec.Family.PQ, subspaces);
    Codec codec = Codec.train(spec, Metric.L2, rows, 1, workers);
    try (NativeMemory codes = NativeMemory.allocate((long) codec.codeBytes() * rows.count());
        SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease()) {
      CodeEncoder[] encoders = new CodeEncoder[workers.size()];
      Arrays.setAll(encoders, worker -> codec.newEncoder(memory));
      workers.forRanges(
          rows.count(),
          256,
          (worker, from, to) -> encoders[worker].encode(rows, from, to, codes.segment()));
    }
    return (System.nanoTime() - start) / 1e9;
  }

  private static double jvector(
      ListRandomAccessVectorValues values, int subspaces, ForkJoinPool pool) {
    long start = System.nanoTime();
    ProductQuantization quantization =
        ProductQuantization.compute(values, subspaces, 256, true, -1, pool, pool);
    CompressedVectors encoded = quantization.encodeAll(values, pool);
    if (encoded.count() != values.size()) {
      throw new IllegalStateException("JVector encoded " + encoded.count());
    }
    return (System.nanoTime() - start) / 1e9;
  }
}
