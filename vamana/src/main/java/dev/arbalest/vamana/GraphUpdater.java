// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import dev.arbalest.natives.Workers;
import java.io.IOException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;

/**
 * Inserts nodes into a graph that is being searched, and takes nodes out of it.
 *
 * <p>Taking out repairs in place, as IP-DiskANN does (Xu et al., 2025): each in-neighbour of the
 * node gets the nearest few of the node's neighbours instead, and each neighbour gets a new
 * in-neighbour among the others. IP-DiskANN guesses the in-neighbours by a search. With the graph
 * in memory, one pass over all rows finds every one; nodes that leave together share that pass, and
 * no edge to them remains.
 *
 * <p>A repair sees one node's surroundings at a time. Where most of a graph leaves at once that is
 * not enough: the nodes that stay are then linked again, as a second pass of a build does, which
 * costs no more than the repairs would.
 *
 * <p>One thread at a time may call this; searches may go on in any number of others, see {@link
 * Graph}. Working memory is kept for the next call.
 */
public final class GraphUpdater {
  /**
   * If at most this many nodes stay per leaving node, all staying nodes are relinked instead.
   * Removing a node costs about as much as linking three.
   */
  private static final int SURVIVORS_PER_DEAD = 2;

  /** Living nodes per node of a batch, at least. */
  private static final int LIVING_PER_BATCHED = 4;

  /** Nodes of the same call that must have been inserted before a batch, per node of the batch. */
  private static final int INSERTED_PER_BATCHED = 2;

  /**
   * So few nodes that do not see each other cost no recall; any number of workers makes the same.
   */
  private static final int MIN_BATCH = 4;

  /** Bounds the memory a batch's edges take. */
  private static final int MAX_RELINKED_AT_A_TIME = 1024;

  /** With more unreachable nodes than this, attaching each of them to some node costs recall... */
  private static final int LOST_BEFORE_RELINK = 8;

  /** ... if they exceed one node in this many. */
  private static final int LOST_SHARE = 20;

  private final Graph graph;
  private final NodeDistances distances;
  private final Reachability reachability;
  private final BuildParameters parameters;
  private final Workers workers;
  private final OrphanRescue rescue;
  private final BatchInserter inserter;
  private final NeighborRepair[] repairs;

  /** Nodes that {@link #link} took and {@link #unlink} did not; those that died meanwhile, too. */
  private final BitSet linked = new BitSet();

  private final LeavingNodes leaving = new LeavingNodes();
  private long[] edges = new long[0];

  /**
   * Makes an updater of a graph whose live nodes have all been linked.
   *
   * @param parameters R and alpha of prunes, and list of searches; R at most the graph's degree,
   *     which should be larger: a full node is pruned back to R
   */
  public GraphUpdater(
      Graph graph, NodeDistances distances, BuildParameters parameters, Workers workers) {
    this.graph = graph;
    this.distances = distances;
    this.reachability = new Reachability(graph);
    this.parameters = parameters;
    this.workers = workers;
    this.rescue = new OrphanRescue(graph, distances, workers.size());
    this.inserter =
        new BatchInserter(graph, distances, parameters, parameters.alpha(), workers, rescue);
    this.repairs = new NeighborRepair[workers.size()];
    for (int worker = 0; worker < repairs.length; worker++) {
      repairs[worker] = new NeighborRepair(graph, distances, leaving, inserter.scratch(worker));
    }
    for (int node = 0; node < graph.nodeCount(); node++) {
      if (distances.isLive(node)) {
        linked.set(node);
      }
    }
  }

  /**
   * Inserts {@code nodes[from, from + count)}, which have no edges yet. Their order does not
   * matter: they are inserted in random order.
   */
  public void link(int[] nodes, int from, int count) throws IOException {
    int[] order = Arrays.copyOfRange(nodes, from, from + count);
    shuffle(order, new SplittableRandom(parameters.seed() + count));
    int done = 0;
    while (done < count) {
      int size = 1;
      if (graph.entryPoint() == Graph.NONE) {
        graph.setEntryPoint(order[done]);
      } else {
        // These may be near each other and far from all that is linked: were they a single batch,
        // no edge would join them. So each batch is a share of those inserted before it.
        int few = Math.max(MIN_BATCH, done / INSERTED_PER_BATCHED);
        size = batch(Math.min(count - done, few));
        inserter.insert(order, done, size);
      }
      for (int i = done; i < done + size; i++) {
        linked.set(order[i]);
      }
      done += size;
    }
  }

  private static void shuffle(int[] nodes, SplittableRandom random) {
    for (int i = nodes.length - 1; i > 0; i--) {
      int other = random.nextInt(i + 1);
      int node = nodes[i];
      nodes[i] = nodes[other];
      nodes[other] = node;
    }
  }

  /**
   * Nodes of a batch do not see each other, and dead ones are about to leave: a batch is a share of
   * the nodes it sees that stay. As large as those, it would cost a point of recall or three, which
   * a build's second pass makes up for.
   */
  private int batch(int wanted) {
    return Math.clamp(living(LIVING_PER_BATCHED * wanted) / LIVING_PER_BATCHED, 1, wanted);
  }

  /** How many nodes are alive and part of the graph; counts up to a limit. */
  private int living(int limit) {
    int living = 0;
    for (int node = linked.nextSetBit(0);
        node >= 0 && living < limit;
        node = linked.nextSetBit(node + 1)) {
      boolean isPart = graph.neighbor(node, 0) != Graph.NONE || node == graph.entryPoint();
      living += isPart && distances.isLive(node) ? 1 : 0;
    }
    return living;
  }

  /** The nodes that are linked and alive, with or without edges. */
  private int[] survivors() {
    return linked.stream().filter(distances::isLive).toArray();
  }

  /**
   * Takes {@code nodes[from, from + count)} out: afterwards no node has them as neighbours, and
   * they have none. None of them may be live.
   */
  public void unlink(int[] nodes, int from, int count) throws IOException {
    int most = SURVIVORS_PER_DEAD * count;
    boolean isUpheaval = living(most + 1) <= most;
    leaving.add(nodes, from, count, graph.nodeCount());
    try {
      long[] hosts = hosts();
      workers.forRanges(
          hosts.length,
          8,
          (worker, low, high) -> {
            for (int i = low; i < high; i++) {
              repairs[worker].replace((int) hosts[i]);
            }
          });
      addInNeighbors(nodes, from, count);
      moveEntryPoint();
      for (int i = from; i < from + count; i++) {
        rescue.collectNeighbors(nodes[i]);
        graph.setNeighbors(nodes[i], nodes, 0, 0);
        linked.clear(nodes[i]);
      }
      rescue.run(workers);
      int[] poor = takePoor();
      if (isUpheaval) {
        relinkAll();
      } else {
        relink(poor);
      }
    } finally {
      leaving.remove(nodes, from, count);
    }
  }

  /** Hosts that repairs found too little for. */
  private int[] takePoor() {
    return Arrays.stream(repairs)
        .flatMapToInt(repair -> Arrays.stream(repair.takePoor()))
        .sorted()
        .toArray();
  }

  /** Searches for further neighbours of nodes. */
  private void relink(int[] nodes) throws IOException {
    if (nodes.length == 0) {
      return;
    }
    int done = 0;
    while (done < nodes.length) {
      int size = batch(Math.min(nodes.length - done, MAX_RELINKED_AT_A_TIME));
      inserter.insert(nodes, done, size);
      done += size;
    }
  }

  /** Links all that live again, in the way of a build: first all must be within reach. */
  private void relinkAll() throws IOException {
    int[] nodes = survivors();
    if (nodes.length == 0) {
      graph.setEntryPoint(Graph.NONE);
      return;
    }
    SplittableRandom random = new SplittableRandom(parameters.seed());
    for (int pass = 0; pass < BuildParameters.PASSES; pass++) {
      int _ = attachLost();
      shuffle(nodes, random);
      relink(nodes);
    }
  }

  /**
   * Makes every live node reachable that was linked. Batches see to it that a node keeps an
   * in-neighbour, not that those can be reached: a few nodes alike may be left with each other.
   * Should many be out of reach, as after damage, all are linked again.
   *
   * @return how many had not been reachable
   */
  public int reconnect() throws IOException {
    int lost = attachLost();
    if (lost > LOST_BEFORE_RELINK && living(LOST_SHARE * lost) < LOST_SHARE * lost) {
      relinkAll();
      int _ = attachLost();
    }
    return lost;
  }

  /**
   * Links everything again if searches do not find a sample of the nodes by their own vectors: what
   * cannot be seen by reachability alone.
   *
   * @return the nodes that were linked again, or 0 if all was well
   */
  public int mend() throws IOException {
    int lost = reconnect();
    PairDistances pairs = inserter.scratch(0).pairs();
    if (Reachability.findsSample(graph, pairs, distances::isLive, parameters.effectiveListSize())) {
      return lost;
    }
    relinkAll();
    int _ = attachLost();
    return survivors().length;
  }

  /** Gives nodes without edges some, then every node a way to it. */
  private int attachLost() throws IOException {
    int entry = graph.entryPoint();
    if (entry == Graph.NONE || !linked.get(entry)) {
      entry = linked.stream().filter(distances::isLive).findFirst().orElse(Graph.NONE);
      graph.setEntryPoint(entry);
      if (entry == Graph.NONE) {
        return 0;
      }
    }
    int start = entry;
    int[] bare =
        linked.stream()
            .filter(node ->
                node != start && graph.neighbor(node, 0) == Graph.NONE && distances.isLive(node))
            .toArray();
    relink(bare);
    return bare.length
        + reachability.repair(
            new Reachability.PairQuery(inserter.scratch(0).pairs()),
            parameters.effectiveListSize(),
            node -> distances.isLive(node) && linked.get(node));
  }

  /** Staying nodes with a leaving neighbour, grouped by that neighbour. */
  private long[] hosts() throws IOException {
    workers.forRanges(
        graph.nodeCount(),
        4096,
        (worker, low, high) -> {
          for (int node = low; node < high; node++) {
            repairs[worker].collect(node);
          }
        });
    return Arrays.stream(repairs)
        .flatMapToLong(repair -> Arrays.stream(repair.takeCollected()))
        .sorted()
        .toArray();
  }

  /** Gives each neighbour of a node that leaves another in-neighbour. */
  private void addInNeighbors(int[] nodes, int from, int count) throws IOException {
    int degree = graph.maxDegree();
    if (edges.length < count * degree) {
      edges = new long[count * degree];
    }
    int[] found = new int[count];
    workers.forRanges(
        count,
        4,
        (worker, low, high) -> {
          for (int i = low; i < high; i++) {
            found[i] = repairs[worker].inNeighbors(nodes[from + i], edges, i * degree);
          }
        });
    int total = 0;
    for (int i = 0; i < count; i++) {
      System.arraycopy(edges, i * degree, edges, total, found[i]);
      total += found[i];
    }
    inserter.addEdges(edges, total);
  }

  /** If the entry point leaves: its nearest neighbour that stays, otherwise any node with edges. */
  private void moveEntryPoint() {
    int entry = graph.entryPoint();
    if (entry == Graph.NONE || !leaving.contains(entry)) {
      return;
    }
    int next = Graph.NONE;
    for (int rank = 0; rank < graph.degree(entry) && next == Graph.NONE; rank++) {
      next =
          leaving.stays(graph.neighbor(entry, rank), distances)
              ? graph.neighbor(entry, rank)
              : Graph.NONE;
    }
    for (int node = linked.nextSetBit(0);
        node >= 0 && next == Graph.NONE;
        node = linked.nextSetBit(node + 1)) {
      next = leaving.stays(node, distances) ? node : Graph.NONE;
    }
    graph.setEntryPoint(next);
  }
}
