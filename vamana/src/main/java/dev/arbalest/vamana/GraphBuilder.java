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

  private final BuildParameters parameters;
  private final Workers workers;
  private final LongConsumer progress;
  private final Scratch[] scratch;

  private GraphBuilder(
      BuildDistances distances,
      BuildParameters parameters,
      Workers workers,
      LongConsumer progress,
      Graph graph,
      float alpha) {
    this.parameters = parameters;
    this.workers = workers;
    this.progress = progress;
    this.scratch = new Scratch[workers.size()];
    for (int i = 0; i < scratch.length; i++) {
      scratch[i] = new Scratch(graph, distances, parameters, alpha);
    }
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
          builder.trim(growing);
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
      insertBatch(graph, order, from, size);
      progress.accept(size);
      from += size;
      checkpoints.reached(graph, new GraphCheckpoints.Position(pass, from));
    }
  }

  private void insertBatch(Graph graph, int[] order, int from, int size) throws IOException {
    int degree = parameters.degree();
    int[] chosen = new int[size * degree];
    int[] chosenCount = new int[size];
    workers.forRanges(
        size,
        4,
        (worker, low, high) -> {
          for (int i = low; i < high; i++) {
            RobustPrune prune = scratch[worker].chooseNeighbors(graph, order[from + i]);
            chosenCount[i] = prune.pickedCount();
            System.arraycopy(prune.picked(), 0, chosen, i * degree, chosenCount[i]);
          }
        });
    long[] reverse = reverseEdges(order, from, size, chosen, chosenCount);
    workers.forRanges(
        size,
        64,
        (worker, low, high) -> {
          for (int i = low; i < high; i++) {
            graph.setNeighbors(order[from + i], chosen, i * degree, chosenCount[i]);
          }
        });
    int[] starts = groupStarts(reverse);
    workers.forRanges(
        starts.length - 1,
        16,
        (worker, low, high) -> {
          for (int group = low; group < high; group++) {
            scratch[worker].addReverse(graph, reverse, starts[group], starts[group + 1]);
          }
        });
  }

  /** Edges target to source as sorted keys {@code target << 32 | source}. */
  private static long[] reverseEdges(
      int[] order, int from, int size, int[] chosen, int[] chosenCount) {
    int degree = chosen.length / size;
    int total = 0;
    for (int count : chosenCount) {
      total += count;
    }
    long[] edges = new long[total];
    int at = 0;
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < chosenCount[i]; j++) {
        edges[at++] = ((long) chosen[i * degree + j] << 32) | order[from + i];
      }
    }
    java.util.Arrays.sort(edges);
    return edges;
  }

  private static int[] groupStarts(long[] edges) {
    int distinct = 0;
    for (int i = 0; i < edges.length; i++) {
      distinct += i == 0 || edges[i] >> 32 != edges[i - 1] >> 32 ? 1 : 0;
    }
    int[] starts = new int[distinct + 1];
    int groups = 0;
    for (int i = 0; i < edges.length; i++) {
      if (i == 0 || edges[i] >> 32 != edges[i - 1] >> 32) {
        starts[groups++] = i;
      }
    }
    starts[groups] = edges.length;
    return starts;
  }

  /** Prunes every node that has grown into its slack. */
  private void trim(Graph graph) throws IOException {
    workers.forRanges(
        graph.nodeCount(),
        64,
        (worker, low, high) -> {
          for (int node = low; node < high; node++) {
            scratch[worker].trim(graph, node);
          }
        });
  }

  /** One worker's search and prune state. */
  private static final class Scratch {
    private final PairDistances pairs;
    private final NodeQuery query;
    private final BuildParameters parameters;
    private final GreedySearch search;
    private final RobustPrune prune;
    private final VisitedSet pooled;
    private final int[] neighbors;
    private final int[] pool;
    private final float[] poolDistances;

    Scratch(Graph graph, BuildDistances distances, BuildParameters parameters, float alpha) {
      this.pairs = distances.newPairs();
      this.query = distances.newQuery();
      this.parameters = parameters;
      this.search = new GreedySearch(graph, parameters.effectiveListSize());
      this.prune = new RobustPrune(pairs, parameters.degree(), alpha);
      this.neighbors = new int[graph.maxDegree()];
      int most = parameters.effectiveListSize() + graph.maxDegree();
      this.pooled = new VisitedSet(most);
      this.pool = new int[most];
      this.poolDistances = new float[most];
    }

    /**
     * Searches for {@code node}'s vector and prunes what it finds together with the present
     * neighbours, by the distances for pruning.
     */
    RobustPrune chooseNeighbors(Graph graph, int node) {
      query.query(node);
      CandidateList found = search.search(query, parameters.effectiveListSize());
      pooled.clear();
      boolean isNew = pooled.add(node);
      assert isNew;
      int count = 0;
      for (int rank = 0; rank < found.size(); rank++) {
        if (pooled.add(found.node(rank))) {
          pool[count++] = found.node(rank);
        }
      }
      int degree = graph.neighbors(node, neighbors);
      for (int i = 0; i < degree; i++) {
        if (pooled.add(neighbors[i])) {
          pool[count++] = neighbors[i];
        }
      }
      prune.begin();
      addPool(node, count);
      prune.prune(node);
      return prune;
    }

    private void addPool(int node, int count) {
      pairs.distances(node, pool, 0, count, poolDistances, 0);
      for (int i = 0; i < count; i++) {
        prune.add(pool[i], poolDistances[i]);
      }
    }

    /** Gives one target the edges to its sources, {@code edges[from, to)}. */
    void addReverse(Graph graph, long[] edges, int from, int to) {
      int target = (int) (edges[from] >> 32);
      int degree = graph.neighbors(target, neighbors);
      int added = from;
      for (; added < to; added++) {
        int source = (int) edges[added];
        if (contains(degree, source)) {
          continue;
        }
        if (degree == neighbors.length) {
          break;
        }
        neighbors[degree++] = source;
      }
      if (added == to) {
        graph.setNeighbors(target, neighbors, 0, degree);
        return;
      }
      prune.begin();
      int present = graph.neighbors(target, pool);
      addPool(target, present);
      for (int i = from; i < to; i += pool.length) {
        int count = Math.min(pool.length, to - i);
        for (int j = 0; j < count; j++) {
          pool[j] = (int) edges[i + j];
        }
        addPool(target, count);
      }
      prune.prune(target);
      graph.setNeighbors(target, prune.picked(), 0, prune.pickedCount());
    }

    private boolean contains(int degree, int node) {
      for (int i = 0; i < degree; i++) {
        if (neighbors[i] == node) {
          return true;
        }
      }
      return false;
    }

    void trim(Graph graph, int node) {
      if (graph.degree(node) > parameters.degree()) {
        prune.begin();
        addPool(node, graph.neighbors(node, pool));
        prune.prune(node);
        graph.setNeighbors(node, prune.picked(), 0, prune.pickedCount());
      }
    }
  }
}
