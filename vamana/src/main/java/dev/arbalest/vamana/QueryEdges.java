// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import java.util.Arrays;
import java.util.BitSet;

/**
 * Edges learnt from queries. Queries of another source than the vectors (text that looks for
 * pictures) have neighbours that are far from each other, and a graph made of the vectors alone
 * leads to one of them and not on to the others. After the bipartite graph of RoarGraph (Chen et
 * al., VLDB 2024), the nearest neighbour of a query is joined with its others, and each of those
 * with the next. Where several queries ask for more edges than a node has room for, those asked for
 * most often win.
 *
 * <p>Not for a graph that is being searched.
 */
public final class QueryEdges {
  /** Of a node's neighbours, one in so many may give way. */
  private static final int REPLACED_SHARE = 4;

  private final Graph graph;
  private final int[] inDegrees;
  private final int[] row;
  private long added;

  private QueryEdges(Graph graph) {
    this.graph = graph;
    this.inDegrees = new int[graph.nodeCount()];
    this.row = new int[graph.maxDegree()];
  }

  /**
   * Adds edges to a graph; every node stays within reach that was.
   *
   * @param nearest nodes of each query, nearest first
   * @param pairs distances, for nodes that lose their last way
   * @param listSize of searches for a new way
   * @return how many edges were added
   */
  public static long learn(Graph graph, int[][] nearest, PairDistances pairs, int listSize) {
    BitSet before = Reachability.reachable(graph);
    long[] votes = votes(nearest);
    QueryEdges edges = new QueryEdges(graph);
    edges.countInDegrees();
    for (int from = 0; from < votes.length; ) {
      int to = from;
      while (to < votes.length && host(votes[to]) == host(votes[from])) {
        to++;
      }
      edges.join(votes, from, to);
      from = to;
    }
    int _ =
        new Reachability(graph).repair(new Reachability.PairQuery(pairs), listSize, before::get);
    return edges.added;
  }

  /** Every edge asked for, once for each query that does, sorted by host. */
  private static long[] votes(int[][] nearest) {
    int count = 0;
    for (int[] nodes : nearest) {
      count += Math.max(0, 4 * nodes.length - 6);
    }
    long[] votes = new long[count];
    int size = 0;
    for (int[] nodes : nearest) {
      for (int i = 1; i < nodes.length; i++) {
        votes[size++] = BatchInserter.edge(nodes[0], nodes[i]);
        votes[size++] = BatchInserter.edge(nodes[i], nodes[0]);
        if (i > 1) {
          votes[size++] = BatchInserter.edge(nodes[i - 1], nodes[i]);
          votes[size++] = BatchInserter.edge(nodes[i], nodes[i - 1]);
        }
      }
    }
    long[] sorted = Arrays.copyOf(votes, size);
    Arrays.sort(sorted);
    return sorted;
  }

  private static int host(long edge) {
    return (int) (edge >> 32);
  }

  private void countInDegrees() {
    for (int node = 0; node < graph.nodeCount(); node++) {
      int degree = graph.neighbors(node, row);
      for (int i = 0; i < degree; i++) {
        inDegrees[row[i]]++;
      }
    }
  }

  /** Gives a host the edges asked for most often, {@code votes[from, to)}. */
  private void join(long[] votes, int from, int to) {
    int host = host(votes[from]);
    int degree = graph.neighbors(host, row);
    int present = degree;
    long[] wanted = new long[to - from];
    int count = 0;
    for (int i = from; i < to; ) {
      int end = i;
      while (end < to && votes[end] == votes[i]) {
        end++;
      }
      int neighbor = (int) votes[i];
      if (neighbor != host && !contains(present, neighbor)) {
        wanted[count++] = ((long) (i - end) << 32) | neighbor; // most votes first
      }
      i = end;
    }
    Arrays.sort(wanted, 0, count);
    int replaceable = present / REPLACED_SHARE;
    int last = present - 1;
    for (int i = 0; i < count; i++) {
      int neighbor = (int) wanted[i];
      if (degree < row.length) {
        row[degree++] = neighbor;
      } else {
        // The last edges are those that pruning took last; a node keeps a way to it.
        while (replaceable > 0 && inDegrees[row[last]] <= 1) {
          last--;
          replaceable--;
        }
        if (replaceable == 0) {
          break;
        }
        inDegrees[row[last]]--;
        row[last--] = neighbor;
        replaceable--;
      }
      inDegrees[neighbor]++;
      added++;
    }
    graph.setNeighbors(host, row, 0, degree);
  }

  private boolean contains(int degree, int node) {
    for (int i = 0; i < degree; i++) {
      if (row[i] == node) {
        return true;
      }
    }
    return false;
  }
}
