// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.natives.Workers;
import dev.arbalest.testing.ForSeeds;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.util.BitSet;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class GraphUpdaterTest {
  private static final BuildParameters PARAMETERS = new BuildParameters(12, 40, 1.2f, false, 9);
  private static final int SLACK_DEGREE = 16;

  /** Exact distances, and which nodes are to leave. */
  private static final class Live implements NodeDistances {
    private final ExactDistances exact;
    private final BitSet dead = new BitSet();

    Live(F32Rows rows, Workers workers) throws IOException {
      exact = ExactDistances.of(rows, Metric.L2, workers);
    }

    @Override
    public PairDistances newPairs() {
      return exact.newPairs();
    }

    @Override
    public NodeQuery newQuery() {
      return exact.newQuery();
    }

    @Override
    public boolean isLive(int node) {
      return !dead.get(node);
    }
  }

  @ForSeeds(8)
  void aGraphThatComesAndGoesFindsWhatIsThere(long seed) throws IOException {
    int count = 1500;
    F32Rows rows = TestRows.clustered(seed, count, 24, 20);
    SplittableRandom random = new SplittableRandom(seed);
    try (Workers workers = Workers.start(2);
        Graph graph = Graph.reserve(count, 0, SLACK_DEGREE)) {
      Live live = new Live(rows, workers);
      live.dead.set(0, count);
      GraphUpdater updater = new GraphUpdater(graph, live, PARAMETERS, workers);
      BitSet present = new BitSet();
      graph.extend(count / 2);
      for (int round = 0; round < 12; round++) {
        if (round == 3) {
          graph.extend(count);
        }
        int[] in =
            random
                .ints(150, 0, graph.nodeCount())
                .filter(node -> !present.get(node))
                .distinct()
                .toArray();
        for (int node : in) {
          live.dead.clear(node);
          present.set(node);
        }
        updater.link(in, 0, in.length);
        int entry = graph.entryPoint();
        boolean entryLeaves = round % 2 == 0;
        int[] out =
            present.stream()
                .filter(node -> random.nextInt(5) == 0 || (entryLeaves && node == entry))
                .toArray();
        for (int node : out) {
          live.dead.set(node);
          present.clear(node);
        }
        updater.unlink(out, 0, out.length);
        assertThat(graph.validate()).isEmpty();
        assertNoEdgesToOthers(graph, present);
        assertThat(recall(graph, live, rows, present)).isGreaterThan(0.93);
      }
      int[] all = present.stream().toArray();
      live.dead.set(0, count);
      updater.unlink(all, 0, all.length);
      assertThat(graph.entryPoint()).isEqualTo(Graph.NONE);
      live.dead.clear(7);
      updater.link(new int[] {7}, 0, 1);
      assertThat(graph.entryPoint()).isEqualTo(7);
    }
  }

  private static void assertNoEdgesToOthers(Graph graph, BitSet present) {
    for (int node = 0; node < graph.nodeCount(); node++) {
      for (int rank = 0; rank < graph.degree(node); rank++) {
        assertThat(present.get(graph.neighbor(node, rank))).as("edge of %d", node).isTrue();
      }
      assertThat(present.get(node) || graph.degree(node) == 0).isTrue();
    }
  }

  /** Share of the present nodes among the 10 nearest of each that a search for it finds. */
  private static double recall(Graph graph, Live live, F32Rows rows, BitSet present) {
    return recall(graph, live, 0, rows.count(), present);
  }

  /** The same for queries of the rows [from, to). */
  private static double recall(Graph graph, Live live, int from, int to, BitSet present) {
    GreedySearch search = new GreedySearch(graph, 40);
    NodeQuery query = live.newQuery();
    PairDistances pairs = live.newPairs();
    int[] nodes = present.stream().toArray();
    float[] distances = new float[nodes.length];
    int hits = 0;
    int wanted = 0;
    for (int q = from; q < to; q += 15) {
      query.query(q);
      pairs.distances(q, nodes, 0, nodes.length, distances, 0);
      CandidateList found = search.search(query, 40);
      int k = Math.min(10, nodes.length);
      float limit =
          (float)
              IntStream.range(0, nodes.length)
                  .mapToDouble(i -> distances[i])
                  .sorted()
                  .toArray()[k - 1];
      for (int rank = 0; rank < Math.min(k, found.size()); rank++) {
        hits += found.distance(rank) <= limit ? 1 : 0;
      }
      wanted += k;
    }
    return (double) hits / wanted;
  }

  /** Four far groups come in one call, one after the other, as a bulk load brings them. */
  @ForSeeds(3)
  void nodesFarFromAllOthersFindEachOther(long seed) throws IOException {
    int present = 3000;
    int count = 4000;
    F32Rows rows = TestRows.gaussian(seed, count, 24);
    for (int row = present; row < count; row++) {
      for (int i = 0; i < 24; i++) {
        float shifted = rows.get(row, i) + 4 * (i % 4 == (row - present) / 250 ? 1 : 0);
        rows.memory().set(F32Rows.FLOAT, rows.offset(row) + 4L * i, shifted);
      }
    }
    try (Workers workers = Workers.start(2);
        Graph graph = Graph.reserve(count, 0, SLACK_DEGREE)) {
      Live live = new Live(rows, workers);
      live.dead.set(present, count);
      graph.extend(count);
      GraphUpdater updater = new GraphUpdater(graph, live, PARAMETERS, workers);
      updater.link(IntStream.range(0, present).toArray(), 0, present);
      live.dead.clear();
      updater.link(IntStream.range(present, count).toArray(), 0, count - present);
      BitSet all = new BitSet();
      all.set(0, count);
      assertThat(recall(graph, live, present, count, all)).isGreaterThan(0.97);
    }
  }

  /** A graph of nodes that are all dead, the first {@code dead}, and room for as many again. */
  private static void withDead(int dead, DeadGraphCheck check) throws IOException {
    F32Rows rows = TestRows.clustered(4, 2 * dead, 24, 20);
    try (Workers workers = Workers.start(1);
        Graph graph = Graph.reserve(2 * dead, 0, SLACK_DEGREE)) {
      Live live = new Live(rows, workers);
      GraphUpdater updater = new GraphUpdater(graph, live, PARAMETERS, workers);
      graph.extend(2 * dead);
      updater.link(IntStream.range(0, dead).toArray(), 0, dead);
      live.dead.set(0, dead);
      check.run(graph, live, updater);
    }
  }

  @FunctionalInterface
  private interface DeadGraphCheck {
    void run(Graph graph, Live live, GraphUpdater updater) throws IOException;
  }

  @Test
  void batchesAreSmallEnoughToSeeNodesThatStay() throws IOException {
    withDead(
        300,
        (graph, live, updater) -> {
          updater.link(IntStream.range(300, 360).toArray(), 0, 60);
          for (int node = 301; node < 360; node++) {
            int staying = 0;
            for (int rank = 0; rank < graph.degree(node); rank++) {
              staying += live.isLive(graph.neighbor(node, rank)) ? 1 : 0;
            }
            assertThat(staying).as("neighbours of %d that stay", node).isPositive();
          }
        });
  }

  @Test
  void deadNodesLeadToTheFirstThatStay() throws IOException {
    withDead(
        300,
        (graph, _, updater) -> {
          updater.link(new int[] {300}, 0, 1);
          assertThat(graph.degree(300)).isGreaterThan(1);
          assertThat(Reachability.reachable(graph).get(300)).isTrue();
        });
  }

  @Test
  void nodesThatLostAllTheirEdgesAreLinkedAgain() throws IOException {
    withDead(
        300,
        (graph, live, updater) -> {
          live.dead.clear(0, 300);
          for (int node = 10; node < 15; node++) {
            graph.setNeighbors(node, new int[0], 0, 0);
          }
          assertThat(updater.reconnect()).isGreaterThanOrEqualTo(5);
          BitSet reachable = Reachability.reachable(graph);
          for (int node = 0; node < 300; node++) {
            assertThat(reachable.get(node)).as("node %d", node).isTrue();
          }
          assertThat(graph.degree(12)).isGreaterThan(1);
        });
  }

  @Test
  void theGraphIsTheSameForAnyNumberOfThreads() throws IOException {
    F32Rows rows = TestRows.clustered(3, 800, 24, 20);
    int[][] neighbors = new int[2][];
    for (int threads = 1; threads <= 2; threads++) {
      try (Workers workers = Workers.start(threads);
          Graph graph = Graph.reserve(800, 0, SLACK_DEGREE)) {
        Live live = new Live(rows, workers);
        GraphUpdater updater = new GraphUpdater(graph, live, PARAMETERS, workers);
        graph.extend(800);
        updater.link(IntStream.range(0, 800).toArray(), 0, 800);
        int[] out = IntStream.range(0, 800).filter(node -> node % 3 == 0).toArray();
        live.dead.set(0, 800);
        IntStream.range(0, 800).filter(node -> node % 3 != 0).forEach(live.dead::clear);
        updater.unlink(out, 0, out.length);
        neighbors[threads - 1] = graph.segment().toArray(java.lang.foreign.ValueLayout.JAVA_INT);
      }
    }
    assertThat(neighbors[0]).isEqualTo(neighbors[1]);
  }

  @Test
  void searchesGoOnWhileNodesComeAndGo() throws Exception {
    int count = 3000;
    F32Rows rows = TestRows.clustered(5, count, 16, 20);
    try (Workers workers = Workers.start(1);
        Graph graph = Graph.reserve(count, 0, SLACK_DEGREE)) {
      Live live = new Live(rows, workers);
      GraphUpdater updater = new GraphUpdater(graph, live, PARAMETERS, workers);
      graph.extend(count);
      updater.link(IntStream.range(0, 1000).toArray(), 0, 1000);
      boolean[] stop = new boolean[1];
      CompletableFuture<Integer> searching =
          CompletableFuture.supplyAsync(() -> {
            GreedySearch search = new GreedySearch(graph, 40);
            NodeQuery query = live.newQuery();
            int searches = 0;
            while (!stop[0] || searches < 100) {
              query.query(searches % count);
              CandidateList found = search.search(query, 40);
              assertThat(found.size()).isEqualTo(40);
              for (int rank = 0; rank < found.size(); rank++) {
                assertThat(found.node(rank)).isBetween(0, count - 1);
              }
              searches++;
              Thread.onSpinWait();
            }
            return searches;
          });
      for (int from = 1000; from < count; from += 100) {
        updater.link(IntStream.range(from, from + 100).toArray(), 0, 100);
        int[] out = IntStream.range(from - 1000, from - 900).toArray();
        updater.unlink(out, 0, 100);
      }
      stop[0] = true;
      assertThat(searching.get()).isGreaterThanOrEqualTo(100);
      assertThat(graph.validate()).isEmpty();
    }
  }
}
