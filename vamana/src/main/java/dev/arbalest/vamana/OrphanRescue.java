// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import dev.arbalest.natives.Workers;
import java.io.IOException;
import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * Gives nodes that lost their last in-neighbour another: of equal or nearly equal vectors a prune
 * keeps one, and the others might be found no more. Who has a node as a neighbour is looked for
 * among its own neighbours, where most are.
 */
final class OrphanRescue implements Rescue {
  private final Graph graph;
  private final NodeDistances distances;
  private final Lost[] lost;
  private final int[] row;
  private int[] nodes = new int[1024];
  private boolean[] isOrphan = new boolean[1024];

  /** Nodes one worker collected. */
  private static final class Lost implements IntConsumer {
    private int[] nodes = new int[256];
    private int count;

    @Override
    public void accept(int node) {
      if (count == nodes.length) {
        nodes = Arrays.copyOf(nodes, 2 * count);
      }
      nodes[count++] = node;
    }
  }

  OrphanRescue(Graph graph, NodeDistances distances, int workers) {
    this.graph = graph;
    this.distances = distances;
    this.row = new int[graph.maxDegree()];
    this.lost = new Lost[workers];
    Arrays.setAll(lost, _ -> new Lost());
  }

  @Override
  public IntConsumer collector(int worker) {
    return lost[worker];
  }

  /** Takes the neighbours of a node that is about to lose them. */
  void collectNeighbors(int node) {
    int degree = graph.neighbors(node, row);
    for (int i = 0; i < degree; i++) {
      lost[0].accept(row[i]);
    }
  }

  @Override
  public void run(Workers workers) throws IOException {
    int count = 0;
    for (Lost collected : lost) {
      if (nodes.length < count + collected.count) {
        nodes = Arrays.copyOf(nodes, 2 * (count + collected.count));
      }
      System.arraycopy(collected.nodes, 0, nodes, count, collected.count);
      count += collected.count;
      collected.count = 0;
    }
    if (count == 0) {
      return;
    }
    Arrays.sort(nodes, 0, count);
    int distinct = 0;
    for (int i = 0; i < count; i++) {
      if (i == 0 || nodes[i] != nodes[i - 1]) {
        nodes[distinct++] = nodes[i];
      }
    }
    if (isOrphan.length < distinct) {
      isOrphan = new boolean[nodes.length];
    }
    workers.forRanges(
        distinct,
        64,
        (worker, from, to) -> {
          for (int i = from; i < to; i++) {
            isOrphan[i] = distances.isLive(nodes[i]) && !isNeighborOfItsOwn(nodes[i]);
          }
        });
    for (int i = 0; i < distinct; i++) {
      if (isOrphan[i]) {
        attach(nodes[i]);
      }
    }
  }

  private boolean isNeighborOfItsOwn(int node) {
    if (node == graph.entryPoint()) {
      return true;
    }
    for (int rank = 0; rank < graph.maxDegree(); rank++) {
      int neighbor = graph.neighbor(node, rank);
      if (neighbor == Graph.NONE) {
        return false;
      }
      if (hasNeighbor(neighbor, node)) {
        return true;
      }
    }
    return false;
  }

  private boolean hasNeighbor(int host, int node) {
    for (int rank = 0; rank < graph.maxDegree(); rank++) {
      int neighbor = graph.neighbor(host, rank);
      if (neighbor == node) {
        return true;
      }
      if (neighbor == Graph.NONE) {
        return false;
      }
    }
    return false;
  }

  /**
   * To the first of its neighbours that has a place; else into an edge of one of them: {@code v ->
   * w} becomes {@code v -> node -> w}.
   */
  private void attach(int node) {
    int degree = graph.neighbors(node, row);
    int hosts = 0;
    for (int i = 0; i < degree; i++) {
      if (distances.isLive(row[i])) {
        if (addIfPlace(row[i], node)) {
          return;
        }
        row[hosts++] = row[i];
      }
    }
    if (hosts == 0) {
      return;
    }
    int host = row[node % hosts]; // in turn, so that no chain of orphans forms
    int last = graph.maxDegree() - 1;
    int displaced = graph.neighbor(host, last);
    graph.setNeighbor(host, last, node);
    if (!hasNeighbor(node, displaced) && displaced != node && !addIfPlace(node, displaced)) {
      graph.setNeighbor(node, last, displaced);
    }
  }

  private boolean addIfPlace(int host, int node) {
    int degree = graph.degree(host);
    if (degree == graph.maxDegree()) {
      return false;
    }
    graph.setNeighbor(host, degree, node);
    return true;
  }
}
