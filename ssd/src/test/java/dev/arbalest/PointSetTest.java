// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.ssd.search.TestPlans;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Searches within sets, beside brute force, while the index is written to. */
class PointSetTest {
  private static final int DIMENSION = PointSetModel.DIMENSION;
  private static final int K = PointSetModel.K;

  @TempDir private Path directory;

  /** How searches find candidates. */
  enum Plan {
    MEASURED,
    SCAN,
    WALK
  }

  @ParameterizedTest
  @EnumSource(Plan.class)
  void setsStayRightWhileTheIndexIsWrittenTo(Plan plan) throws IOException {
    for (long seed = 0; seed < 3; seed++) {
      Metric metric = List.of(Metric.L2, Metric.DOT, Metric.COSINE).get((int) seed);
      Path path = directory.resolve(plan + "-" + seed);
      F32Rows sample = TestRows.clustered(seed, 500, DIMENSION, 12);
      LiveIndex.create(path, sample, IdType.INT64, TestIndexes.options(metric, "sq8"));
      try (LiveIndex index = LiveIndex.openForWriting(path)) {
        use(plan, index);
        PointSetModel model = new PointSetModel(seed, metric, index);
        for (int step = 0; step < 30; step++) {
          model.step();
          model.checkSlots();
          if (step % 4 == 0 && model.sets.size() < 12) {
            model.newSet();
          }
          for (PointSetModel.Known known : model.sets) {
            model.check(known, plan == Plan.SCAN);
          }
        }
        assertThat(model.sets).hasSizeGreaterThan(5);
      }
    }
  }

  /** Vectors that come while a search runs are in its set, and not yet in their slots. */
  @ParameterizedTest
  @EnumSource(Plan.class)
  void searchesGoOnWhileVectorsComeAndMove(Plan plan) throws Exception {
    int count = 1500;
    F32Rows rows = TestRows.clustered(6, count, DIMENSION, 12);
    Path path = directory.resolve("beside-" + plan);
    LiveIndex.create(path, rows, IdType.INT64, TestIndexes.options(Metric.L2, "sq8"));
    try (LiveIndex index = LiveIndex.openForWriting(path)) {
      use(plan, index);
      long[] ids = java.util.stream.LongStream.range(0, count).toArray();
      float[][] vectors = new float[count][];
      java.util.Arrays.setAll(vectors, row -> TestIndexes.row(rows, row));
      assertThat(index.insert(Ids.of(ids), vectors).count()).isEqualTo(count);
      PointSet set = index.pointSet((id, _) -> id % 3 != 0);
      AtomicBoolean isDone = new AtomicBoolean();
      CompletableFuture<Integer> searching =
          CompletableFuture.supplyAsync(() -> {
            SearchResult result = new SearchResult();
            int searches = 0;
            while (!isDone.get() || searches < 200) {
              float[] query = TestIndexes.row(rows, searches++ % count);
              try {
                index.search(query, SearchParameters.forK(K), set, result);
              } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
              }
              assertThat(result.size()).isEqualTo(K);
              for (int rank = 0; rank < K; rank++) {
                float[] found = TestIndexes.row(rows, (int) result.id(rank));
                assertThat(result.id(rank) % 3).isNotZero();
                assertThat((double) result.distance(rank))
                    .isCloseTo(
                        PointSetModel.distance(Metric.L2, query, found), PointSetModel.within());
              }
            }
            return searches;
          });
      SplittableRandom random = new SplittableRandom(7);
      for (int round = 0; round < 60; round++) {
        long[] some = random.longs(150, 0, count).distinct().toArray();
        float[][] same = new float[some.length][];
        java.util.Arrays.setAll(same, i -> TestIndexes.row(rows, (int) some[i]));
        assertThat(index.insert(Ids.of(some), same).count()).isEqualTo(some.length);
        if (round % 6 == 5) {
          index.compact(ProgressListener.NONE);
        }
      }
      isDone.set(true);
      assertThat(searching.get()).isGreaterThanOrEqualTo(200);
    }
  }

  private static void use(Plan plan, Index index) {
    switch (plan) {
      case SCAN -> TestPlans.alwaysScan(index.searcher);
      case WALK -> TestPlans.alwaysWalk(index.searcher);
      case MEASURED -> {}
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.5, 0.2})
  void walksInsideSetsFindNearlyAll(double share) throws IOException {
    F32Rows rows = TestRows.clustered(5, 8000, 32, 40);
    Path path =
        TestIndexes.build(
            Files.createDirectory(directory.resolve("of" + share)),
            rows,
            TestIndexes.options(Metric.L2, "sq8"));
    try (Index index = Index.open(path)) {
      TestPlans.alwaysWalk(index.searcher);
      SplittableRandom random = new SplittableRandom(3);
      Set<Long> ids = new HashSet<>();
      PointSet set =
          index.pointSet((id, _) -> {
            boolean isIn = random.nextDouble() < share;
            boolean _ = isIn && ids.add(id);
            return isIn;
          });
      int hits = 0;
      int walks = 0;
      SearchResult result = new SearchResult();
      for (int q = 0; q < 100; q++) {
        float[] query = TestIndexes.row(rows, q * 79);
        index.search(query, SearchParameters.forK(K), set, result);
        walks += result.plan() == SearchPlan.SET_TRAVERSAL ? 1 : 0;
        double[] expected =
            ids.stream()
                .mapToDouble(id ->
                    PointSetModel.distance(
                        Metric.L2, query, TestIndexes.row(rows, (int) (long) id)))
                .sorted()
                .limit(K)
                .toArray();
        for (int rank = 0; rank < result.size(); rank++) {
          hits += result.distance(rank) <= expected[K - 1] + 1e-4 ? 1 : 0;
        }
      }
      assertThat(walks).isPositive();
      assertThat(hits).isGreaterThan(950);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"saq:2", "rabitq:1", "rabitq:4", "pq:16", "pq4:16", "sq8", "f16"})
  void graphsOfFewNeighborsAreWalked(String codec) throws IOException {
    F32Rows rows = TestRows.clustered(6, 1500, 64, 10);
    Path parent = Files.createDirectory(directory.resolve("few"));
    BuildOptions options =
        BuildOptions.builder().metric(Metric.L2).codec(codec).degree(8).threads(1).build();
    try (Index index = Index.open(TestIndexes.build(parent, rows, options))) {
      TestPlans.alwaysWalk(index.searcher);
      PointSet set = index.pointSet((id, _) -> id % 10 != 0);
      SearchResult result = new SearchResult();
      int walks = 0;
      for (int q = 0; q < 30; q++) {
        index.search(TestIndexes.row(rows, q * 49), SearchParameters.forK(K), set, result);
        walks += result.plan() == SearchPlan.SET_TRAVERSAL ? 1 : 0;
        assertThat(result.size()).isEqualTo(K);
        for (int rank = 0; rank < K; rank++) {
          assertThat(result.id(rank) % 10).isNotZero();
        }
      }
      assertThat(walks).isPositive();
    }
  }

  @Test
  void longListsAndPrefixesStayWhatWasAskedFor() throws IOException {
    F32Rows rows = TestRows.clustered(8, 6000, DIMENSION, 5);
    Path parent = Files.createDirectory(directory.resolve("long"));
    Path path = TestIndexes.build(parent, rows, TestIndexes.options(Metric.L2, "rabitq:1"));
    try (Index index = Index.open(path)) {
      TestIndexes.alwaysScanSets(index);
      PointSet set = index.pointSet((id, _) -> id > 0);
      float[] query = TestIndexes.row(rows, 3);
      SearchResult result = new SearchResult();
      index.search(query, SearchParameters.forK(5000), set, result);
      assertThat(result.size()).isEqualTo(5000);
      SearchParameters prefix = SearchParameters.forK(K).withPrefixDimension(DIMENSION / 2);
      index.search(query, prefix, set, result);
      assertThat(result.reads()).isLessThanOrEqualTo(64 + 2 * K);
    }
  }

  @Test
  void allWithinADistanceAreFound() throws IOException {
    F32Rows rows = TestRows.clustered(9, 3000, DIMENSION, 20);
    try (Index index = Index.open(build("within", rows))) {
      long expected = 0;
      long found = 0;
      for (int q = 0; q < 60; q++) {
        float[] query = TestIndexes.row(rows, q * 49);
        double[] distances = new double[rows.count()];
        for (int row = 0; row < rows.count(); row++) {
          distances[row] = PointSetModel.distance(Metric.L2, query, TestIndexes.row(rows, row));
        }
        double[] sorted = distances.clone();
        java.util.Arrays.sort(sorted);
        int wanted = 1 + q * 5;
        float limit = (float) ((sorted[wanted - 1] + sorted[wanted]) / 2);
        SearchResult result = index.searchWithin(query, limit, 1000);
        expected += wanted;
        found += result.size();
        for (int rank = 0; rank < result.size(); rank++) {
          assertThat(distances[(int) result.id(rank)]).isLessThanOrEqualTo(limit + 1e-4);
        }
        assertThat(index.searchWithin(query, limit, 3).size()).isEqualTo(Math.min(3, wanted));
      }
      assertThat(found).isBetween((long) (0.98 * expected), expected);
      assertThat(index.searchWithin(TestIndexes.row(rows, 0), -1, 10).size()).isZero();
      assertThat(index.searchWithin(TestIndexes.row(rows, 0), 1e9f, 5000).size())
          .isEqualTo(rows.count());
      assertThatThrownBy(() -> index.searchWithin(TestIndexes.row(rows, 0), 1, 0))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void badSetsAreRefusedAndEmptyOnesFindNothing() throws IOException {
    F32Rows rows = TestRows.gaussian(1, 200, DIMENSION);
    Path one = build("one", rows);
    Path other = build("other", rows);
    float[] query = TestIndexes.row(rows, 0);
    SearchResult result = new SearchResult();
    try (Index first = Index.open(one);
        Index second = Index.open(other)) {
      PointSet foreign = second.pointSet(Ids.of(1, 2));
      assertThatThrownBy(() -> first.search(query, SearchParameters.forK(3), foreign, result))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("the set belongs to the index in " + other);
      PointSet own = first.pointSet(Ids.of(1, 2));
      assertThatThrownBy(() -> own.and(foreign)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> first.pointSet(Ids.of(List.of("a"))))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("ids are");
      PointSet nothing = first.pointSet(Ids.of(7000, 8000));
      assertThat(nothing.count()).isZero();
      first.search(query, SearchParameters.forK(3), nothing, result);
      assertThat(result.size()).isZero();
      first.search(query, SearchParameters.forK(3), own, result);
      assertThat(result.size()).isEqualTo(2);
      assertThat(own.contains(Ids.of(2), 0)).isTrue();
      assertThat(own.contains(Ids.of(3), 0)).isFalse();
      assertThat(nothing.not().count()).isEqualTo(200);
    }
  }

  private Path build(String name, F32Rows rows) throws IOException {
    Path parent = Files.createDirectory(directory.resolve(name));
    return TestIndexes.build(parent, rows, TestIndexes.options(Metric.L2, "sq8"));
  }
}
