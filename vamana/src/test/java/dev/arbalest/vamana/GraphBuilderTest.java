// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.Workers;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.testing.ForSeeds;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class GraphBuilderTest {
  private static final BuildParameters SMALL = new BuildParameters(12, 30, 1.2f, false, 9);

  @Test
  void searchFindsWhatABruteForceScanFinds() throws IOException {
    for (Metric metric : Metric.values()) {
      F32Rows rows = TestRows.clustered(1, 1500, 48, 20);
      F32Rows queries = TestRows.clustered(1, 1600, 48, 20);
      try (Graph graph = build(rows, metric, SMALL, 2)) {
        GreedySearch search = new GreedySearch(graph, 50);
        int hits = 0;
        for (int q = 1500; q < 1600; q++) {
          float[] exact = exactDistances(metric, queries, q, rows);
          CandidateList found =
              search.search(
                  (nodes, count, limit, out) -> {
                    for (int i = 0; i < count; i++) {
                      out[i] = exact[nodes[i]];
                    }
                  },
                  50);
          Set<Integer> truth = nearest(exact, 10);
          for (int rank = 0; rank < 10; rank++) {
            hits += truth.contains(found.node(rank)) ? 1 : 0;
            assertThat(found.distance(rank)).isEqualTo(exact[found.node(rank)]);
          }
          assertThat(search.hops()).isGreaterThanOrEqualTo(50);
          assertThat(search.scored()).isBetween(search.hops(), rows.count());
        }
        assertThat(hits).as("hits of 1000 under %s", metric).isGreaterThan(970);
      }
    }
  }

  @ForSeeds(12)
  void everyGraphIsValidBoundedAndConnected(long seed) throws IOException {
    int count = (int) (1 + seed * 37);
    F32Rows rows = TestRows.clustered(seed, count, 16, 3);
    try (Graph graph = build(rows, Metric.L2, SMALL, 2)) {
      assertWellFormed(graph, count);
    }
  }

  @Test
  void duplicatesStayReachable() throws IOException {
    F32Rows rows = TestRows.gaussian(4, 400, 8);
    for (int node = 0; node < 300; node++) {
      MemorySegment.copy(rows.memory(), 0, rows.memory(), rows.offset(node), 32);
    }
    try (Graph graph = build(rows, Metric.L2, SMALL, 2)) {
      assertWellFormed(graph, 400);
    }
  }

  @Test
  void theGraphIsTheSameForAnyNumberOfThreads() throws IOException {
    F32Rows rows = TestRows.clustered(2, 3000, 24, 30);
    try (Graph one = build(rows, Metric.L2, SMALL, 1);
        Graph two = build(rows, Metric.L2, SMALL, 2);
        Graph three = build(rows, Metric.L2, SMALL, 3)) {
      assertThat(one.segment().mismatch(two.segment())).isEqualTo(-1);
      assertThat(one.segment().mismatch(three.segment())).isEqualTo(-1);
      assertThat(one.entryPoint()).isEqualTo(two.entryPoint()).isEqualTo(three.entryPoint());
    }
  }

  @Test
  void aGraphCutApartIsRepaired() throws IOException {
    F32Rows rows = TestRows.clustered(3, 500, 16, 5);
    try (Graph graph = build(rows, Metric.L2, SMALL, 1);
        Workers workers = Workers.start(1)) {
      int[] only = new int[SMALL.degree()];
      for (int node = 0; node < 500; node++) {
        // Every node points at the next dozen of its own half alone: the halves are apart.
        int half = node / 250 * 250;
        for (int i = 0; i < only.length; i++) {
          only[i] = half + (node - half + 1 + i) % 250;
        }
        graph.setNeighbors(node, only, 0, only.length);
      }
      graph.setEntryPoint(3);
      assertThat(Reachability.reachable(graph).cardinality()).isEqualTo(250);
      int lost =
          Reachability.repair(graph, ExactDistances.of(rows, Metric.L2, workers).newQuery(), 20);
      assertThat(lost).isPositive();
      assertWellFormed(graph, 500);
    }
  }

  @Test
  void theEntryPointIsTheMedoid() throws IOException {
    F32Rows rows = TestRows.gaussian(5, 700, 10);
    double[] mean = new double[10];
    for (int node = 0; node < 700; node++) {
      for (int i = 0; i < 10; i++) {
        mean[i] += rows.get(node, i) / 700;
      }
    }
    int expected = 0;
    double smallest = Double.POSITIVE_INFINITY;
    for (int node = 0; node < 700; node++) {
      double distance = 0;
      for (int i = 0; i < 10; i++) {
        distance += Math.pow(rows.get(node, i) - mean[i], 2);
      }
      if (distance < smallest) {
        smallest = distance;
        expected = node;
      }
    }
    try (Graph graph = build(rows, Metric.L2, SMALL, 2)) {
      assertThat(graph.entryPoint()).isEqualTo(expected);
    }
  }

  /** Keeps every state, and restores the one it is told to. */
  private static final class Kept implements GraphCheckpoints {
    private final List<byte[]> graphs = new ArrayList<>();
    private final List<Position> positions = new ArrayList<>();
    private int from = -1;

    @Override
    public Position restore(Graph growing) {
      if (from < 0) {
        return new Position(0, 0);
      }
      MemorySegment.copy(
          MemorySegment.ofArray(graphs.get(from)),
          0,
          growing.segment(),
          0,
          growing.segment().byteSize());
      return positions.get(from);
    }

    @Override
    public void reached(Graph growing, Position position) {
      graphs.add(growing.segment().toArray(ValueLayout.JAVA_BYTE));
      positions.add(position);
    }
  }

  @Test
  void aBuildThatGoesOnFromAnyStateGivesTheSameGraph() throws IOException {
    F32Rows rows = TestRows.clustered(21, 900, 24, 6);
    for (BuildParameters parameters : List.of(SMALL, new BuildParameters(16, 30, 1.2f, true, 5))) {
      Kept kept = new Kept();
      byte[] whole = build(rows, parameters, 2, kept);
      assertThat(kept.positions).hasSizeGreaterThan(6);
      int states = kept.graphs.size();
      for (int state = 0; state < states; state++) {
        kept.from = state;
        assertThat(build(rows, parameters, 1 + state % 3, kept))
            .as("from %s", kept.positions.get(state))
            .isEqualTo(whole);
      }
    }
  }

  private static byte[] build(
      F32Rows rows, BuildParameters parameters, int threads, GraphCheckpoints checkpoints)
      throws IOException {
    long[] done = new long[1];
    try (Workers workers = Workers.start(threads);
        Graph graph =
            GraphBuilder.build(
                ExactDistances.of(rows, Metric.L2, workers),
                parameters,
                workers,
                n -> done[0] += n,
                checkpoints)) {
      assertThat(done[0]).isEqualTo((long) BuildParameters.PASSES * rows.count());
      return graph.segment().toArray(ValueLayout.JAVA_BYTE);
    }
  }

  @Test
  void parametersOutOfRangeAreNamed() {
    assertThatThrownBy(() -> new BuildParameters(3, 100, 1.2f, false, 1))
        .hasMessageContaining("degree must be in [4, 1024]: 3");
    assertThatThrownBy(() -> new BuildParameters(64, 0, 1.2f, false, 1))
        .hasMessageContaining("build list must be in [1, 10000]: 0");
    assertThatThrownBy(() -> new BuildParameters(64, 100, Float.NaN, false, 1))
        .hasMessageContaining("alpha must be in [1, 4]: NaN");
  }

  private static void assertWellFormed(Graph graph, int count) {
    assertThat(graph.validate()).isEmpty();
    assertThat(graph.maxDegree()).isEqualTo(SMALL.degree());
    assertThat(Reachability.reachable(graph).cardinality()).isEqualTo(count);
    for (int node = 0; node < count; node++) {
      int[] neighbors = new int[graph.maxDegree()];
      int degree = graph.neighbors(node, neighbors);
      assertThat(Arrays.stream(neighbors, 0, degree).distinct().count()).isEqualTo(degree);
    }
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the test
  private static Graph build(F32Rows rows, Metric metric, BuildParameters parameters, int threads)
      throws IOException {
    try (Workers workers = Workers.start(threads)) {
      long[] done = new long[1];
      Graph graph =
          GraphBuilder.build(
              ExactDistances.of(rows, metric, workers), parameters, workers, n -> done[0] += n);
      assertThat(done[0]).isEqualTo((long) BuildParameters.PASSES * rows.count());
      return graph;
    }
  }

  private static float[] exactDistances(Metric metric, F32Rows queries, int query, F32Rows rows) {
    long[] offsets = IntStream.range(0, rows.count()).mapToLong(rows::offset).toArray();
    float[] distances = new float[rows.count()];
    F32Distance.stored(
        metric,
        queries.memory(),
        queries.offset(query),
        rows.memory(),
        offsets,
        0,
        rows.count(),
        rows.dimension(),
        distances,
        0);
    return distances;
  }

  private static Set<Integer> nearest(float[] distances, int k) {
    return new HashSet<>(
        IntStream.range(0, distances.length)
            .boxed()
            .sorted((a, b) -> Float.compare(distances[a], distances[b]))
            .limit(k)
            .toList());
  }
}
