// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.BadInputException;
import dev.arbalest.BuildOptions;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.ElementType;
import dev.arbalest.Index;
import dev.arbalest.IndexVerifier;
import dev.arbalest.OpenOptions;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.ProgressListener;
import dev.arbalest.RecallCurve;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.TestIndexes;
import dev.arbalest.Tuner;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reading as few vectors as the answer needs; half-float storage; tuning. */
class RerankTest {
  private static final int ROWS = 2000;
  private static final int QUERIES = 100;
  private static final int DIMENSION = 192;

  @TempDir Path directory;

  private final F32Rows all = TestRows.clustered(21, ROWS + QUERIES, DIMENSION, 30);
  private final F32Rows base = new F32Rows(all.memory(), 0, all.strideBytes(), ROWS, DIMENSION);

  private float[] query(int i) {
    return TestIndexes.row(all, ROWS + i);
  }

  private Path build(String codec, ElementType storage) throws IOException {
    Path place = Files.createDirectory(directory.resolve(codec.replace(':', '-') + storage));
    return TestIndexes.build(
        place, base, TestIndexes.options(Metric.L2, codec).toBuilder().storage(storage).build());
  }

  /** Recall and mean reads. */
  private record Quality(double recall, double reads) {}

  private Quality quality(Index index, SearchParameters parameters) throws IOException {
    int hits = 0;
    long reads = 0;
    for (int i = 0; i < QUERIES; i++) {
      SearchResult result = index.search(query(i), parameters);
      Set<Long> truth = TestIndexes.exactNearest(base, query(i), parameters.k());
      for (int rank = 0; rank < result.size(); rank++) {
        hits += truth.contains(result.id(rank)) ? 1 : 0;
      }
      reads += result.reads();
      assertThat(result.wastedReads()).isLessThanOrEqualTo(result.reads());
    }
    return new Quality(hits / (double) QUERIES / parameters.k(), reads / (double) QUERIES);
  }

  @Test
  void confidenceReadsFarLessForNearlyTheSameNeighbours() throws IOException {
    for (String codec : List.of("saq:2", "rabitq:1", "rabitq:4", "pq:48", "sq8")) {
      try (Index index = Index.open(build(codec, ElementType.F32))) {
        SearchParameters every = SearchParameters.forK(10).withList(100).withConfidence(1);
        Quality full = quality(index, every);
        Quality sure = quality(index, every.withConfidence(0.99));
        Quality unsure = quality(index, every.withConfidence(0.6));
        assertThat(full.reads()).isEqualTo(100);
        assertThat(sure.recall()).as(codec).isGreaterThan(full.recall() - 0.01);
        assertThat(sure.reads()).as(codec).isLessThan(80);
        assertThat(unsure.reads()).as(codec).isLessThanOrEqualTo(sure.reads());
        assertThat(unsure.recall()).as(codec).isBetween(0.6, sure.recall() + 0.01);
        assertThat(unsure.reads()).as(codec).isGreaterThanOrEqualTo(10);
      }
    }
  }

  @Test
  void theBestKnownAnswerIsExactWhateverWasRead() throws IOException {
    try (Index index = Index.open(build("saq:2", ElementType.F32))) {
      for (double confidence : new double[] {0.5, 0.9, 1}) {
        SearchParameters parameters =
            SearchParameters.forK(5).withList(40).withConfidence(confidence);
        for (int i = 0; i < 20; i++) {
          SearchResult result = index.search(query(i), parameters);
          assertThat(result.size()).isEqualTo(5);
          for (int rank = 0; rank < 5; rank++) {
            double exact = 0;
            for (int j = 0; j < DIMENSION; j++) {
              double difference = base.get((int) result.id(rank), j) - query(i)[j];
              exact += difference * difference;
            }
            assertThat((double) result.distance(rank)).isCloseTo(exact, within(1e-5));
            assertThat(rank == 0 || result.distance(rank - 1) <= result.distance(rank)).isTrue();
          }
        }
      }
    }
  }

  @Test
  void readersAndCachesChangeNothingButTheReads() throws IOException {
    Path path = build("saq:2", ElementType.F32);
    List<List<Long>> answers = new ArrayList<>();
    for (ReaderKind reader : List.of(ReaderKind.URING, ReaderKind.PREAD, ReaderKind.MMAP)) {
      if (reader == ReaderKind.URING && !Searcher.ringRefusal().isEmpty()) {
        continue;
      }
      for (long cache : new long[] {0, 4 << 20}) {
        OpenOptions options = OpenOptions.defaults().withReader(reader).withCacheBytes(cache);
        try (Index index = Index.open(path, options, ProgressListener.NONE)) {
          List<Long> answer = new ArrayList<>();
          long hits = 0;
          for (int i = 0; i < 2 * QUERIES; i++) {
            SearchResult result = index.search(query(i % QUERIES), SearchParameters.forK(7));
            for (int rank = 0; rank < 7; rank++) {
              answer.add(result.id(rank));
              answer.add((long) Float.floatToRawIntBits(result.distance(rank)));
            }
            answer.add((long) result.reads() + result.cacheHits());
            hits += result.cacheHits();
          }
          assertThat(hits > 0).isEqualTo(cache > 0);
          answers.add(answer);
        }
      }
    }
    assertThat(answers).hasSizeGreaterThanOrEqualTo(4).allMatch(answers.getFirst()::equals);
  }

  @Test
  void smallIndexesAndLargeKNeedNoMoreThanThereIs() throws IOException {
    F32Rows few = new F32Rows(all.memory(), 0, all.strideBytes(), 12, DIMENSION);
    Path path = TestIndexes.build(directory, few, TestIndexes.options(Metric.COSINE, "saq:2"));
    try (Index index = Index.open(path)) {
      for (int k : new int[] {1, 5, 12}) {
        SearchResult result = index.search(query(0), SearchParameters.forK(k));
        assertThat(result.size()).isEqualTo(k);
        assertThat(result.reads()).isBetween(k, 12);
      }
    }
    try (Index index = Index.open(build("rabitq:1", ElementType.F32))) {
      // More reads than there are buffers.
      SearchResult result =
          index.search(query(1), SearchParameters.forK(300).withList(600).withConfidence(0.999));
      assertThat(result.size()).isEqualTo(300);
      assertThat(result.reads()).isGreaterThan(300);
    }
  }

  @Test
  void halfFloatsTakeHalfTheBytesAndNearlyTheSameAnswers() throws IOException {
    Path whole = build("saq:2", ElementType.F32);
    Path half = build("saq:2", ElementType.F16);
    assertThat(Files.size(half.resolve("vectors.f16")) - 4096).isEqualTo(ROWS * 512L);
    assertThat(Files.size(whole.resolve("vectors.f32")) - 4096).isEqualTo(ROWS * 1024L);
    IndexVerifier.verify(half, 2, ProgressListener.NONE);
    SearchParameters parameters =
        SearchParameters.forK(10).withList(100).withRerank(60).withConfidence(1);
    try (Index f32 = Index.open(whole);
        Index f16 = Index.open(half)) {
      assertThat(f16.info().storage()).isEqualTo(ElementType.F16);
      Quality exact = quality(f32, parameters);
      Quality rounded = quality(f16, parameters);
      assertThat(rounded.recall()).isGreaterThan(exact.recall() - 0.01);
      SearchResult result = f16.search(query(3), parameters);
      for (int rank = 0; rank < 10; rank++) {
        double distance = 0;
        for (int j = 0; j < DIMENSION; j++) {
          float stored =
              Float.float16ToFloat(Float.floatToFloat16(base.get((int) result.id(rank), j)));
          distance += ((double) stored - query(3)[j]) * (stored - query(3)[j]);
        }
        assertThat((double) result.distance(rank)).isCloseTo(distance, within(1e-5));
      }
      long bytes = f16.search(query(3), parameters).readBytes();
      assertThat(bytes).isEqualTo(f32.search(query(3), parameters).readBytes() / 2);
    }
  }

  @Test
  void whatHalfFloatsCannotHoldIsRefused() throws IOException {
    F32Rows rows = TestRows.gaussian(3, 20, 64);
    rows.memory().set(F32Rows.FLOAT, rows.offset(7) + 4L * 5, 70_000f);
    BuildOptions options =
        TestIndexes.options(Metric.L2, "rabitq:1").toBuilder().storage(ElementType.F16).build();
    assertThatThrownBy(() -> TestIndexes.build(directory, rows, options))
        .isInstanceOf(BadInputException.class)
        .hasMessageContaining("row 7, component 5 is 70000.0, too large for half floats");
  }

  @Test
  void searchesAllocateNothing() throws Exception {
    for (ElementType storage : ElementType.values()) {
      double few = 200;
      Process process =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "--add-modules=jdk.incubator.vector",
                  "--enable-native-access=ALL-UNNAMED",
                  "-cp",
                  System.getProperty("java.class.path"),
                  SearchAllocations.class.getName(),
                  build("saq:2", storage).toString(),
                  Double.toString(few))
              .redirectErrorStream(true)
              .start();
      String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(process.waitFor()).as(printed).isZero();
      Matcher matcher = Pattern.compile("bytes per search ([0-9.E]+)").matcher(printed);
      assertThat(matcher.find()).as(printed).isTrue();
      double perSearch = Double.parseDouble(matcher.group(1));
      assertThat(perSearch).as(storage.label()).isLessThan(200);
    }
  }

  @Test
  void tuningFindsParametersForARecall() throws IOException {
    Path path = build("saq:2", ElementType.F32);
    Files.delete(path.resolve(RecallCurve.FILE_NAME));
    try (Index index = Index.open(path)) {
      assertThatThrownBy(() -> index.parametersFor(10, 0.9))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("has no measured recall");
    }
    RecallCurve curve = Tuner.tune(path, null, 10, 300, 2, ProgressListener.NONE);
    assertThat(curve.points())
        .isSortedAccordingTo((a, b) -> Double.compare(a.recall(), b.recall()));
    try (Index index = Index.open(path)) {
      for (double target : new double[] {0.9, 0.95}) {
        Quality quality = quality(index, index.parametersFor(10, target));
        assertThat(quality.recall()).as("target %s", target).isGreaterThan(target - 0.03);
      }
      assertThatThrownBy(() -> index.parametersFor(11, 0.9)).hasMessageContaining("measured for k");
      assertThatThrownBy(() -> index.parametersFor(10, 1.5)).hasMessageContaining("recall must be");
    }
    // The same for any number of threads.
    byte[] stored = Files.readAllBytes(path.resolve(RecallCurve.FILE_NAME));
    RecallCurve again = Tuner.tune(path, null, 10, 300, 1, ProgressListener.NONE);
    assertThat(again).isEqualTo(curve);
    assertThat(Files.readAllBytes(path.resolve(RecallCurve.FILE_NAME))).isEqualTo(stored);
    stored[stored.length / 2] ^= 1;
    Files.write(path.resolve(RecallCurve.FILE_NAME), stored);
    try (Index index = Index.open(path)) {
      assertThatThrownBy(() -> index.parametersFor(10, 0.9))
          .isInstanceOf(CorruptIndexException.class);
    }
    // A rebuilt index is another, and measured again.
    TestIndexes.build(
        java.util.Objects.requireNonNull(path.getParent()),
        base,
        TestIndexes.options(Metric.L2, "saq:2"));
    RecallCurve rebuilt = RecallCurve.read(path).orElseThrow();
    assertThat(rebuilt.generation()).isGreaterThan(curve.generation());
    try (Index index = Index.open(path)) {
      assertThat(index.parametersFor(10, 0.9)).isEqualTo(rebuilt.parameters(0.9));
    }
  }

  @Test
  void aBuildThatFailsLeavesTheTuningOfTheIndexItWouldHaveReplaced() throws IOException {
    Path path = build("saq:2", ElementType.F32);
    RecallCurve curve = Tuner.tune(path, null, 10, 50, 2, ProgressListener.NONE);
    F32Rows rows = TestRows.gaussian(3, 20, 64);
    rows.memory().set(F32Rows.FLOAT, rows.offset(7) + 4L * 5, 70_000f);
    Path place = java.util.Objects.requireNonNull(path.getParent());
    BuildOptions options =
        TestIndexes.options(Metric.L2, "rabitq:1").toBuilder().storage(ElementType.F16).build();
    assertThatThrownBy(() -> TestIndexes.build(place, rows, options))
        .isInstanceOf(BadInputException.class);
    try (Index index = Index.open(path)) {
      assertThat(index.parametersFor(10, 0.5)).isEqualTo(curve.parameters(0.5));
    }
  }

  @Test
  void vectorsThatAllEqualTheirMeanAreFound() throws IOException {
    F32Rows rows = TestRows.gaussian(5, 40, 64);
    for (int row = 1; row < 40; row++) {
      MemorySegment.copy(rows.memory(), rows.offset(0), rows.memory(), rows.offset(row), 4L * 64);
    }
    for (String codec : List.of("saq:2", "rabitq:1", "sq8")) {
      Path place = Files.createDirectory(directory.resolve("equal-" + codec.replace(':', '-')));
      Path path = TestIndexes.build(place, rows, TestIndexes.options(Metric.L2, codec));
      try (Index index = Index.open(path)) {
        SearchResult result = index.search(TestIndexes.row(rows, 0), SearchParameters.forK(10));
        assertThat(result.size()).isEqualTo(10);
        assertThat(result.distance(9)).isZero();
      }
    }
  }

  @Test
  void quantilesAreThoseOfTheNormalDistribution() {
    assertThat(NormalQuantile.of(0.5)).isCloseTo(0, within(1e-6));
    assertThat(NormalQuantile.of(0.95)).isCloseTo(1.644854, within(1e-4));
    assertThat(NormalQuantile.of(0.995)).isCloseTo(2.575829, within(1e-4));
    assertThat(NormalQuantile.of(0.1)).isCloseTo(-1.281552, within(1e-4));
  }
}
