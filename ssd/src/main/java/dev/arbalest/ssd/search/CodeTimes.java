// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import dev.arbalest.cache.SlabPool;
import dev.arbalest.pq.CodeScorer;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/**
 * What it takes to compare codes and to read rows of the graph on this machine, in nanoseconds:
 * searches within a set choose between a scan and a walk by it.
 *
 * @param sequential to compare a code behind the one before
 * @param scattered to compare a code anywhere
 * @param row to read the neighbours of a node anywhere
 */
record CodeTimes(double sequential, double scattered, double row) {
  private static final int SAMPLES = 4096;
  private static final int ROUNDS = 6;
  private static final int BATCH = 32;

  /** Measures an index: a few milliseconds. */
  static CodeTimes measure(LoadedIndex index, SlabPool slabs) {
    int nodes = index.graph().nodeCount();
    if (nodes == 0) {
      return new CodeTimes(1, 1, 1);
    }
    SplittableRandom random = new SplittableRandom(1);
    try (SlabPool.Lease memory = slabs.lease()) {
      int dimension = index.manifest().dimension();
      MemorySegment query = memory.allocate(4L * dimension, 64);
      float component = (float) (1 / Math.sqrt(dimension));
      for (int i = 0; i < dimension; i++) {
        query.setAtIndex(F32Rows.FLOAT, i, random.nextBoolean() ? component : -component);
      }
      CodeScorer scorer = index.codec().newScorer(index.codes().segment(), BATCH, memory);
      scorer.query(query);
      int samples = Math.min(SAMPLES, Math.max(BATCH, nodes / BATCH * BATCH));
      int[] inOrder = new int[samples];
      int[] anywhere = new int[samples];
      double sequential = Double.MAX_VALUE;
      double scattered = Double.MAX_VALUE;
      double row = Double.MAX_VALUE;
      for (int round = 0; round < ROUNDS; round++) {
        int first = random.nextInt(Math.max(1, nodes - samples + 1));
        for (int i = 0; i < samples; i++) {
          inOrder[i] = (first + i) % nodes;
          anywhere[i] = random.nextInt(nodes);
        }
        sequential = Math.min(sequential, score(scorer, inOrder));
        scattered = Math.min(scattered, score(scorer, anywhere));
        row = Math.min(row, read(index.graph(), anywhere));
      }
      return new CodeTimes(sequential, Math.max(sequential, scattered), row);
    }
  }

  private static double score(CodeScorer scorer, int[] nodes) {
    float[] distances = new float[BATCH];
    long start = System.nanoTime();
    for (int from = 0; from + BATCH <= nodes.length; from += BATCH) {
      scorer.score(nodes, from, BATCH, distances);
    }
    return (System.nanoTime() - start) / (double) nodes.length;
  }

  private static double read(Graph graph, int[] nodes) {
    int[] neighbors = new int[graph.maxDegree()];
    long start = System.nanoTime();
    long sum = 0;
    for (int node : nodes) {
      sum += graph.neighbors(node, neighbors) + neighbors[0];
    }
    long nanos = System.nanoTime() - start;
    return (nanos + (sum == Long.MIN_VALUE ? 1 : 0)) / (double) nodes.length;
  }
}
