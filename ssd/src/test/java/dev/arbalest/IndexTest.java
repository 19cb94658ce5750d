// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.ssd.search.CacheWarmup;
import dev.arbalest.ssd.search.Searcher;
import dev.arbalest.ssd.trial.IndexDigest;
import dev.arbalest.testing.ForSeeds;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IndexTest {
  private static final List<ReaderKind> READERS =
      List.of(ReaderKind.URING, ReaderKind.PREAD, ReaderKind.MMAP);

  @TempDir Path directory;

  @ForSeeds(8)
  void anExhaustiveSearchEqualsBruteForce(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    Metric metric = List.of(Metric.L2, Metric.DOT, Metric.COSINE).get((int) (seed % 3));
    int count = 1 + random.nextInt(300);
    int dimension = 1 + random.nextInt(200);
    F32Rows rows = TestRows.gaussian(seed, count, dimension);
    String codec = seed % 2 == 0 ? "rabitq:1" : "pq:" + (1 + random.nextInt(dimension));
    Path path = TestIndexes.build(directory, rows, TestIndexes.options(metric, codec));
    F32Rows queries = TestRows.gaussian(seed + 1000, 10, dimension);
    try (Index index = Index.open(path)) {
      int k = 1 + random.nextInt(count);
      for (int query = 0; query < 10; query++) {
        float[] vector = TestIndexes.row(queries, query);
        SearchResult result =
            index.search(vector, SearchParameters.forK(k).withList(count).withConfidence(1));
        List<Integer> expected = bruteForce(metric, rows, vector);
        assertThat(result.size()).isEqualTo(k);
        for (int rank = 0; rank < k; rank++) {
          double distance = distance(metric, rows, (int) result.id(rank), vector);
          assertThat((double) result.distance(rank))
              .isCloseTo(distance, within(1e-4 * Math.max(1, Math.abs(distance))));
          // The node at a rank may differ from brute force only by rounding.
          assertThat(distance)
              .isCloseTo(
                  distance(metric, rows, expected.get(rank), vector),
                  within(1e-4 * Math.max(1, Math.abs(distance))));
        }
        assertThat(result.reads()).isEqualTo(count);
        assertThat(IntStream.range(0, k).mapToLong(result::id).distinct().count()).isEqualTo(k);
      }
    }
  }

  @Test
  void warmUpEndsWithOpening() throws IOException, InterruptedException {
    F32Rows rows = TestRows.gaussian(9, 200, 96);
    for (String codec : List.of("saq:3", "rabitq:3", "pq:24", "pq4:48", "sq8", "f16")) {
      Path place = Files.createDirectory(directory.resolve(codec.replace(':', '-')));
      Path path = TestIndexes.build(place, rows, TestIndexes.options(Metric.DOT, codec));
      OpenOptions options = OpenOptions.defaults().withWarmUpMillis(100);
      try (Index index = Index.open(path, options, ProgressListener.NONE)) {
        float[] vector = TestIndexes.row(rows, 17);
        SearchResult result =
            index.search(vector, SearchParameters.forK(1).withList(200).withConfidence(1));
        assertThat((int) result.id(0))
            .isEqualTo((int) bruteForce(Metric.DOT, rows, vector).getFirst());
      }
      for (Thread thread : Thread.getAllStackTraces().keySet()) {
        if (thread.getName().equals("arbalest-warm-up")) {
          thread.join(60_000);
          assertThat(thread.isAlive()).isFalse();
        }
      }
    }
    assertThatThrownBy(() -> OpenOptions.defaults().withWarmUpMillis(-1))
        .hasMessageContaining("warm-up must be at least 0 ms: -1");
  }

  @Test
  void aCacheIsFilledWithTheVectorsMostOthersLinkTo() throws Exception {
    F32Rows rows = TestRows.clustered(5, 1000, 96, 20);
    F32Rows base = new F32Rows(rows.memory(), 0, rows.strideBytes(), 900, 96);
    Path path = TestIndexes.build(directory, base, TestIndexes.options(Metric.L2, "rabitq:2"));
    SearchParameters parameters = SearchParameters.forK(10);
    for (ReaderKind reader : READERS) {
      OpenOptions options = OpenOptions.defaults().withReader(reader);
      long cacheBytes = 450L * 600;
      try (Index plain = Index.open(path, options, ProgressListener.NONE);
          Index cached =
              Index.open(path, options.withCacheBytes(cacheBytes), ProgressListener.NONE)) {
        java.util.Objects.requireNonNull(cached.cacheWarmup()).await();
        int hits = 0;
        int wanted = 0;
        for (int query = 900; query < 1000; query++) {
          float[] vector = TestIndexes.row(rows, query);
          SearchResult expected = plain.search(vector, parameters);
          SearchResult found = cached.search(vector, parameters);
          for (int rank = 0; rank < 10; rank++) {
            assertThat(found.id(rank)).isEqualTo(expected.id(rank));
            assertThat(found.distance(rank)).isEqualTo(expected.distance(rank));
          }
          hits += found.cacheHits();
          wanted += found.cacheHits() + found.reads();
        }
        // Room for 600 of 900, some of which found their set full; nothing was read before.
        assertThat((double) hits / wanted).isBetween(0.4, 0.99);
      }
    }
    // Closed in the middle of it.
    for (int i = 0; i < 20; i++) {
      OpenOptions options = OpenOptions.defaults().withCacheBytes(1 << 20);
      try (Index index = Index.open(path, options, ProgressListener.NONE)) {
        assertThat(index.stats().cacheBytes()).isPositive();
      }
    }
  }

  @ForSeeds(20)
  void theMostLinkedNodesAreThoseOfASort(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int nodes = 1 + random.nextInt(60);
    try (Graph graph = Graph.allocate(nodes, 8)) {
      int[] linked = new int[nodes];
      for (int node = 0; node < nodes; node++) {
        int[] neighbors = random.ints(random.nextInt(9), 0, nodes).toArray();
        graph.setNeighbors(node, neighbors, 0, neighbors.length);
        for (int neighbor : neighbors) {
          linked[neighbor]++;
        }
      }
      int wanted = random.nextInt(80);
      int[] expected =
          IntStream.range(0, nodes)
              .boxed()
              .sorted(Comparator.<Integer>comparingInt(node -> -linked[node]).thenComparing(n -> n))
              .limit(wanted)
              .mapToInt(Integer::intValue)
              .sorted()
              .toArray();
      assertThat(CacheWarmup.mostLinked(graph, wanted)).isEqualTo(expected);
    }
  }

  @Test
  void defaultSearchesFindMostOfTheTrueNeighbours() throws IOException {
    for (Metric metric : Metric.values()) {
      for (String codec : List.of("rabitq:1", "pq:48")) {
        F32Rows rows = TestRows.clustered(3, 2100, 96, 30);
        F32Rows base = new F32Rows(rows.memory(), 0, rows.strideBytes(), 2000, 96);
        Path place = Files.createDirectory(directory.resolve(metric + codec.replace(':', '-')));
        Path path = TestIndexes.build(place, base, TestIndexes.options(metric, codec));
        try (Index index = Index.open(path)) {
          TestIndexes.alwaysTraverse(index);
          int hits = 0;
          for (int query = 2000; query < 2100; query++) {
            float[] vector = TestIndexes.row(rows, query);
            SearchResult result = index.search(vector, SearchParameters.defaults());
            List<Integer> truth = bruteForce(metric, base, vector).subList(0, 10);
            for (int rank = 0; rank < 10; rank++) {
              hits += truth.contains((int) result.id(rank)) ? 1 : 0;
            }
            assertThat(result.reads()).isBetween(10, 64 + result.list());
            assertThat(result.readBytes()).isEqualTo(result.reads() * 512L);
            assertThat(result.hops()).isGreaterThanOrEqualTo(64);
          }
          assertThat(hits).as("%s %s: hits of 1000", metric, codec).isGreaterThan(800);
        }
      }
    }
  }

  @Test
  void allReadersGiveTheSameAnswers() throws IOException {
    F32Rows rows = TestRows.clustered(4, 900, 700, 9);
    Path path = TestIndexes.build(directory, rows, TestIndexes.options(Metric.COSINE, "rabitq:1"));
    List<List<Long>> answers = new ArrayList<>();
    List<OpenOptions> ways = new ArrayList<>();
    for (ReaderKind reader : READERS) {
      ways.add(OpenOptions.defaults().withReader(reader));
      ways.add(OpenOptions.defaults().withReader(reader).withCacheBytes(1 << 20));
    }
    for (OpenOptions options : ways) {
      try (Index index = open(path, options)) {
        List<Long> answer = new ArrayList<>();
        long cacheHits = 0;
        for (int query = 0; query < 60; query++) {
          SearchResult result =
              index.search(
                  TestIndexes.row(rows, query % 30),
                  SearchParameters.forK(5).withList(150).withRerank(140).withConfidence(1));
          for (int rank = 0; rank < 5; rank++) {
            answer.add(result.id(rank));
            answer.add((long) Float.floatToRawIntBits(result.distance(rank)));
          }
          assertThat(result.reads() + result.cacheHits()).isEqualTo(140);
          cacheHits += result.cacheHits();
        }
        assertThat(cacheHits > 0).isEqualTo(options.cacheBytes() > 0);
        assertThat(index.stats().reader()).isEqualTo(options.reader());
        answers.add(answer);
      }
    }
    assertThat(answers).allMatch(answers.getFirst()::equals);
  }

  @Test
  void manyThreadsSearchOneIndex() throws Exception {
    F32Rows rows = TestRows.clustered(5, 800, 64, 9);
    Path path = TestIndexes.build(directory, rows, TestIndexes.options(Metric.L2, "rabitq:1"));
    for (ReaderKind reader : READERS) {
      try (Index index =
              open(path, OpenOptions.defaults().withReader(reader).withSearchThreads(3));
          ExecutorService platform = Executors.newFixedThreadPool(8);
          ExecutorService virtual = Executors.newVirtualThreadPerTaskExecutor()) {
        List<Future<Boolean>> searches = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
          int row = i;
          searches.add(
              (i % 2 == 0 ? platform : virtual)
                  .submit(() -> {
                    float[] vector = TestIndexes.row(rows, row);
                    SearchResult result = index.search(vector, SearchParameters.forK(1));
                    return result.id(0) == row && result.distance(0) == 0;
                  }));
        }
        for (Future<Boolean> search : searches) {
          assertThat(search.get()).isTrue();
        }
      }
    }
  }

  @Test
  void searchesThatMakeNoSenseAreNamed() throws IOException {
    F32Rows rows = TestRows.gaussian(7, 20, 8);
    Path path = TestIndexes.build(directory, rows, TestIndexes.options(Metric.COSINE, "rabitq:1"));
    try (Index index = Index.open(path)) {
      SearchParameters one = SearchParameters.forK(1);
      assertThatThrownBy(() -> index.search(new float[9], one))
          .isInstanceOf(BadInputException.class)
          .hasMessage("query has dimension 9, the index 8");
      assertThatThrownBy(() -> index.search(new float[8], SearchParameters.forK(21)))
          .isInstanceOf(BadInputException.class)
          .hasMessage("k = 21 exceeds the 20 vectors of the index");
      assertThatThrownBy(() -> index.search(new float[8], one))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("norm 0 has no direction");
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, 3e38f}) {
        assertThatThrownBy(() -> index.search(new float[] {bad, bad, 1, 1, 1, 1, 1, 1}, one))
            .isInstanceOf(BadInputException.class)
            .hasMessageContaining("NaN or infinite");
      }
      assertThat(index.search(TestIndexes.row(rows, 3), one).id(0)).isEqualTo(3);
    }
    assertThatThrownBy(() -> SearchParameters.forK(10).withList(64).withRerank(9).withConfidence(1))
        .hasMessage("rerank must be in [k = 10, 100000]: 9");
    assertThatThrownBy(
            () -> SearchParameters.forK(10).withList(31).withRerank(32).withConfidence(1))
        .hasMessage("list must be in [rerank = 32, 100000]: 31");
    assertThatThrownBy(() -> SearchParameters.forK(0).withList(64).withRerank(32).withConfidence(1))
        .hasMessageContaining("k must be in");
  }

  @Test
  void aVectorDamagedOrCutOffAfterOpeningGivesNoAnswer() throws IOException {
    // Larger than what is checked on opening, in slots rather than bytes: damage comes after.
    F32Rows rows = TestRows.gaussian(8, 50, 64);
    Path path = TestIndexes.build(directory, rows, TestIndexes.options(Metric.L2, "rabitq:1"));
    Path vectors = path.resolve("vectors.f32");
    byte[] sound = Files.readAllBytes(vectors);
    SearchParameters all = SearchParameters.forK(1).withList(50).withConfidence(1);
    for (ReaderKind reader : READERS) {
      try (Index index = open(path, OpenOptions.defaults().withReader(reader))) {
        flip(vectors, 4096 + 17 * 512 + 3);
        assertThatThrownBy(() -> index.search(new float[64], all))
            .isInstanceOf(CorruptIndexException.class)
            .hasMessageContaining("slot 17 with checksum");
        flip(vectors, 4096 + 17 * 512 + 3);
        assertThat(index.search(TestIndexes.row(rows, 17), all).id(0)).isEqualTo(17);
        try (RandomAccessFile file = new RandomAccessFile(vectors.toFile(), "rw")) {
          file.setLength(4096 + 20 * 512);
        }
        assertThatThrownBy(() -> index.search(new float[64], all)).isInstanceOf(IOException.class);
      }
      Files.write(vectors, sound);
    }
  }

  @Test
  void rebuildingReplacesTheIndexWhileTheOldOneAnswers() throws IOException {
    F32Rows first = TestRows.gaussian(9, 60, 32);
    F32Rows second = TestRows.gaussian(10, 70, 40);
    Path path = TestIndexes.build(directory, first, TestIndexes.options(Metric.L2, "rabitq:1"));
    SearchParameters one = SearchParameters.forK(1);
    try (Index old = Index.open(path)) {
      assertThat(TestIndexes.build(directory, second, TestIndexes.options(Metric.L2, "pq:8")))
          .isEqualTo(path);
      assertThat(old.search(TestIndexes.row(first, 5), one).id(0)).isEqualTo(5);
      assertThat(old.info().generation()).isEqualTo(1);
    }
    try (Index replaced = Index.open(path)) {
      assertThat(replaced.count()).isEqualTo(70);
      assertThat(replaced.info().generation()).isEqualTo(2);
      assertThat(replaced.search(TestIndexes.row(second, 66), one).id(0)).isEqualTo(66);
    }
    try (Stream<Path> files = Files.list(path)) {
      assertThat(files.map(file -> file.getFileName().toString()).sorted())
          .containsExactly(
              "LOCK",
              "codec.2",
              "codes.2",
              "graph.2",
              "ids.2",
              "manifest.json",
              "sums.2",
              "vectors.2.f32");
    }
  }

  @Test
  void buildsAreIdenticalForAnyNumberOfThreads() throws IOException {
    F32Rows rows = TestRows.clustered(11, 1200, 80, 15);
    for (String codec : List.of("rabitq:1", "pq:20")) {
      List<String> digests = new ArrayList<>();
      for (int threads = 1; threads <= 3; threads++) {
        Path place = Files.createDirectory(directory.resolve(codec.replace(':', '-') + threads));
        BuildOptions options =
            TestIndexes.options(Metric.COSINE, codec).toBuilder().threads(threads).build();
        // The second build reads vectors through the page cache: the memory plan must not matter.
        options =
            threads == 2
                ? options.toBuilder().memoryBytes((264L << 20) + 300_000).build()
                : options;
        Path path = TestIndexes.build(place, rows, options);
        digests.add(IndexDigest.sha256(path));
      }
      assertThat(digests).allMatch(digests.getFirst()::equals);
    }
  }

  @Test
  void unitVectorsAreStoredBitForBitAndOthersNormalised() throws IOException {
    F32Rows unit = TestRows.clustered(12, 10, 100, 2);
    Path place = Files.createDirectory(directory.resolve("unit"));
    Path path = TestIndexes.build(place, unit, TestIndexes.options(Metric.COSINE, "rabitq:1"));
    byte[] stored = Files.readAllBytes(path.resolve("vectors.f32"));
    byte[] given = Files.readAllBytes(place.resolve("rows.fbin"));
    for (int row = 0; row < 10; row++) {
      for (int i = 0; i < 400; i++) {
        assertThat(stored[4096 + 512 * row + i]).isEqualTo(given[8 + 400 * row + i]);
      }
    }
    F32Rows any = TestRows.gaussian(13, 10, 100);
    Path normalised =
        TestIndexes.build(directory, any, TestIndexes.options(Metric.COSINE, "rabitq:1"));
    try (Index index = Index.open(normalised)) {
      float[] doubled = TestIndexes.row(any, 4);
      for (int i = 0; i < doubled.length; i++) {
        doubled[i] *= 2;
      }
      SearchResult result = index.search(doubled, SearchParameters.forK(1));
      assertThat(result.id(0)).isEqualTo(4);
      assertThat(result.distance(0)).isCloseTo(0, within(1e-6f));
    }
  }

  @com.google.errorprone.annotations.MustBeClosed
  private static Index open(Path path, OpenOptions options) throws IOException {
    if (options.reader() == ReaderKind.URING && !Searcher.ringRefusal().isEmpty()) {
      throw new org.opentest4j.TestAbortedException(
          "this machine lacks io_uring: " + Searcher.ringRefusal());
    }
    return Index.open(path, options, ProgressListener.NONE);
  }

  private static void flip(Path path, long offset) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.seek(offset);
      int value = file.read();
      file.seek(offset);
      file.write(value ^ 0x10);
      file.getFD().sync();
    }
  }

  private static List<Integer> bruteForce(Metric metric, F32Rows rows, float[] query) {
    double[] distances = new double[rows.count()];
    for (int row = 0; row < rows.count(); row++) {
      distances[row] = distance(metric, rows, row, query);
    }
    return IntStream.range(0, rows.count())
        .boxed()
        .sorted(
            Comparator.comparingDouble((Integer row) -> distances[row])
                .thenComparingInt(row -> row))
        .toList();
  }

  private static double distance(Metric metric, F32Rows rows, int row, float[] query) {
    double dot = 0;
    double difference = 0;
    double rowNorm = 0;
    double queryNorm = 0;
    for (int i = 0; i < query.length; i++) {
      double x = rows.get(row, i);
      dot += x * query[i];
      difference += (x - query[i]) * (x - query[i]);
      rowNorm += x * x;
      queryNorm += (double) query[i] * query[i];
    }
    return switch (metric) {
      case L2 -> difference;
      case DOT -> -dot;
      case COSINE -> 1 - dot / Math.sqrt(rowNorm * queryNorm);
    };
  }

  @Test
  void aResultIsEmptyAfterASearchThatFailed() throws IOException {
    F32Rows rows = TestRows.clustered(4, 200, 32, 5);
    Path path = TestIndexes.build(directory, rows, TestIndexes.options(Metric.L2, "rabitq:2"));
    try (Index index = Index.open(path)) {
      SearchResult result = new SearchResult();
      index.search(TestIndexes.row(rows, 3), SearchParameters.forK(5), result);
      assertThat(result.size()).isEqualTo(5);
      float[] bad = TestIndexes.row(rows, 3);
      bad[7] = Float.NaN;
      assertThatThrownBy(() -> index.search(bad, SearchParameters.forK(5), result))
          .isInstanceOf(BadInputException.class);
      assertThat(result.size()).isZero();
    }
  }
}
