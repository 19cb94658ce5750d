// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

/**
 * Best-first search of a graph for the nearest nodes of a set. Only nodes of the set enter the
 * answer. It has two phases:
 *
 * <ol>
 *   <li>the approach walks over all nodes with a short list, as {@link GreedySearch} does, and so
 *       reaches the query's surroundings;
 *   <li>the walk inside the set expands its nodes only. Where few neighbours of a node belong to
 *       the set, it looks through the others to their neighbours, as ACORN does (Patel et al.,
 *       SIGMOD 2024). A bit test comes first, so that a node outside the set costs no code.
 * </ol>
 *
 * <p>Sets that lie far from the query are reached from nodes of the set that the caller offers as
 * seeds. Not thread-safe: one per searching thread. Allocates only when a search is larger than any
 * before.
 */
public final class FilteredWalk {
  private final Graph graph;
  private final CandidateList steering;
  private final CandidateList found;
  private final VisitedSet visited;
  private final VisitedSet lookedThrough;
  private final int[] neighbors;
  private final int[] further;
  private final int[] outside;
  private final int[] batch;
  private final float[] distances;
  private long[] words = new long[0];
  private int batchCount;
  private int batchTarget;
  private int hops;
  private int scored;
  private int passed;
  private int rowsLookedThrough;

  /** Makes a walk of a graph, which may change during searches. */
  public FilteredWalk(Graph graph, int searchListSize) {
    this.graph = graph;
    int degree = graph.maxDegree();
    this.steering = new CandidateList(searchListSize);
    this.found = new CandidateList(searchListSize);
    this.visited = new VisitedSet(searchListSize * degree);
    this.lookedThrough = new VisitedSet(searchListSize * degree);
    this.neighbors = new int[degree];
    this.further = new int[degree];
    this.outside = new int[degree];
    this.batch = new int[degree];
    this.distances = new float[degree];
  }

  /**
   * Begins a search.
   *
   * @param listSize nodes of the set that the answer keeps, at least 1
   * @param set bitmap of the set, as {@link NodeSet#words} returns
   * @param target nodes of the set that an expansion looks for before it stops looking through
   *     others, in [1, the graph's degree]
   */
  public void begin(int listSize, long[] set, int target) {
    found.reset(listSize);
    steering.reset(1);
    visited.clear();
    lookedThrough.clear();
    words = set;
    batchTarget = Math.min(target, batch.length);
    batchCount = 0;
    hops = 0;
    scored = 0;
    passed = 0;
    rowsLookedThrough = 0;
  }

  /**
   * Takes a node out of the search, as if the set did not have it; after {@link #begin} and before
   * any other step.
   *
   * @return whether it was not taken out before
   */
  public boolean exclude(int node) {
    return visited.add(node);
  }

  /**
   * Walks over all nodes from the entry point until the best {@code listSize} are expanded. Nodes
   * of the set that it scores enter the answer.
   */
  public void approach(NodeScorer scorer, int listSize) {
    steering.reset(listSize);
    int entry = graph.entryPoint();
    if (entry == Graph.NONE) {
      return;
    }
    int start = entry;
    int node = startFrom(scorer, start);
    while (node >= 0) {
      hops++;
      boolean isAlone = !expandAll(scorer, node);
      int now = graph.entryPoint();
      if (isAlone && node == start && now != start && now != Graph.NONE) {
        start = now; // the entry point left the graph before it was expanded
        node = startFrom(scorer, start);
      } else {
        node = steering.expandNearest();
      }
    }
    batchCount = 0;
  }

  /** Scores an entry point unless it was taken out; returns the node to expand. */
  private int startFrom(NodeScorer scorer, int entry) {
    if (!visited.add(entry)) {
      return entry;
    }
    batch[0] = entry;
    score(scorer, batch, 1, Float.POSITIVE_INFINITY, NodeSet.contains(words, entry));
    return steering.expandNearest();
  }

  /** Scores the neighbours of a node of any kind; returns whether one was not visited before. */
  private boolean expandAll(NodeScorer scorer, int node) {
    int degree = graph.neighbors(node, neighbors);
    int others = 0;
    batchCount = 0;
    for (int i = 0; i < degree; i++) {
      if (neighbors[i] != Graph.NONE && visited.add(neighbors[i])) {
        if (NodeSet.contains(words, neighbors[i])) {
          batch[batchCount++] = neighbors[i];
        } else {
          outside[others++] = neighbors[i];
        }
      }
    }
    // A node that cannot enter the list of all nodes may still be among the nearest of the set.
    score(scorer, batch, batchCount, Math.max(steering.threshold(), found.threshold()), true);
    score(scorer, outside, others, steering.threshold(), false);
    return batchCount + others > 0;
  }

  private void score(NodeScorer scorer, int[] nodes, int count, float limit, boolean belong) {
    scorer.score(nodes, count, limit, distances);
    scored += count;
    for (int i = 0; i < count; i++) {
      if (distances[i] <= limit) {
        boolean _ = steering.offer(nodes[i], distances[i]);
        if (belong) {
          boolean _ = found.offer(nodes[i], distances[i]);
        }
      }
    }
    passed += belong ? count : 0;
  }

  /** Offers a node of the set, and its distance, that the search may begin from. */
  public void seed(int node, float distance) {
    if (visited.add(node)) {
      boolean _ = found.offer(node, distance);
    }
  }

  /** Scores the batch and offers its nodes. */
  private void flush(NodeScorer scorer) {
    if (batchCount == 0) {
      return;
    }
    float threshold = found.threshold();
    scorer.score(batch, batchCount, threshold, distances);
    scored += batchCount;
    passed += batchCount;
    for (int i = 0; i < batchCount; i++) {
      if (distances[i] <= threshold && found.offer(batch[i], distances[i])) {
        threshold = found.threshold();
      }
    }
    batchCount = 0;
  }

  /** Expands the nearest node of the answer; returns whether there was one to expand. */
  public boolean step(NodeScorer scorer) {
    int node = found.expandNearest();
    if (node < 0) {
      return false;
    }
    hops++;
    int degree = graph.neighbors(node, neighbors);
    int others = 0;
    for (int i = 0; i < degree; i++) {
      int neighbor = neighbors[i];
      if (neighbor == Graph.NONE) {
        continue;
      }
      if (!NodeSet.contains(words, neighbor)) {
        outside[others++] = neighbor;
      } else if (visited.add(neighbor)) {
        batch[batchCount++] = neighbor;
      }
    }
    // A row's nearest neighbours come first: those are looked through first.
    for (int i = 0; i < others && batchCount < batchTarget; i++) {
      if (lookedThrough.add(outside[i])) {
        lookThrough(outside[i]);
      }
    }
    flush(scorer);
    return true;
  }

  private void lookThrough(int node) {
    rowsLookedThrough++;
    int degree = graph.neighbors(node, further);
    for (int i = 0; i < degree && batchCount < batch.length; i++) {
      int neighbor = further[i];
      if (neighbor != Graph.NONE && NodeSet.contains(words, neighbor) && visited.add(neighbor)) {
        batch[batchCount++] = neighbor;
      }
    }
  }

  /** The nearest nodes of the set found so far, valid until the next search. */
  public CandidateList found() {
    return found;
  }

  /** How many of the nearest found were expanded with none before them left. */
  public int settled() {
    return found.settled();
  }

  /** Nodes expanded. */
  public int hops() {
    return hops;
  }

  /** Codes compared. */
  public int scored() {
    return scored;
  }

  /** Nodes of the set among those scored. */
  public int passed() {
    return passed;
  }

  /** Nodes outside the set that were looked through. */
  public int rowsLookedThrough() {
    return rowsLookedThrough;
  }
}
