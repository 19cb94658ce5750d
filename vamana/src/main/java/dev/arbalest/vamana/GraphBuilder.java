// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.Workers;
import java.io.IOException;
import java.util.SplittableRandom;
import java.util.function.LongConsumer;

/**
 * Builds a Vamana graph by parallel batch insertion with prefix doubling, as ParlayANN does (Dobson
 * et al., PPoPP 2024): the nodes of a batch search the graph as it was before the batch, all in
 * parallel; then their reverse edges are applied grouped by target. No step depends on which thread
 * runs it, so neither does the graph.
 */
public final class GraphBuilder {
  private static final int MIN_BATCH_CAP = 256;

  /** Bounds the memory a batch's edges take. */
  private static final int MAX_BATCH_CAP = 100_000;

  private final LongConsumer progress;
  private final BatchInserter inserter;

  private GraphBuilder(
      BuildDistances distances,
      BuildParameters parameters,
      Workers workers,
      LongConsumer progress,
      Graph graph,
      float alpha) {
    this.progress = progress;
    this.inserter = new BatchInserter(graph, distances, parameters, alpha, workers, Rescue.NONE);
  }

  /** Builds a graph over all nodes without checkpoints. */
  @MustBeClosed
  public static Graph build(
      BuildDistances distances, BuildParameters parameters, Workers workers, LongConsumer progress)
      throws IOException {
    return build(distances, parameters, workers, progress, GraphCheckpoints.NONE);
  }

  /**
   * Builds a graph over all nodes; the caller closes it.
   *
   * @param progress told how many insertions each batch has done; {@code passes * count} in all
   * @param checkpoints where to go on from, and what to tell between batches
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static Graph build(
      BuildDistances distances,
      BuildParameters parameters,
      Workers workers,
      LongConsumer progress,
      GraphCheckpoints checkpoints)
      throws IOException {
    int count = distances.count();
    try (Graph growing = Graph.allocate(count, parameters.slackDegree())) {
      growing.setEntryPoint(distances.entryPoint(workers));
      int[] order = insertionOrder(count, growing.entryPoint(), parameters.seed());
      GraphCheckpoints.Position start = checkpoints.restore(growing);
      progress.accept((long) start.pass() * count + start.inserted());
      for (int pass = start.pass(); pass < BuildParameters.PASSES; pass++) {
        boolean last = pass == BuildParameters.PASSES - 1;
        GraphBuilder builder =
            new GraphBuilder(
                distances, parameters, workers, progress, growing, last ? parameters.alpha() : 1);
        builder.pass(
            growing, order, pass, pass == start.pass() ? start.inserted() : 0, checkpoints);
        if (last) {
          builder.inserter.trim();
        }
      }
      Graph graph = Graph.allocate(count, parameters.degree());
      try {
        copy(growing, graph);
        Reachability.repair(graph, distances.newQuery(), parameters.effectiveListSize());
        return graph;
      } catch (Throwable e) {
        graph.close();
        throw e;
      }
    }
  }

  /** A random order that starts with the entry point. */
  private static int[] insertionOrder(int count, int entryPoint, long seed) {
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      order[i] = i;
    }
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = count - 1; i > 0; i--) {
      swap(order, i, random.nextInt(i + 1));
    }
    for (int i = 0; i < count; i++) {
      if (order[i] == entryPoint) {
        swap(order, 0, i);
        break;
      }
    }
    return order;
  }

  private static void swap(int[] values, int i, int j) {
    int value = values[i];
    values[i] = values[j];
    values[j] = value;
  }

  private static void copy(Graph source, Graph target) {
    int[] neighbors = new int[source.maxDegree()];
    for (int node = 0; node < source.nodeCount(); node++) {
      int degree = source.neighbors(node, neighbors);
      target.setNeighbors(node, neighbors, 0, degree);
    }
    target.setEntryPoint(source.entryPoint());
  }

  private void pass(Graph graph, int[] order, int pass, int inserted, GraphCheckpoints checkpoints)
      throws IOException {
    boolean first = pass == 0;
    int count = order.length;
    // A batch of 2 % costs no measurable recall.
    int cap = Math.clamp(count / 50, MIN_BATCH_CAP, MAX_BATCH_CAP);
    int from = inserted;
    if (first && from == 0) {
      from = 1; // the entry point, which has nothing to be linked to yet
      progress.accept(1);
    }
    while (from < count) {
      int size = Math.min(count - from, first ? Math.min(from, cap) : cap);
      inserter.insert(order, from, size);
      progress.accept(size);
      from += size;
      checkpoints.reached(graph, new GraphCheckpoints.Position(pass, from));
    }
  }
}
