// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.BadInputException;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.TestIndexes;
import dev.arbalest.WriteOptions;
import dev.arbalest.WriteRefusedException;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Writes are seen as a whole, or refused as a whole. */
class WriteRulesTest {
  private static final int DIMENSION = 70;
  private static final int BASE = 400;
  private static final int POOL = 6000;

  @TempDir private Path directory;

  private static final OpenOptions OPEN = OpenOptions.defaults().withCacheBytes(1 << 20);
  private static final WriteOptions WRITE =
      WriteOptions.defaults().withCheckpointBytes(1 << 20).withLinkThreads(2);

  @com.google.errorprone.annotations.MustBeClosed
  private static LiveIndex openForWriting(Path path) throws IOException {
    return LiveIndex.openForWriting(path, OPEN, WRITE, ProgressListener.NONE);
  }

  private Path build(F32Rows pool, Metric metric, String codec) throws IOException {
    F32Rows base = new F32Rows(pool.memory(), 0, pool.strideBytes(), BASE, DIMENSION);
    return TestIndexes.build(directory, base, TestIndexes.options(metric, codec));
  }

  @Test
  void searchesSeeBatchesAsAWhole() throws Exception {
    F32Rows pool = TestRows.clustered(11, POOL, DIMENSION, 12);
    Path path = build(pool, Metric.L2, "saq:2");
    int groups = 20;
    try (LiveIndex index = openForWriting(path)) {
      AtomicBoolean stop = new AtomicBoolean();
      for (int g = 0; g < groups; g++) {
        upsert(index, pool, g, 1000 + GROUP * g);
      }
      List<CompletableFuture<int[]>> readers = new ArrayList<>();
      for (int reader = 0; reader < 2; reader++) {
        SplittableRandom random = new SplittableRandom(reader);
        readers.add(CompletableFuture.supplyAsync(() -> readGroups(index, pool, random, stop)));
      }
      SplittableRandom random = new SplittableRandom(5);
      for (int step = 0; step < 400; step++) {
        upsert(index, pool, random.nextInt(groups), random.nextInt(POOL - GROUP));
        if (step % 50 == 0) {
          index.checkpoint();
        }
      }
      stop.set(true);
      for (CompletableFuture<int[]> reader : readers) {
        int[] searchesAndFound = reader.get();
        assertThat(searchesAndFound[0]).isGreaterThan(0);
        double share = searchesAndFound[1] / (double) (searchesAndFound[0] * groups * GROUP);
        assertThat(share).isGreaterThan(0.995);
      }
    }
  }

  private static final int GROUP = 8;
  private static final long FIRST_OF_GROUPS = 1_000_000;

  /** Replaces a group's vectors by as many of the pool, from a row on. */
  private static void upsert(LiveIndex index, F32Rows pool, int g, int row) throws IOException {
    float[][] vectors = new float[GROUP][];
    java.util.Arrays.setAll(vectors, i -> TestIndexes.row(pool, row + i));
    index.insert(Ids.range(FIRST_OF_GROUPS + (long) g * GROUP, GROUP), vectors);
  }

  /** Searches for everything; the vectors found of a group must be of one upsert of it. */
  private static int[] readGroups(
      LiveIndex index, F32Rows pool, SplittableRandom random, AtomicBoolean stop) {
    int searches = 0;
    int found = 0;
    try {
      while (!stop.get() || searches < 5) {
        float[] query = TestIndexes.row(pool, random.nextInt(POOL));
        SearchResult result =
            index.search(
                query, SearchParameters.forK(index.count()).withList(2000).withConfidence(1));
        double[] exact = new double[POOL];
        java.util.Arrays.setAll(
            exact, row -> LiveIndexTest.distance(Metric.L2, query, TestIndexes.row(pool, row)));
        Map<Long, Set<Integer>> versions = new HashMap<>();
        for (int rank = 0; rank < result.size(); rank++) {
          long member = result.id(rank) - FIRST_OF_GROUPS;
          if (member >= 0) {
            found++;
            int place = (int) (member % GROUP);
            float distance = result.distance(rank);
            Set<Integer> possible = new HashSet<>();
            for (int row = 0; row < POOL - GROUP; row++) {
              if (Math.abs(exact[row + place] - distance)
                  < 1e-4 * Math.max(1, exact[row + place])) {
                possible.add(row);
              }
            }
            versions.merge(
                member / GROUP,
                possible,
                (a, b) -> {
                  Set<Integer> both = new HashSet<>(a);
                  both.retainAll(b);
                  return both;
                });
          }
        }
        versions.forEach((g, rows) -> assertThat(rows).as("group %d", g).isNotEmpty());
        searches++;
      }
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    return new int[] {searches, found};
  }

  @Test
  void badWritesAreRefusedAsAWhole() throws IOException {
    F32Rows pool = TestRows.clustered(12, POOL, DIMENSION, 12);
    Path path = build(pool, Metric.COSINE, "saq:2");
    try (LiveIndex index = openForWriting(path)) {
      float[] good = TestIndexes.row(pool, 500);
      float[] bad = good.clone();
      bad[3] = Float.NaN;
      assertThatThrownBy(() -> index.insert(Ids.of(700, 701), good, bad))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("row 1")
          .hasMessageContaining("component 3");
      assertThatThrownBy(() -> index.insert(Ids.of(700), new float[DIMENSION]))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("norm 0");
      assertThatThrownBy(() -> index.insert(Ids.of(700), new float[3]))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("dimension 3");
      assertThatThrownBy(() -> index.insert(Ids.of(700, 701), good))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("2 ids for 1 vectors");
      assertThat(index.count()).isEqualTo(BASE);
      assertThat(index.contains(Ids.of(700), 0)).isFalse();
      assertThatThrownBy(() -> Index.open(path)).hasMessageContaining("open for writing");
      assertThatThrownBy(() -> openForWriting(path)).hasMessageContaining("open for writing");
    }
    try (Index reading = Index.open(path)) {
      assertThat(reading.count()).isEqualTo(BASE);
      assertThat(reading.contains(Ids.of(1), 0)).isTrue();
      assertThat(reading.contains(Ids.of(700), 0)).isFalse();
      assertThat(reading.vector(Ids.of(700), 0)).isNull();
      List<String> visited = new ArrayList<>();
      reading.vectors(
          Ids.of(5, 700, 3),
          (id, vector) -> {
            visited.add(id);
            assertThat(vector).isEqualTo(reading.vector(Ids.of(Long.parseLong(id)), 0));
          });
      assertThat(visited).containsExactly("5", "3");
      SearchResult among = new SearchResult();
      float[] query = TestIndexes.row(pool, 5);
      reading.search(query, SearchParameters.forK(2), reading.pointSet(Ids.of(3, 700, 5)), among);
      assertThat(among.size()).isEqualTo(2);
      assertThat(among.id(0)).isEqualTo(5);
      assertThatThrownBy(() -> openForWriting(path)).hasMessageContaining("being read");
    }
  }

  @Test
  void whatDoesNotFitTheBudgetIsRefusedAndRetried() throws IOException {
    F32Rows pool = TestRows.clustered(13, POOL, DIMENSION, 12);
    Path path = build(pool, Metric.L2, "saq:2");
    long used = dev.arbalest.natives.SystemFacts.anonymousBytes();
    WriteOptions tight = WRITE.withMemoryBytes(used / 2);
    try (LiveIndex index = LiveIndex.openForWriting(path, OPEN, tight, ProgressListener.NONE)) {
      assertThatThrownBy(() -> index.insert(Ids.of(9999), TestIndexes.row(pool, 1)))
          .isInstanceOf(WriteRefusedException.class)
          .hasMessageContaining("memory budget of " + used / 2);
      assertThat(index.count()).isEqualTo(BASE);
      index.delete(Ids.range(0, 10));
      index.awaitLinked();
      assertThat(index.insert(Ids.of(9999), TestIndexes.row(pool, 1)).count()).isEqualTo(1);
      assertThat(index.contains(Ids.of(9999), 0)).isTrue();
    }
  }
}
