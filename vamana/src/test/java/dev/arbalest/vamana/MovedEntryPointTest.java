// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The entry point leaves the graph after a search has read it and before it is expanded. */
class MovedEntryPointTest {
  private static final int COUNT = 200;
  private static final int K = 10;

  /** A ring whose nodes know those up to four steps away. */
  @com.google.errorprone.annotations.MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  private static Graph ring() {
    Graph graph = Graph.allocate(COUNT, 8);
    for (int node = 0; node < COUNT; node++) {
      int[] neighbors = new int[8];
      for (int i = 0; i < 8; i++) {
        neighbors[i] = Math.floorMod(node + (i < 4 ? i - 4 : i - 3), COUNT);
      }
      graph.setNeighbors(node, neighbors, 0, 8);
    }
    graph.setEntryPoint(0);
    return graph;
  }

  /** Scores distances along a line; some entry points leave while they are scored first. */
  private static NodeScorer leaving(Graph graph, int moves) {
    int[] moved = new int[1];
    return (nodes, count, _, distances) -> {
      for (int i = 0; i < count; i++) {
        distances[i] = Math.abs(nodes[i] - 100.2f);
      }
      int entry = graph.entryPoint();
      if (moved[0] < moves && count == 1 && nodes[0] == entry) {
        moved[0]++;
        graph.setEntryPoint(entry + 20); // as an updater does: first this, then the edges
        graph.setNeighbors(entry, new int[0], 0, 0);
      }
    };
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3})
  void searchesGoOnFromItsSuccessor(int moves) {
    try (Graph graph = ring()) {
      GreedySearch search = new GreedySearch(graph, 40);
      CandidateList found = search.search(leaving(graph, moves), 40);
      assertThat(found.size()).isEqualTo(40);
      for (int rank = 0; rank < K; rank++) {
        assertThat(found.node(rank)).isBetween(95, 105);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3})
  void searchesThatHadTakenTheSuccessorOutGoOnFromIt(int moves) {
    try (Graph graph = ring()) {
      NodeScorer scorer = leaving(graph, moves);
      GreedySearch search = new GreedySearch(graph, 40);
      search.begin(40, scorer);
      for (int node = 20; node <= 60; node += 20) {
        assertThat(search.exclude(node)).isTrue();
      }
      while (search.step(scorer)) {
        assertThat(search.hops()).isLessThan(COUNT);
      }
      assertThat(search.candidates().size()).isEqualTo(40);
      assertThat(search.candidates().node(0)).isEqualTo(100);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3})
  void walksInsideSetsGoOnFromItsSuccessor(int moves) {
    try (Graph graph = ring()) {
      NodeSet set = new NodeSet(COUNT);
      for (int node = 1; node < COUNT; node += 2) {
        set.add(node);
      }
      FilteredWalk walk = new FilteredWalk(graph, 40);
      NodeScorer scorer = leaving(graph, moves);
      walk.begin(40, set.words(), 4);
      walk.approach(scorer, 20);
      while (walk.step(scorer)) {
        assertThat(walk.hops()).isLessThan(2 * COUNT);
      }
      assertThat(walk.found().size()).isEqualTo(40);
      for (int rank = 0; rank < K; rank++) {
        assertThat(walk.found().node(rank) % 2).isEqualTo(1);
        assertThat(walk.found().node(rank)).isBetween(89, 111);
      }
    }
  }
}
