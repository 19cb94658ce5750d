// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import dev.arbalest.natives.Workers;
import java.io.IOException;
import java.util.function.IntConsumer;

/**
 * Inserts nodes into a graph, a batch at a time, as ParlayANN does (Dobson et al., PPoPP 2024): the
 * nodes of a batch search the graph as it was before the batch, all in parallel; then their reverse
 * edges are applied grouped by target. No step depends on which thread runs it, so neither does the
 * graph. Writes to the graph from one thread at a time; allocates only for batches larger than any
 * before.
 */
final class BatchInserter {
  /** Factor by which search lists may grow where most nodes are about to leave. */
  private static final int LISTS_AMONG_DEAD = 4;

  /** Small batches are shared out evenly: ranges a worker gets at least, if there are as many. */
  private static final int RANGES_PER_WORKER = 4;

  private static final int MAX_RANGE = 4;

  private final Graph graph;
  private final BuildParameters parameters;
  private final Workers workers;
  private final Scratch[] scratch;
  private final Rescue rescue;
  private final EdgeSort sort = new EdgeSort();
  private int[] chosen = new int[0];
  private int[] chosenCount = new int[0];
  private long[] edges = new long[0];
  private int[] starts = new int[0];

  /**
   * Creates it.
   *
   * @param rescue told of nodes that prunes leave out
   */
  BatchInserter(
      Graph graph,
      NodeDistances distances,
      BuildParameters parameters,
      float alpha,
      Workers workers,
      Rescue rescue) {
    this.graph = graph;
    this.parameters = parameters;
    this.workers = workers;
    this.scratch = new Scratch[workers.size()];
    this.rescue = rescue;
    for (int i = 0; i < scratch.length; i++) {
      scratch[i] = new Scratch(graph, distances, parameters, alpha, rescue, i);
    }
  }

  /** Inserts {@code order[from, from + size)}. */
  void insert(int[] order, int from, int size) throws IOException {
    int degree = parameters.degree();
    if (chosenCount.length < size) {
      chosen = new int[size * degree];
      chosenCount = new int[size];
    }
    workers.forRanges(
        size,
        Math.clamp(size / (RANGES_PER_WORKER * workers.size()), 1, MAX_RANGE),
        (worker, low, high) -> {
          for (int i = low; i < high; i++) {
            RobustPrune prune = scratch[worker].chooseNeighbors(graph, order[from + i]);
            chosenCount[i] = prune.pickedCount();
            System.arraycopy(prune.picked(), 0, chosen, i * degree, chosenCount[i]);
          }
        });
    int total = 0;
    for (int i = 0; i < size; i++) {
      total += chosenCount[i];
    }
    if (edges.length < total) {
      edges = new long[Math.max(total, size * degree)];
    }
    int at = 0;
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < chosenCount[i]; j++) {
        edges[at++] = edge(chosen[i * degree + j], order[from + i]);
      }
    }
    workers.forRanges(
        size,
        64,
        (worker, low, high) -> {
          for (int i = low; i < high; i++) {
            graph.setNeighbors(order[from + i], chosen, i * degree, chosenCount[i]);
          }
        });
    addEdges(edges, total);
  }

  /** An edge from {@code host} to {@code neighbor} as {@link #addEdges} takes it. */
  static long edge(int host, int neighbor) {
    return ((long) host << 32) | neighbor;
  }

  /** Adds edges, which are sorted meanwhile; hosts that have no place for theirs are pruned. */
  void addEdges(long[] added, int count) throws IOException {
    sort.sort(added, count);
    if (starts.length < count + 1) {
      starts = new int[Math.max(count + 1, edges.length + 1)];
    }
    int groups = 0;
    for (int i = 0; i < count; i++) {
      if (i == 0 || added[i] >> 32 != added[i - 1] >> 32) {
        starts[groups++] = i;
      }
    }
    starts[groups] = count;
    workers.forRanges(
        groups,
        16,
        (worker, low, high) -> {
          for (int group = low; group < high; group++) {
            scratch[worker].addReverse(graph, added, starts[group], starts[group + 1]);
          }
        });
    rescue.run(workers);
  }

  /** Prunes every node that has grown into its slack. */
  void trim() throws IOException {
    workers.forRanges(
        graph.nodeCount(),
        64,
        (worker, low, high) -> {
          for (int node = low; node < high; node++) {
            scratch[worker].trim(graph, node);
          }
        });
  }

  /** A worker's scratch. */
  Scratch scratch(int worker) {
    return scratch[worker];
  }

  /** One worker's search and prune state. */
  static final class Scratch {
    private final NodeDistances all;
    private final PairDistances pairs;
    private final NodeQuery query;
    private final BuildParameters parameters;
    private final GreedySearch search;
    private final RobustPrune prune;
    private final VisitedSet pooled;
    private final IntConsumer dropped;
    private final int longest;
    private final int[] neighbors;
    private final int[] pool;
    private final float[] poolDistances;

    Scratch(
        Graph graph,
        NodeDistances distances,
        BuildParameters parameters,
        float alpha,
        Rescue rescue,
        int worker) {
      this.dropped = rescue.collector(worker);
      this.all = distances;
      this.pairs = distances.newPairs();
      this.query = distances.newQuery();
      this.parameters = parameters;
      this.search = new GreedySearch(graph, parameters.effectiveListSize());
      this.prune = new RobustPrune(pairs, parameters.degree(), alpha);
      this.neighbors = new int[graph.maxDegree()];
      this.longest = LISTS_AMONG_DEAD * parameters.effectiveListSize();
      int most = longest + graph.maxDegree();
      this.pooled = new VisitedSet(most);
      this.pool = new int[most];
      this.poolDistances = new float[most];
    }

    /** The distances for pruning. */
    PairDistances pairs() {
      return pairs;
    }

    /**
     * Searches for {@code node}'s vector and prunes what it finds together with the present
     * neighbours, by the distances for pruning.
     */
    RobustPrune chooseNeighbors(Graph graph, int node) {
      query.query(node);
      int wanted = parameters.effectiveListSize();
      CandidateList found = search.search(query, wanted);
      int living = living(found);
      for (int list = wanted; 2 * living < wanted && found.size() == list && list < longest; ) {
        list = Math.min(longest, 2 * list); // most of what was found is about to leave
        found = search.search(query, list);
        living = living(found);
      }
      pooled.clear();
      boolean isNew = pooled.add(node);
      assert isNew;
      int count = 0;
      for (int rank = 0; rank < found.size(); rank++) {
        if (all.isLive(found.node(rank)) && pooled.add(found.node(rank))) {
          pool[count++] = found.node(rank);
        }
      }
      // With few that stay, those that are to leave are the way to others until they do.
      for (int rank = 0; rank < found.size() && count < parameters.degree(); rank++) {
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

    private int living(CandidateList found) {
      int living = 0;
      for (int rank = 0; rank < found.size(); rank++) {
        living += all.isLive(found.node(rank)) ? 1 : 0;
      }
      return living;
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
      prune.forEachDropped(dropped);
    }

    private boolean contains(int degree, int node) {
      for (int i = 0; i < degree; i++) {
        if (neighbors[i] == node) {
          return true;
        }
      }
      return false;
    }

    /** Sets the neighbours picked from candidates. */
    void setPruned(Graph graph, int node, int[] all, int count) {
      prune.begin();
      for (int from = 0; from < count; from += pool.length) {
        int part = Math.min(pool.length, count - from);
        System.arraycopy(all, from, pool, 0, part);
        addPool(node, part);
      }
      prune.prune(node);
      graph.setNeighbors(node, prune.picked(), 0, prune.pickedCount());
      prune.forEachDropped(dropped);
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
