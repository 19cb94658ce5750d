// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.BadInputException;
import dev.arbalest.BuildOptions;
import dev.arbalest.BuildReport;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.IndexVerifier;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.TestIndexes;
import dev.arbalest.VectorInput;
import dev.arbalest.WriteOptions;
import dev.arbalest.WriteReceipt;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.testing.ForSeeds;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

public class LiveIndexTest {
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

  /** What an index should hold: the row of the pool under each id. */
  private static Map<Long, Integer> built() {
    Map<Long, Integer> model = new HashMap<>();
    for (int row = 0; row < BASE; row++) {
      model.put((long) row, row);
    }
    return model;
  }

  private Path build(F32Rows pool, Metric metric, String codec) throws IOException {
    F32Rows base = new F32Rows(pool.memory(), 0, pool.strideBytes(), BASE, DIMENSION);
    return TestIndexes.build(directory, base, TestIndexes.options(metric, codec));
  }

  @SuppressWarnings("MustBeClosedChecker") // closed in the end, whichever it is then
  @ForSeeds(6)
  void writesAreThereAfterClosesAndCrashes(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    Metric metric = List.of(Metric.L2, Metric.DOT, Metric.COSINE).get((int) seed % 3);
    String codec =
        List.of("saq:2", "rabitq:2", "sq8", "pq:35", "f16", "rabitq:1").get((int) seed % 6);
    F32Rows pool = TestRows.clustered(seed, POOL, DIMENSION, 12);
    Path path = build(pool, metric, codec);
    Map<Long, Integer> model = built();
    int crashes = 0;
    LiveIndex index = openForWriting(path);
    try {
      for (int step = 0; step < 120; step++) {
        int kind = random.nextInt(20);
        if (kind < 9) {
          insert(index, pool, random, model);
        } else if (kind < 15) {
          delete(index, random, model);
        } else if (kind == 15 && random.nextBoolean()) {
          index.compact(ProgressListener.NONE);
          assertThat(index.stats().slots()).isEqualTo(Math.max(1, model.size()));
          assertHolds(index, pool, model, random);
        } else if (kind == 15) {
          index.checkpoint();
        } else if (kind == 16) {
          index.close();
          if (random.nextBoolean()) {
            try (Index reading = Index.open(path, OPEN, ProgressListener.NONE)) {
              assertHolds(reading, pool, model, random);
            }
          }
          index = openForWriting(path);
        } else if (kind == 17) {
          // A copy made while it is open is what a crash would leave.
          Path copied = directory.resolve("crash" + crashes++);
          copy(path, copied);
          index.close();
          index = openForWriting(copied);
          path = copied;
        } else {
          assertHolds(index, pool, model, random);
        }
      }
      assertHolds(index, pool, model, random);
      index.awaitLinked();
      assertHolds(index, pool, model, random);
    } finally {
      index.close();
    }
    IndexVerifier.Report report = IndexVerifier.verify(path, 2, ProgressListener.NONE);
    assertThat(report.info().vectors()).isEqualTo(model.size());
    try (Index reading = Index.open(path)) {
      assertHolds(reading, pool, model, random);
    }
  }

  private static void insert(
      LiveIndex index, F32Rows pool, SplittableRandom random, Map<Long, Integer> model)
      throws IOException {
    int count = 1 + random.nextInt(random.nextInt(10) == 0 ? 900 : 60);
    long[] ids = new long[count];
    float[][] vectors = new float[count][];
    int replaced = 0;
    for (int i = 0; i < count; i++) {
      ids[i] = random.nextInt(3) == 0 ? random.nextInt(2000) - 100 : random.nextInt();
      int row = random.nextInt(POOL);
      vectors[i] = TestIndexes.row(pool, row);
      replaced += model.put(ids[i], row) == null ? 0 : 1;
    }
    WriteReceipt receipt = index.insert(Ids.of(ids), vectors);
    assertThat(receipt.count()).isEqualTo(count);
    assertThat(receipt.replaced()).isEqualTo(replaced);
    assertThat(index.count()).isEqualTo(model.size());
  }

  private static void delete(LiveIndex index, SplittableRandom random, Map<Long, Integer> model)
      throws IOException {
    int share = 1 + random.nextInt(30);
    List<Long> ids = new ArrayList<>();
    for (long id : model.keySet()) {
      if (random.nextInt(share) == 0 && random.nextInt(3) == 0) {
        ids.add(id);
      }
    }
    ids.add((long) Integer.MAX_VALUE + 1 + random.nextInt(9)); // never there
    WriteReceipt receipt = index.delete(Ids.of(ids.stream().mapToLong(Long::longValue).toArray()));
    assertThat(receipt.count()).isEqualTo(ids.size() - 1);
    ids.forEach(model::remove);
  }

  /** Exhaustive searches find exactly the nearest of what the model holds. */
  private static void assertHolds(
      Index index, F32Rows pool, Map<Long, Integer> model, SplittableRandom random)
      throws IOException {
    assertThat(index.count()).isEqualTo(model.size());
    if (model.isEmpty()) {
      return;
    }
    int k = Math.min(10, model.size());
    int list = Math.min(10_000, Math.max(k, index.stats().slots()));
    SearchParameters all = SearchParameters.forK(k).withList(list).withConfidence(1);
    int hits = 0;
    for (int query = 0; query < 8; query++) {
      float[] vector = TestIndexes.row(pool, random.nextInt(POOL));
      SearchResult result = index.search(vector, all);
      assertThat(result.size()).isEqualTo(k);
      Map<Long, Double> distances =
          model.entrySet().stream()
              .collect(
                  Collectors.toMap(
                      Map.Entry::getKey,
                      entry ->
                          distance(
                              index.metric(), vector, TestIndexes.row(pool, entry.getValue()))));
      List<Double> nearest = distances.values().stream().sorted().toList();
      Set<Long> seen = new HashSet<>();
      for (int rank = 0; rank < k; rank++) {
        long id = result.id(rank);
        assertThat(seen.add(id)).as("id %d twice", id).isTrue();
        assertThat(distances).as("id %d", id).containsKey(id);
        double exact = distances.getOrDefault(id, Double.NaN);
        assertThat((double) result.distance(rank))
            .isCloseTo(exact, org.assertj.core.api.Assertions.within(2e-3));
        hits += exact <= nearest.get(k - 1) + 1e-3 ? 1 : 0;
      }
    }
    assertThat(hits)
        .as("%s, %s", index.metric(), index.info().codec())
        .isGreaterThanOrEqualTo(8 * k - 2); // a node or two may have been cut off
  }

  public static double distance(Metric metric, float[] a, float[] b) {
    double dot = 0;
    double squares = 0;
    double normA = 0;
    double normB = 0;
    for (int i = 0; i < a.length; i++) {
      dot += (double) a[i] * b[i];
      squares += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
      normA += (double) a[i] * a[i];
      normB += (double) b[i] * b[i];
    }
    return switch (metric) {
      case L2 -> squares;
      case DOT -> -dot;
      case COSINE -> 1 - dot / Math.sqrt(normA * normB);
    };
  }

  /** Copies an index that is written to as it is between two checkpoints. */
  public static void copy(Path from, Path to) throws IOException {
    while (true) {
      long generation = Manifest.read(from).generation();
      try {
        copyFiles(from, to);
        if (Manifest.read(from).generation() == generation) {
          return;
        }
      } catch (NoSuchFileException e) {
        // a checkpoint has replaced it
      }
      try (Stream<Path> files = Files.walk(to)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  private static void copyFiles(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    // The log comes last: what slots hold is then in it.
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.sorted(Comparator.comparing(Path::toString)).toList()) {
        Path target = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(target);
        } else {
          Files.copy(file, target);
        }
      }
    }
  }

  @Test
  void slotsAreFreeOnlyWhenTheLogSaysDurablyWhy() throws IOException {
    F32Rows pool = TestRows.clustered(3, BASE, DIMENSION, 12);
    Path path = build(pool, Metric.L2, "rabitq:2");
    WriteOptions lazy = WRITE.withSyncMillis(60_000); // no write waits for the disk
    try (LiveIndex index = LiveIndex.openForWriting(path, OPEN, lazy, ProgressListener.NONE)) {
      assertThat(index.delete(Ids.range(0, 200)).count()).isEqualTo(200);
      index.awaitLinked(); // all slots are free then
      assertThat(index.stats().logSyncs()).isPositive();
    }
  }

  /** A call on an index. */
  @FunctionalInterface
  private interface Call {
    void make(LiveIndex index) throws IOException;
  }

  @SuppressWarnings("MustBeClosedChecker") // closed at once
  @Test
  void callsOnAClosedIndexThrowAtOnce() throws IOException {
    F32Rows pool = TestRows.clustered(3, BASE, DIMENSION, 12);
    LiveIndex index = openForWriting(build(pool, Metric.L2, "rabitq:2"));
    index.close();
    float[] vector = TestIndexes.row(pool, 1);
    List<Call> calls =
        List.of(
            closed -> closed.awaitLinked(),
            closed -> closed.checkpoint(),
            closed -> closed.compact(ProgressListener.NONE),
            closed -> assertThat(closed.insert(Ids.of(1), vector)).isNull(),
            closed -> assertThat(closed.delete(Ids.of(1))).isNull(),
            closed -> assertThat(closed.vector(Ids.of(1), 0)).isNull(),
            closed -> assertThat(closed.contains(Ids.of(1), 0)).isNull(),
            closed -> assertThat(closed.stats().slots()).isNull(),
            closed -> assertThat(closed.stats().logBytes()).isNull(),
            closed -> assertThat(closed.isMemoryShort()).isNull(),
            closed -> closed.forEachId((_, _) -> {}),
            closed -> assertThat(closed.search(vector, SearchParameters.forK(1))).isNull());
    for (Call call : calls) {
      assertThatThrownBy(() -> call.make(index))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("closed");
    }
  }

  @Test
  void checkpointsAndCompactionComeToTheirEndWhileOthersWrite() throws Exception {
    F32Rows pool = TestRows.clustered(5, POOL, DIMENSION, 12);
    Path path = TestIndexes.build(directory, pool, TestIndexes.options(Metric.L2, "rabitq:2"));
    AtomicBoolean stop = new AtomicBoolean();
    try (LiveIndex index = openForWriting(path)) {
      List<CompletableFuture<Void>> writers = new ArrayList<>();
      for (int writer = 0; writer < 2; writer++) {
        int first = 10 + 500 * writer;
        writers.add(
            CompletableFuture.runAsync(() -> {
              SplittableRandom random = new SplittableRandom(first);
              float[][] vectors = new float[300][];
              while (!stop.get()) {
                for (int i = 0; i < vectors.length; i++) {
                  vectors[i] = TestIndexes.row(pool, random.nextInt(POOL));
                }
                try {
                  index.insert(Ids.range(first, vectors.length), vectors);
                } catch (IOException e) {
                  throw new java.io.UncheckedIOException(e);
                }
              }
            }));
      }
      long before = Manifest.read(path).generation();
      index.delete(Ids.range(2000, 3500));
      for (int i = 0; i < 60_000; i++) { // ten minutes, to end somehow
        assertThat(index.stats().logBytes()).isLessThan(64 << 20);
        if (index.stats().slots() <= 4500 && Manifest.read(path).generation() > before + 5) {
          break;
        }
        Thread.sleep(10);
      }
      assertThat(index.stats().slots()).isLessThanOrEqualTo(4500);
      assertThat(Manifest.read(path).generation()).isGreaterThan(before + 5);
      index.compact(ProgressListener.NONE); // ends, too
      stop.set(true);
      for (CompletableFuture<Void> writer : writers) {
        writer.get();
      }
    }
    assertThat(IndexVerifier.verify(path, 2, ProgressListener.NONE).info().vectors())
        .isGreaterThan(1500);
  }

  @Test
  void textIdsComeBack() throws IOException {
    F32Rows pool = TestRows.clustered(9, POOL, DIMENSION, 12);
    F32Rows base = new F32Rows(pool.memory(), 0, pool.strideBytes(), BASE, DIMENSION);
    List<String> names = new ArrayList<>();
    for (int row = 0; row < BASE; row++) {
      names.add("vector \u00e9 " + row);
    }
    Path path = directory.resolve("texts");
    BuildOptions options = TestIndexes.options(Metric.L2, "saq:2");
    try (VectorInput input =
        VectorInput.open(TestIndexes.write(directory.resolve("texts.fbin"), base))) {
      names.set(7, names.get(3));
      assertThatThrownBy(
              () -> Index.build(path, input, Ids.of(names), options, ProgressListener.NONE))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("occurs twice");
      names.set(7, "seven");
      assertThatThrownBy(
              () -> Index.build(path, input, Ids.of(1, 2), options, ProgressListener.NONE))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("2 ids for the 400 vectors");
      BuildReport _ = Index.build(path, input, Ids.of(names), options, ProgressListener.NONE);
    }
    SearchParameters one = SearchParameters.forK(1).withList(100).withConfidence(1);
    try (LiveIndex index = openForWriting(path)) {
      assertThat(index.search(TestIndexes.row(pool, 7), one).text(0)).isEqualTo("seven");
      index.insert(
          Ids.of(List.of("seven", "new")),
          TestIndexes.row(pool, 4007),
          TestIndexes.row(pool, 4001));
      index.delete(Ids.of(List.of(names.get(5), "not there")));
      assertThat(index.search(TestIndexes.row(pool, 4001), one).text(0)).isEqualTo("new");
      assertThatThrownBy(() -> index.delete(Ids.of(5)))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("int64")
          .hasMessageContaining("utf8");
      copy(path, directory.resolve("killed"));
    }
    for (Path each : List.of(path, directory.resolve("killed"))) {
      try (LiveIndex index = openForWriting(each)) {
        assertThat(index.count()).isEqualTo(BASE);
        assertThat(index.vector(Ids.of(List.of("seven")), 0))
            .isEqualTo(TestIndexes.row(pool, 4007));
        assertThat(index.vector(Ids.of(List.of(names.get(5))), 0)).isNull();
        assertThat(index.search(TestIndexes.row(pool, 4007), one).text(0)).isEqualTo("seven");
      }
    }
    assertThatThrownBy(() -> Ids.of(List.of("a", "")))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("id 1 has 0 bytes");
  }

  @Test
  void equalVectorsAreAllFound() throws IOException {
    F32Rows pool = TestRows.clustered(14, POOL, DIMENSION, 12);
    Path path = build(pool, Metric.L2, "saq:2");
    try (LiveIndex index = openForWriting(path)) {
      float[] same = TestIndexes.row(pool, 3);
      for (int round = 0; round < 5; round++) {
        float[][] vectors = new float[100][];
        java.util.Arrays.fill(vectors, same);
        index.insert(Ids.range(10_000 + 100 * round, 100), vectors);
      }
      index.awaitLinked();
      SearchResult found =
          index.search(same, SearchParameters.forK(501).withList(1000).withConfidence(1));
      for (int rank = 0; rank < 501; rank++) {
        assertThat(found.distance(rank)).as("rank %d", rank).isZero();
      }
    }
  }

  @Test
  void aCompactionEndsEarlyForWhoWantsToClose() throws IOException {
    F32Rows pool = TestRows.clustered(17, POOL, DIMENSION, 12);
    Path path = TestIndexes.build(directory, pool, TestIndexes.options(Metric.L2, "rabitq:2"));
    try (LiveIndex index = openForWriting(path)) {
      // Few enough that no compaction begins by itself, and far from the end.
      index.delete(Ids.range(0, 600));
      long[] moved = new long[1];
      index.compact(
          new ProgressListener() {
            @Override
            public void stage(String name, long total) {}

            @Override
            public void advanced(long count) {
              moved[0] += count;
              index.interruptMaintenance();
            }
          });
      assertThat(moved[0]).isBetween(1L, 599L);
      assertThat(index.stats().slots()).isEqualTo(POOL);
      assertThat(index.count()).isEqualTo(POOL - 600);
    }
    try (LiveIndex index = openForWriting(path)) {
      assertThat(index.count()).isEqualTo(POOL - 600);
      index.compact(ProgressListener.NONE);
      assertThat(index.stats().slots()).isEqualTo(POOL - 600);
    }
  }
}
