// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.RecallMonitor.Kind;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecallMonitorTest {
  private static final int VECTORS = 6000;
  private static final int DIMENSION = 32;
  private static final int K = 10;

  @TempDir Path directory;

  private final F32Rows rows = TestRows.gaussian(1, VECTORS, DIMENSION);
  private final F32Rows queries = TestRows.gaussian(2, 600, DIMENSION);
  private final AtomicLong clock = new AtomicLong();
  private Path path;

  @BeforeEach
  void build() throws IOException {
    path = TestIndexes.build(directory, rows, TestIndexes.options(Metric.L2, "rabitq:4"));
  }

  private static double recall(RecallMonitor monitor, Kind kind) {
    return monitor.estimate(kind).orElseThrow().recall();
  }

  private static void run(
      RecallMonitor monitor, F32Rows queries, int from, int to, SearchParameters parameters)
      throws IOException {
    for (int i = from; i < to; i++) {
      assertThat(monitor.searched(TestIndexes.row(queries, i), parameters, null)).isTrue();
      assertThat(monitor.check()).isTrue();
    }
  }

  /** Short lists find less: the estimate from some queries holds for others. */
  @Test
  void estimatesTheRecallOfSearches() throws IOException {
    try (Index index = Index.open(path)) {
      TestIndexes.alwaysTraverse(index);
      RecallMonitor monitor = new RecallMonitor(index, 1, clock::get);
      SearchParameters parameters = SearchParameters.forK(K).withList(12);
      run(monitor, queries, 0, 300, parameters);
      int hits = 0;
      for (int i = 300; i < 600; i++) {
        float[] query = TestIndexes.row(queries, i);
        Set<Long> nearest = TestIndexes.exactNearest(rows, query, K);
        SearchResult result = index.search(query, parameters);
        for (int rank = 0; rank < result.size(); rank++) {
          hits += nearest.contains(result.id(rank)) ? 1 : 0;
        }
      }
      double truth = hits / 300.0 / K;
      RecallCurve.Estimate estimate = monitor.estimate(Kind.SEARCH).orElseThrow();
      assertThat(truth).isBetween(0.3, 0.9);
      assertThat(estimate.samples()).isEqualTo(300);
      double error = Math.sqrt(2) * estimate.standardError(); // the truth is a mean of 300, too
      assertThat(estimate.recall()).isCloseTo(truth, within(2 * error));
      assertThat(estimate.standardError()).isLessThan(0.02);
      assertThat(monitor.estimate(Kind.FILTERED_SEARCH)).isEmpty();
      assertThat(recall(monitor, Kind.STORED_VECTOR)).isGreaterThan(truth); // with defaults
    }
  }

  @Test
  void tellsADamagedGraphFromQueriesUnlikeTheVectors() throws IOException {
    SearchParameters defaults = SearchParameters.forK(K);
    try (Index index = Index.open(path)) {
      TestIndexes.alwaysTraverse(index);
      RecallMonitor monitor = new RecallMonitor(index, 1, clock::get);
      run(monitor, queries, 0, 60, defaults);
      assertThat(recall(monitor, Kind.SEARCH)).isGreaterThan(0.95);
      double stored = recall(monitor, Kind.STORED_VECTOR);
      assertThat(stored).isGreaterThan(0.95);
      assertThat(monitor.distanceRatio().orElseThrow()).isBetween(0.9, 1.1);

      clock.addAndGet(TimeUnit.MINUTES.toNanos(6));
      F32Rows foreign = TestRows.gaussian(3, 60, DIMENSION);
      for (int i = 0; i < 60 * DIMENSION; i++) {
        long at = foreign.offset(i / DIMENSION) + 4L * (i % DIMENSION);
        foreign.memory().set(F32Rows.FLOAT, at, 4 * foreign.memory().get(F32Rows.FLOAT, at));
      }
      run(monitor, foreign, 0, 60, defaults);
      assertThat(recall(monitor, Kind.STORED_VECTOR)).isCloseTo(stored, within(0.04));
      assertThat(monitor.distanceRatio().orElseThrow()).isGreaterThan(2);

      clock.addAndGet(TimeUnit.MINUTES.toNanos(6));
      cutEdges(index.graph());
      run(monitor, queries, 60, 120, defaults);
      assertThat(recall(monitor, Kind.SEARCH)).isLessThan(0.7);
      assertThat(recall(monitor, Kind.STORED_VECTOR)).isLessThan(0.7);
      assertThat(monitor.distanceRatio().orElseThrow()).isBetween(0.9, 1.1);
    }
  }

  /** Leaves every node two neighbours. */
  private static void cutEdges(Graph graph) {
    int[] neighbors = new int[graph.maxDegree()];
    for (int node = 0; node < graph.nodeCount(); node++) {
      int degree = graph.neighbors(node, neighbors);
      graph.setNeighbors(node, neighbors, 0, Math.min(2, degree));
    }
  }

  @Test
  void searchesWithinSetsAreCountedApart() throws IOException {
    try (Index index = Index.open(path)) {
      RecallMonitor monitor = new RecallMonitor(index, 1, clock::get);
      PointSet third = index.pointSet(Ids.of(LongStream.range(0, VECTORS / 3).toArray()));
      PointSet few = index.pointSet(Ids.of(new long[] {3, 5}));
      PointSet none = index.pointSet(Ids.of(new long[0]));
      for (int i = 0; i < 30; i++) {
        float[] query = TestIndexes.row(queries, i);
        PointSet set = i % 10 == 0 ? none : i % 10 == 1 ? few : third;
        assertThat(monitor.searched(query, SearchParameters.forK(K), set)).isTrue();
        assertThat(monitor.check()).isTrue();
      }
      RecallCurve.Estimate estimate = monitor.estimate(Kind.FILTERED_SEARCH).orElseThrow();
      assertThat(estimate.samples()).isEqualTo(27); // nothing can be missed in an empty set
      assertThat(estimate.recall()).isGreaterThan(0.97);
      assertThat(monitor.estimate(Kind.SEARCH)).isEmpty();
    }
  }

  @Test
  void someSearchesAreKept() throws IOException {
    try (Index index = Index.open(path)) {
      float[] query = TestIndexes.row(queries, 0);
      RecallMonitor monitor = new RecallMonitor(index, 10, clock::get);
      int kept = 0;
      for (int i = 0; i < 200; i++) {
        kept += monitor.searched(query, SearchParameters.defaults(), null) ? 1 : 0;
      }
      assertThat(kept).isEqualTo(20);
      int checked = 0;
      while (monitor.check()) {
        checked++;
      }
      assertThat(checked).isEqualTo(2); // the latest
      RecallMonitor all = new RecallMonitor(index, 1, clock::get);
      assertThat(all.searched(query, SearchParameters.forK(1000), null)).isFalse();
      assertThat(all.check()).isFalse();
      assertThat(all.distanceRatio()).isEmpty();
      assertThatIllegalArgumentException().isThrownBy(() -> new RecallMonitor(index, 0));
    }
  }

  /** An index that began empty has no curve; the list grows until enough is found, and stays so. */
  @Test
  void listsOfIndexesThatAreWrittenToFollowTheirRecall() throws IOException {
    F32Rows hard = TestRows.gaussian(5, VECTORS, 100);
    Path live = directory.resolve("live");
    BuildOptions options = TestIndexes.options(Metric.L2, "rabitq:4");
    LiveIndex.create(live, hard, IdType.INT64, options);
    int list;
    try (LiveIndex index = LiveIndex.openForWriting(live)) {
      float[][] vectors = new float[VECTORS][];
      java.util.Arrays.setAll(vectors, i -> TestIndexes.row(hard, i));
      index.insert(Ids.range(0, VECTORS), vectors);
      index.awaitLinked();
      assertThat(index.defaultParameters(K).searchListSize()).isEqualTo(64);
      RecallMonitor monitor = new RecallMonitor(index, 1, clock::get);
      F32Rows asked = TestRows.gaussian(6, 4 * DefaultList.CHECKS, 100);
      run(monitor, asked, 0, DefaultList.CHECKS - 1, SearchParameters.forK(K));
      assertThat(RecallCurve.read(live)).isEmpty();
      run(monitor, asked, 0, 1, SearchParameters.forK(K));
      RecallCurve first = RecallCurve.read(live).orElseThrow();
      assertThat(first.defaults().searchListSize()).isEqualTo(64);
      assertThat(first.defaults().recall()).isBetween(0.8, 0.97);
      run(monitor, asked, 0, 3 * DefaultList.CHECKS, SearchParameters.forK(K));
      list = index.defaultParameters(K).searchListSize();
      assertThat(list).isBetween(128, 512);
      assertThat(RecallCurve.read(live).orElseThrow().defaults().recall()).isGreaterThan(0.97);
    }
    try (Index index = Index.open(live)) {
      assertThat(index.defaultParameters(K).searchListSize()).isEqualTo(list);
      assertThat(index.parametersFor(K, 0.8).searchListSize()).isEqualTo(64);
    }
  }

  /** The entry point cannot be left out; with nothing else no stored vector is checked. */
  @Test
  void tinyIndexesAreChecked() throws IOException {
    float[][] few = {{1, 0}, {0, 1}};
    for (int count = 1; count <= 2; count++) {
      Path small = directory.resolve("small" + count);
      try (VectorInput input = VectorInput.of(java.util.Arrays.copyOf(few, count))) {
        Index.build(small, input, BuildOptions.builder().build(), ProgressListener.NONE);
      }
      try (Index index = Index.open(small)) {
        assertChecked(index);
      }
      try (Index index = LiveIndex.openForWriting(small)) {
        assertChecked(index);
      }
    }
  }

  private void assertChecked(Index index) throws IOException {
    RecallMonitor monitor = new RecallMonitor(index, 1, clock::get);
    float[] query = {1, 1};
    assertThat(monitor.searched(query, SearchParameters.forK(1), null)).isTrue();
    assertThat(monitor.check()).isTrue();
    assertThat(recall(monitor, Kind.SEARCH)).isEqualTo(1);
  }
}
