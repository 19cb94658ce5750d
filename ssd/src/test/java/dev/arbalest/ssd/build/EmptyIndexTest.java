// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.BadInputException;
import dev.arbalest.BuildOptions;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.IndexStats;
import dev.arbalest.IndexVerifier;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.PointSet;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.TestIndexes;
import dev.arbalest.WriteOptions;
import dev.arbalest.ssd.live.LiveIndexTest;
import dev.arbalest.testing.ForSeeds;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Indexes that begin with nothing, and searches of a part of what is there. */
class EmptyIndexTest {
  private static final int POOL = 3000;

  @TempDir private Path directory;

  @ForSeeds(8)
  void growsFromNothingAndFindsWhatAFilterAccepts(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    int dimension = new int[] {3, 64, 100, 257}[(int) seed % 4];
    Metric metric = List.of(Metric.L2, Metric.DOT, Metric.COSINE).get((int) seed % 3);
    boolean texts = seed % 2 == 1;
    F32Rows pool = TestRows.clustered(seed, POOL, dimension, 12);
    Path path = directory.resolve("empty");
    F32Rows sample = new F32Rows(pool.memory(), 0, pool.strideBytes(), 1 + (int) seed, dimension);
    BuildOptions options = TestIndexes.options(metric, "rabitq:4");
    LiveIndex.create(path, sample, texts ? IdType.UTF8 : IdType.INT64, options);
    assertThatThrownBy(() -> LiveIndex.create(path, sample, IdType.INT64, options))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("holds an index already");
    IndexVerifier.Report empty = IndexVerifier.verify(path, 2, ProgressListener.NONE);
    assertThat(empty.info().vectors()).isZero();
    SearchParameters ten = SearchParameters.forK(10);
    int count = 0;
    for (int round = 0; round < 3; round++) {
      try (LiveIndex index =
          LiveIndex.openForWriting(
              path, OpenOptions.defaults(), WriteOptions.defaults(), ProgressListener.NONE)) {
        assertThat(index.count()).isEqualTo(count);
        if (count == 0) {
          SearchResult nothing = index.search(TestIndexes.row(pool, 0), ten);
          assertThat(nothing.size()).isZero();
        }
        for (int batch = 0; batch < 5; batch++) {
          int size = 1 + random.nextInt(200);
          float[][] vectors = new float[size][];
          for (int i = 0; i < size; i++) {
            vectors[i] = TestIndexes.row(pool, count + i);
          }
          index.insert(ids(texts, IntStream.range(count, count + size).toArray()), vectors);
          count += size;
          assertFilters(index, pool, texts, count, random);
        }
        // A copy made while it is open is what a crash would leave.
        Path killed = directory.resolve("killed" + round);
        LiveIndexTest.copy(path, killed);
        try (LiveIndex recovered =
            LiveIndex.openForWriting(
                killed, OpenOptions.defaults(), WriteOptions.defaults(), ProgressListener.NONE)) {
          assertThat(recovered.count()).isEqualTo(count);
          assertFilters(recovered, pool, texts, count, random);
        }
        index.awaitLinked();
        assertFilters(index, pool, texts, count, random);
      }
    }
    IndexVerifier.Report report = IndexVerifier.verify(path, 2, ProgressListener.NONE);
    assertThat(report.info().vectors()).isEqualTo(count);
  }

  /** Texts of ids that are written again take no more room, others until the next opening. */
  @Test
  void textsOfIdsDoNotGrowForEver() throws IOException {
    int dimension = 16;
    F32Rows pool = TestRows.clustered(3, 400, dimension, 4);
    Path path = directory.resolve("texts");
    F32Rows sample = new F32Rows(pool.memory(), 0, pool.strideBytes(), 100, dimension);
    LiveIndex.create(path, sample, IdType.UTF8, TestIndexes.options(Metric.L2, "rabitq:4"));
    float[][] vectors = new float[200][];
    for (int i = 0; i < vectors.length; i++) {
      vectors[i] = TestIndexes.row(pool, i);
    }
    long texts = 200 * 100;
    for (int round = 0; round < 2; round++) {
      try (LiveIndex index =
          LiveIndex.openForWriting(
              path, OpenOptions.defaults(), WriteOptions.defaults(), ProgressListener.NONE)) {
        assertThat(textBytes(index)).isEqualTo(round == 0 ? 0 : texts);
        for (int turn = 0; turn < 20; turn++) {
          index.insert(named(0, 200), vectors);
          assertThat(textBytes(index)).isEqualTo(texts);
        }
        index.compact(ProgressListener.NONE); // moves vectors and keeps their ids
        assertThat(textBytes(index)).isEqualTo(texts);
        for (int turn = 1; turn <= 3; turn++) {
          index.insert(named(1000 * turn, 200), vectors);
          index.delete(named(1000 * turn, 200));
        }
        assertThat(textBytes(index)).isEqualTo(4 * texts);
        for (int i = 0; i < 200; i++) {
          assertThat(index.vector(named(i, 1), 0)).isEqualTo(vectors[i]);
          assertThat(index.contains(named(1000 + i, 1), 0)).isFalse();
        }
      }
    }
    IndexVerifier.Report report = IndexVerifier.verify(path, 2, ProgressListener.NONE);
    assertThat(report.info().vectors()).isEqualTo(200);
  }

  private static long textBytes(LiveIndex index) {
    IndexStats stats = index.stats(); // once: a compaction may change it meanwhile
    return stats.tablesBytes() - 12L * stats.slots();
  }

  private static Ids named(int from, int count) {
    return Ids.of(IntStream.range(from, from + count).mapToObj("%0100d"::formatted).toList());
  }

  private static Ids ids(boolean texts, int... rows) {
    return texts
        ? Ids.of(IntStream.of(rows).mapToObj(Integer::toString).toList())
        : Ids.of(IntStream.of(rows).asLongStream().toArray());
  }

  /** Both ways to search a part find the nearest of it. */
  private static void assertFilters(
      LiveIndex index, F32Rows pool, boolean texts, int count, SplittableRandom random)
      throws IOException {
    int share = 2 + random.nextInt(20);
    TreeSet<Integer> accepted = new TreeSet<>();
    for (int row = 0; row < count; row++) {
      if (row % share == 0) {
        accepted.add(row);
      }
    }
    float[] query = TestIndexes.row(pool, random.nextInt(POOL));
    List<Integer> nearest = new ArrayList<>(accepted);
    nearest.sort(
        java.util.Comparator.comparingDouble(
            row -> LiveIndexTest.distance(index.metric(), query, TestIndexes.row(pool, row))));
    int k = Math.min(7, nearest.size());
    SearchResult result = new SearchResult();
    int[] rows = accepted.stream().mapToInt(Integer::intValue).toArray();
    int[] withStranger = java.util.Arrays.copyOf(rows, rows.length + 1);
    withStranger[rows.length] = 1_000_000; // never there
    SearchParameters all = SearchParameters.forK(7).withList(Math.max(64, count)).withConfidence(1);
    TestIndexes.alwaysScanSets(index);
    index.search(query, all, index.pointSet(ids(texts, withStranger)), result);
    assertNearest(index, pool, query, nearest, k, result);
    PointSet same =
        index.pointSet(
            (id, text) -> accepted.contains(text == null ? (int) id : Integer.parseInt(text)));
    index.search(query, all, same, result);
    assertNearest(index, pool, query, nearest, k, result);
  }

  private static void assertNearest(
      LiveIndex index,
      F32Rows pool,
      float[] query,
      List<Integer> nearest,
      int k,
      SearchResult result) {
    assertThat(result.size()).isEqualTo(k);
    for (int rank = 0; rank < k; rank++) {
      double expected =
          LiveIndexTest.distance(index.metric(), query, TestIndexes.row(pool, nearest.get(rank)));
      assertThat((double) result.distance(rank))
          .isCloseTo(expected, org.assertj.core.api.Assertions.within(2e-3));
      assertThat(nearest).contains(Integer.parseInt(result.text(rank)));
    }
  }
}
