// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.natives.Workers;
import dev.arbalest.testing.ForSeeds;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;

class QueryEdgesTest {
  private static final BuildParameters PARAMETERS = new BuildParameters(32, 60, 1.2f, false, 9);

  /** Neighbours at random, which no graph of the vectors joins. */
  @ForSeeds(5)
  void neighborsOfQueriesAreJoinedAndNothingIsLost(long seed) throws IOException {
    int count = 800;
    F32Rows rows = TestRows.clustered(seed, count, 24, 8);
    SplittableRandom random = new SplittableRandom(seed);
    int[][] nearest = new int[60][];
    for (int query = 0; query < nearest.length; query++) {
      nearest[query] = random.ints(query % 11, 0, count).distinct().toArray();
    }
    try (Workers workers = Workers.start(2)) {
      ExactDistances distances = ExactDistances.of(rows, Metric.L2, workers);
      try (Graph graph = GraphBuilder.build(distances, PARAMETERS, workers, _ -> {})) {
        Set<Long> before = edges(graph);
        long added = QueryEdges.learn(graph, nearest, distances.newPairs(), 40);
        assertThat(graph.validate()).isEmpty();
        assertThat(Reachability.reachable(graph).cardinality()).isEqualTo(count);
        Set<Long> after = edges(graph);
        Set<Long> fresh = new HashSet<>(after);
        fresh.removeAll(before);
        // Making nodes reachable again may add some more.
        assertThat((long) fresh.size()).isGreaterThanOrEqualTo(added * 9 / 10);
        assertThat(added).isGreaterThan(500);
        int joined = 0;
        int wanted = 0;
        for (int[] nodes : nearest) {
          for (int i = 1; i < nodes.length; i++) {
            joined += after.contains(BatchInserter.edge(nodes[0], nodes[i])) ? 1 : 0;
            wanted++;
          }
        }
        assertThat(joined).isGreaterThan(wanted * 7 / 10);
        Set<Long> gone = new HashSet<>(before);
        gone.removeAll(after);
        assertThat(gone).hasSizeLessThan(before.size() / 10);

        assertThat(QueryEdges.learn(graph, new int[0][], distances.newPairs(), 40)).isZero();
        assertThat(edges(graph)).isEqualTo(after);
      }
    }
  }

  private static Set<Long> edges(Graph graph) {
    Set<Long> edges = new HashSet<>();
    int[] row = new int[graph.maxDegree()];
    for (int node = 0; node < graph.nodeCount(); node++) {
      int degree = graph.neighbors(node, row);
      int host = node;
      Arrays.stream(row, 0, degree)
          .forEach(neighbor -> assertThat(edges.add(BatchInserter.edge(host, neighbor))).isTrue());
    }
    return edges;
  }
}
