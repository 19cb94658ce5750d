// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

/**
 * Best-first search of a graph (GreedySearch of the DiskANN paper): expands the nearest candidate
 * not yet expanded until the best {@code searchListSize} are all expanded. The unvisited neighbours
 * of a node are scored as one batch, so that their cache misses overlap.
 *
 * <p>Not thread-safe: one per searching thread. Allocates only when a search is larger than any
 * before it.
 */
public final class GreedySearch {
  private final Graph graph;
  private final CandidateList candidates;
  private final VisitedSet visited;
  private final int[] neighbors;
  private final int[] batch;
  private final float[] distances;
  private int start;
  private int hops;
  private int scored;

  /**
   * @param graph what to search; may be changed during searches
   * @param searchListSize expected L
   */
  public GreedySearch(Graph graph, int searchListSize) {
    this.graph = graph;
    this.candidates = new CandidateList(searchListSize);
    this.visited = new VisitedSet(searchListSize * graph.maxDegree());
    this.neighbors = new int[graph.maxDegree()];
    this.batch = new int[graph.maxDegree()];
    this.distances = new float[graph.maxDegree()];
  }

  /**
   * Searches from the graph's entry point.
   *
   * @param scorer distances of the query
   * @param searchListSize L, at least 1
   * @return the best candidates, valid until the next search
   */
  public CandidateList search(NodeScorer scorer, int searchListSize) {
    begin(searchListSize, scorer);
    while (step(scorer)) {}
    return candidates;
  }

  /** Starts a search that {@link #step} goes on with. */
  public void begin(int searchListSize, NodeScorer scorer) {
    candidates.reset(searchListSize);
    visited.clear();
    hops = 0;
    scored = 0;
    start = graph.entryPoint();
    batch[0] = start;
    if (start == Graph.NONE) {
      return;
    }
    boolean isNew = visited.add(batch[0]);
    assert isNew;
    scorer.score(batch, 1, Float.POSITIVE_INFINITY, distances);
    candidates.offer(batch[0], distances[0]);
    scored = 1;
  }

  /**
   * Takes a node out of the search just begun, as if the graph did not have it.
   *
   * @return false if it is the entry point, where the search has begun already
   */
  public boolean exclude(int node) {
    return visited.add(node);
  }

  /** Expands one node; returns whether there was one to expand. */
  public boolean step(NodeScorer scorer) {
    int node = candidates.expandNearest();
    if (node < 0) {
      return false;
    }
    hops++;
    int count = takeNeighbors(node);
    if (count == 0 && node == start) {
      count = takeSuccessor();
    }
    float threshold = candidates.threshold();
    scorer.score(batch, count, threshold, distances);
    scored += count;
    for (int i = 0; i < count; i++) {
      if (distances[i] <= threshold && candidates.offer(batch[i], distances[i])) {
        threshold = candidates.threshold();
      }
    }
    return true;
  }

  /** Puts the neighbours of a node that were not visited into the batch. */
  private int takeNeighbors(int node) {
    int degree = graph.neighbors(node, neighbors);
    int count = 0;
    for (int i = 0; i < degree; i++) {
      if (neighbors[i] != Graph.NONE && visited.add(neighbors[i])) {
        batch[count++] = neighbors[i];
      }
    }
    return count;
  }

  /** An entry point that left the graph before it was expanded has no edges: takes the new one. */
  private int takeSuccessor() {
    int next = graph.entryPoint();
    if (next == start || next == Graph.NONE) {
      return 0;
    }
    start = next;
    if (visited.add(next)) {
      batch[0] = next;
      return 1;
    }
    return takeNeighbors(next);
  }

  /** The best candidates so far, valid until the next search. */
  public CandidateList candidates() {
    return candidates;
  }

  /** How many of the nearest candidates were expanded with none before them left. */
  public int settled() {
    return candidates.settled();
  }

  /** Nodes expanded by the last search. */
  public int hops() {
    return hops;
  }

  /** Distances computed by the last search. */
  public int scored() {
    return scored;
  }
}
