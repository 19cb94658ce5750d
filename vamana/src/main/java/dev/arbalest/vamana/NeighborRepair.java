// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import java.util.Arrays;

/**
 * Replaces neighbours that leave a graph, for one worker of a {@link GraphUpdater}: an in-neighbour
 * of a leaving node gets the nearest of that node's neighbours instead, and each neighbour gets
 * another in-neighbour. Not thread-safe.
 */
final class NeighborRepair {
  /**
   * Candidates in place of a neighbour that left. IP-DiskANN adds the three nearest as they are;
   * with more of them, and all neighbours pruned again, searches find as much as after a build.
   */
  private static final int REPLACEMENTS = 8;

  /** The nearest of a node's neighbours come first: more of them replaced it no better. */
  private static final int MAX_CANDIDATES = 32;

  private final Graph graph;
  private final NodeDistances distances;
  private final LeavingNodes leaving;
  private final BatchInserter.Scratch scratch;
  private final PairDistances pairs;
  private final int[] row;
  private final int[] theirs;
  private final int[] candidates = new int[MAX_CANDIDATES];
  private final float[] nearness = new float[MAX_CANDIDATES];
  private int[] kept;
  private long[] collected = new long[1024];
  private int collectedCount;
  private int[] poor = new int[64];
  private int poorCount;

  NeighborRepair(
      Graph graph, NodeDistances distances, LeavingNodes leaving, BatchInserter.Scratch scratch) {
    this.graph = graph;
    this.distances = distances;
    this.leaving = leaving;
    this.scratch = scratch;
    this.pairs = scratch.pairs();
    this.row = new int[graph.maxDegree()];
    this.theirs = new int[graph.maxDegree()];
    this.kept = new int[2 * graph.maxDegree()];
  }

  /** Takes the nodes that {@link #collect} noted: keys of host and leaving neighbour. */
  long[] takeCollected() {
    long[] taken = Arrays.copyOf(collected, collectedCount);
    collectedCount = 0;
    return taken;
  }

  /** Takes the nodes for which {@link #replace} found too few neighbours. */
  int[] takePoor() {
    int[] taken = Arrays.copyOf(poor, poorCount);
    poorCount = 0;
    return taken;
  }

  /** Notes a node by its first neighbour that leaves. */
  void collect(int node) {
    if (leaving.contains(node)) {
      return;
    }
    int degree = graph.neighbors(node, row);
    for (int i = 0; i < degree; i++) {
      if (leaving.contains(row[i])) {
        if (collectedCount == collected.length) {
          collected = Arrays.copyOf(collected, 2 * collectedCount);
        }
        collected[collectedCount++] = BatchInserter.edge(row[i], node);
        return;
      }
    }
  }

  /** Copies neighbours of a node that stay, the first few. */
  private int staying(int node) {
    int degree = graph.neighbors(node, theirs);
    int count = 0;
    for (int i = 0; i < degree && count < MAX_CANDIDATES; i++) {
      if (leaving.stays(theirs[i], distances)) {
        candidates[count++] = theirs[i];
      }
    }
    return count;
  }

  /** Replaces a node's neighbours that leave. */
  void replace(int node) {
    int degree = graph.neighbors(node, row);
    int count = 0;
    int left = 0;
    for (int i = 0; i < degree; i++) {
      if (leaving.contains(row[i])) {
        row[left++] = row[i];
      } else {
        count = keep(count, row[i]);
      }
    }
    for (int i = 0; i < left; i++) {
      int available = staying(row[i]);
      pairs.distances(node, candidates, 0, available, nearness, 0);
      for (int turn = 0; turn < REPLACEMENTS; turn++) {
        int nearest = nearest(node, count, available);
        if (nearest < 0) {
          break;
        }
        count = keep(count, candidates[nearest]);
      }
    }
    scratch.setPruned(graph, node, kept, count);
    if (2 * count < degree && distances.isLive(node)) {
      if (poorCount == poor.length) {
        poor = Arrays.copyOf(poor, 2 * poorCount);
      }
      poor[poorCount++] = node;
    }
  }

  private int keep(int count, int neighbor) {
    if (count == kept.length) {
      kept = Arrays.copyOf(kept, 2 * count);
    }
    kept[count] = neighbor;
    return count + 1;
  }

  /** Index of the candidate nearest to a node that is not among those kept, or -1. */
  private int nearest(int node, int count, int available) {
    int nearest = -1;
    for (int i = 0; i < available; i++) {
      boolean better = nearest < 0 || nearness[i] < nearness[nearest];
      if (better && candidates[i] != node && !isKept(candidates[i], count)) {
        nearest = i;
      }
    }
    return nearest;
  }

  private boolean isKept(int node, int count) {
    for (int i = 0; i < count; i++) {
      if (kept[i] == node) {
        return true;
      }
    }
    return false;
  }

  /** For each neighbour of a node, the edge to it from the one of the others nearest to it. */
  int inNeighbors(int node, long[] target, int from) {
    int available = staying(node);
    int count = 0;
    for (int i = 0; i < available; i++) {
      pairs.distances(candidates[i], candidates, 0, available, nearness, 0);
      int nearest = nearest(candidates[i], 0, available);
      if (nearest >= 0) {
        target[from + count++] = BatchInserter.edge(candidates[nearest], candidates[i]);
      }
    }
    return count;
  }
}
