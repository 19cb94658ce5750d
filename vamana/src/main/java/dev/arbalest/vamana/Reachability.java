// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import java.util.BitSet;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/** Which nodes a search can get to from the entry point, and edges for those it cannot. */
public final class Reachability {
  /** Nodes looked for to see whether searches find their way. */
  private static final int SAMPLE = 256;

  /** What they must find of them; of a graph that was built nearly all are found. */
  private static final double FOUND_SHARE = 0.95;

  /** Of the distance to the farthest candidate, what stands for equal vectors. */
  private static final float EQUAL_SHARE = 1e-5f;

  private final Graph graph;
  private final BitSet reached = new BitSet();
  private int[] queue = new int[0];

  /** Keeps its working memory for the next call; not thread-safe. */
  Reachability(Graph graph) {
    this.graph = graph;
  }

  /** The nodes reachable from the entry point, it included. */
  public static BitSet reachable(Graph graph) {
    Reachability made = new Reachability(graph);
    made.start();
    return made.reached;
  }

  /**
   * Whether searches find nearly all of a sample of the live nodes, or equals of them: edges may
   * lead everywhere, and a search yet not find the way.
   *
   * @param pairs distances for the search; used by one worker
   * @param buildList L of the build, at least 1; twice that finds every node of a sound graph
   */
  public static boolean findsSample(
      Graph graph, PairDistances pairs, IntPredicate isLive, int buildList) {
    int searchListSize = 2 * buildList;
    int[] live = IntStream.range(0, graph.nodeCount()).filter(isLive).toArray();
    int sample = Math.min(live.length, SAMPLE);
    if (sample == 0 || graph.entryPoint() == Graph.NONE) {
      return sample == 0;
    }
    GreedySearch search = new GreedySearch(graph, searchListSize);
    PairQuery query = new PairQuery(pairs);
    int found = 0;
    int[] one = new int[1];
    float[] own = new float[1];
    for (int i = 0; i < sample; i++) {
      int self = live[(int) ((long) i * live.length / sample)];
      query.query(self);
      one[0] = self;
      query.score(one, 1, Float.POSITIVE_INFINITY, own);
      CandidateList candidates = search.search(query, searchListSize);
      float farthest = candidates.distance(candidates.size() - 1);
      // More equals than the list holds are all as near as the node is to itself.
      float nearest = Math.max(own[0], Float.MIN_NORMAL); // searches tell no smaller distance
      boolean isFound =
          candidates.distance(0) <= EQUAL_SHARE * farthest || candidates.distance(0) <= nearest;
      for (int rank = 0; rank < candidates.size() && !isFound; rank++) {
        isFound = candidates.node(rank) == self;
      }
      found += isFound ? 1 : 0;
    }
    return found >= FOUND_SHARE * sample;
  }

  /** A node of the graph as the query, by the distances for pruning. */
  static final class PairQuery implements NodeQuery {
    private final PairDistances pairs;
    private int node;

    PairQuery(PairDistances pairs) {
      this.pairs = pairs;
    }

    @Override
    public void query(int newNode) {
      node = newNode;
    }

    @Override
    public void score(int[] nodes, int count, float limit, float[] out) {
      pairs.distances(node, nodes, 0, count, out, 0);
    }
  }

  private void start() {
    int nodes = graph.nodeCount();
    if (queue.length < nodes) {
      queue = new int[nodes + nodes / 4];
    }
    reached.clear();
    if (graph.entryPoint() != Graph.NONE) {
      spread(graph.entryPoint());
    }
  }

  private void spread(int start) {
    int head = 0;
    int tail = 0;
    reached.set(start);
    queue[tail++] = start;
    while (head < tail) {
      int node = queue[head++];
      for (int rank = 0; rank < graph.maxDegree(); rank++) {
        int neighbor = graph.neighbor(node, rank);
        if (neighbor == Graph.NONE) {
          break;
        }
        if (!reached.get(neighbor)) {
          reached.set(neighbor);
          queue[tail++] = neighbor;
        }
      }
    }
  }

  /**
   * Makes every node reachable, in order of node number. A lost node becomes a neighbour of the
   * first of its own neighbours that is reachable and has a place, else of the nearest node a
   * search finds that has one; where none has, it is put into an edge of one of those found: {@code
   * v -> w} becomes {@code v -> lost -> w}, which loses nothing that was reachable.
   *
   * @return how many nodes had been unreachable
   */
  static int repair(Graph graph, NodeQuery query, int searchListSize) {
    return new Reachability(graph).repair(query, searchListSize, _ -> true);
  }

  /** The same for the nodes a condition holds for; the others have no edges, or are to leave. */
  int repair(NodeQuery query, int searchListSize, IntPredicate isWanted) {
    if (graph.entryPoint() == Graph.NONE) {
      return 0;
    }
    start();
    GreedySearch search = new GreedySearch(graph, searchListSize);
    int lost = 0;
    for (int node = reached.nextClearBit(0);
        node < graph.nodeCount();
        node = reached.nextClearBit(node + 1)) {
      if (!isWanted.test(node)) {
        continue;
      }
      if (!attachToNeighbor(graph, node, reached)) {
        query.query(node);
        CandidateList found = search.search(query, searchListSize);
        attach(graph, node, found, lost);
      }
      spread(node);
      lost++;
    }
    return lost;
  }

  private static boolean attachToNeighbor(Graph graph, int node, BitSet reached) {
    for (int rank = 0; rank < graph.maxDegree(); rank++) {
      int host = graph.neighbor(node, rank);
      if (host == Graph.NONE) {
        return false;
      }
      if (host < reached.size() && reached.get(host) && addIfPlace(graph, host, node)) {
        return true;
      }
    }
    return false;
  }

  private static boolean addIfPlace(Graph graph, int host, int node) {
    int degree = graph.degree(host);
    if (degree == graph.maxDegree()) {
      return false;
    }
    graph.setNeighbor(host, degree, node);
    return true;
  }

  private static void attach(Graph graph, int node, CandidateList found, int turn) {
    for (int rank = 0; rank < found.size(); rank++) {
      if (addIfPlace(graph, found.node(rank), node)) {
        return;
      }
    }
    int host = found.node(turn % found.size()); // in turn, so that no chain of lost nodes forms
    int last = graph.maxDegree() - 1;
    int displaced = graph.neighbor(host, last);
    graph.setNeighbor(host, last, node);
    for (int rank = 0; rank < graph.maxDegree(); rank++) {
      if (graph.neighbor(node, rank) == displaced) {
        return;
      }
    }
    int degree = graph.degree(node);
    graph.setNeighbor(node, Math.min(degree, last), displaced);
  }
}
