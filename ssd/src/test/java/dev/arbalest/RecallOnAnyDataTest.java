// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.ssd.format.CheckedJson;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

/** Recall of default parameters on vectors that are not like embeddings. */
class RecallOnAnyDataTest {
  private static final int K = 10;

  @TempDir Path directory;

  private int indexes;

  private Path build(float[][] rows, Metric metric, String codec) throws IOException {
    Path path = directory.resolve("index" + indexes++);
    BuildOptions options = BuildOptions.builder().metric(metric).codec(codec).threads(2).build();
    try (VectorInput input = VectorInput.of(rows)) {
      BuildReport report = Index.build(path, input, options, ProgressListener.NONE);
      assertThat(report.recall().isPresent()).isEqualTo(rows.length >= 1000);
    }
    return path;
  }

  private static float[][] gaussian(int count, int dimension, SplittableRandom random) {
    float[][] rows = new float[count][dimension];
    for (float[] row : rows) {
      for (int i = 0; i < dimension; i++) {
        row[i] = (float) random.nextGaussian();
      }
    }
    return rows;
  }

  private static void scale(float[] row, double factor) {
    for (int i = 0; i < row.length; i++) {
      row[i] = (float) (row[i] * factor);
    }
  }

  private static double distance(Metric metric, float[] a, float[] b) {
    double dot = 0;
    double squares = 0;
    double squaredA = 0;
    double squaredB = 0;
    for (int i = 0; i < a.length; i++) {
      double difference = (double) a[i] - b[i];
      dot += (double) a[i] * b[i];
      squares += difference * difference;
      squaredA += (double) a[i] * a[i];
      squaredB += (double) b[i] * b[i];
    }
    return switch (metric) {
      case L2 -> squares;
      case DOT -> -dot;
      case COSINE -> 1 - dot / Math.sqrt(squaredA * squaredB);
    };
  }

  /** A vector as near as the k-th counts as found; rows without components do not exist. */
  private static double recall(Index index, float[][] rows, float[][] queries) throws IOException {
    return recall(index, rows, queries, SearchParameters.forK(K));
  }

  private static double recall(
      Index index, float[][] rows, float[][] queries, SearchParameters parameters)
      throws IOException {
    int hits = 0;
    for (float[] query : queries) {
      double[] distances = new double[rows.length];
      for (int i = 0; i < rows.length; i++) {
        distances[i] =
            rows[i].length == 0
                ? Double.POSITIVE_INFINITY
                : distance(index.metric(), query, rows[i]);
      }
      double[] sorted = distances.clone();
      Arrays.sort(sorted);
      double limit = sorted[K - 1] + 1e-5 * Math.abs(sorted[K - 1]) + 1e-6;
      SearchResult result = index.search(query, parameters);
      for (int rank = 0; rank < result.size(); rank++) {
        hits += distances[(int) result.id(rank)] <= limit ? 1 : 0;
      }
    }
    return hits / (double) queries.length / K;
  }

  private static double traversalRecall(Path path, float[][] rows, float[][] queries)
      throws IOException {
    try (Index index = Index.open(path)) {
      TestIndexes.alwaysTraverse(index);
      return recall(index, rows, queries);
    }
  }

  @Test
  void oneVeryLongVectorSpoilsOnlyItself() throws IOException {
    SplittableRandom random = new SplittableRandom(1);
    float[][] rows = gaussian(3000, 64, random);
    float[][] queries = gaussian(30, 64, random);
    scale(rows[17], 1e7);
    for (String codec : List.of("saq:2", "rabitq:4", "sq8", "pq:32")) {
      Path path = build(rows, Metric.L2, codec);
      try (Index index = Index.open(path)) {
        assertThat(recall(index, rows, queries)).as(codec).isGreaterThan(0.95);
      }
    }
    for (Metric metric : List.of(Metric.L2, Metric.DOT)) {
      double recall = traversalRecall(build(rows, metric, "rabitq:4"), rows, queries);
      assertThat(recall).as("graph, %s", metric).isGreaterThan(0.9);
    }
  }

  @Test
  void norms12DecadesApartAreTold() throws IOException {
    SplittableRandom random = new SplittableRandom(2);
    float[][] rows = gaussian(3000, 64, random);
    for (float[] row : rows) {
      scale(row, Math.pow(10, 12 * random.nextDouble() - 6));
    }
    float[][] queries = gaussian(30, 64, random);
    for (Metric metric : List.of(Metric.L2, Metric.DOT)) {
      try (Index index = Index.open(build(rows, metric, "saq:2"))) {
        assertThat(recall(index, rows, queries)).as("%s", metric).isGreaterThan(0.95);
      }
    }
  }

  /** As matrix factorisation gives them: walls of long vectors hid the others. */
  @Test
  void innerProductFindsVectorsOfVariedNorms() throws IOException {
    SplittableRandom random = new SplittableRandom(3);
    float[][] rows = gaussian(5000, 32, random);
    for (float[] row : rows) {
      scale(row, Math.exp(random.nextGaussian()));
    }
    float[][] queries = gaussian(40, 32, random);
    double recall = traversalRecall(build(rows, Metric.DOT, "rabitq:4"), rows, queries);
    assertThat(recall).isGreaterThan(0.95);
  }

  /**
   * Inserts walk by inner product, unlike builds: of vectors inserted one after another, a walk by
   * lifted distances would find 0.3.
   */
  @Test
  void innerProductFindsInsertedVectorsOfVariedNorms() throws IOException {
    SplittableRandom random = new SplittableRandom(7);
    float[][] rows = gaussian(5000, 32, random);
    for (float[] row : rows) {
      scale(row, Math.exp(random.nextGaussian()));
    }
    float[][] queries = gaussian(40, 32, random);
    Path path = build(Arrays.copyOf(rows, 300), Metric.DOT, "rabitq:4");
    try (LiveIndex index =
        LiveIndex.openForWriting(
            path, OpenOptions.defaults(), WriteOptions.defaults(), ProgressListener.NONE)) {
      for (int from = 300; from < rows.length; from += 470) {
        index.insert(Ids.range(from, 470), Arrays.copyOfRange(rows, from, from + 470));
      }
      index.awaitLinked();
      TestIndexes.alwaysTraverse(index);
      assertThat(recall(index, rows, queries)).isGreaterThan(0.93);
    }
  }

  /** As a new customer's or another language's: they are near each other and far from all else. */
  @Test
  void vectorsUnlikeAllBeforeAreFound() throws IOException {
    SplittableRandom random = new SplittableRandom(11);
    float[][] rows = gaussian(5000, 64, random);
    float[][] queries = gaussian(40, 64, random);
    for (int i = 0; i < 1040; i++) {
      float[] row = i < 40 ? queries[i] : rows[rows.length - 1040 + i];
      for (int j = 0; j < 64; j++) {
        row[j] += 5;
      }
    }
    for (Metric metric : Metric.values()) {
      Path path = build(Arrays.copyOf(rows, 4000), metric, "saq:2");
      try (LiveIndex index =
          LiveIndex.openForWriting(
              path, OpenOptions.defaults(), WriteOptions.defaults(), ProgressListener.NONE)) {
        index.insert(Ids.range(4000, 1000), Arrays.copyOfRange(rows, 4000, 5000));
        index.awaitLinked();
        TestIndexes.alwaysTraverse(index);
        assertThat(recall(index, rows, queries)).as("%s", metric).isGreaterThan(0.95);
      }
    }
  }

  /** Far from 0 neighbours differ by less than rounding would make of the squares of norms. */
  @Test
  void measuredRecallHoldsFarFromTheOrigin() throws IOException {
    SplittableRandom random = new SplittableRandom(12);
    float[][] rows = gaussian(6000, 64, random);
    float[][] queries = gaussian(60, 64, random);
    for (float[][] part : List.of(rows, queries)) {
      for (float[] row : part) {
        for (int i = 0; i < row.length; i++) {
          row[i] += 1000;
        }
      }
    }
    Path path = build(rows, Metric.L2, "rabitq:4");
    RecallCurve tuned = Tuner.tune(path, null, K, 200, 2, ProgressListener.NONE);
    for (double target : new double[] {0.8, 0.95}) {
      SearchParameters parameters = tuned.parameters(target);
      try (Index index = Index.open(path)) {
        assertThat(recall(index, rows, queries, parameters))
            .as("%.2f", target)
            .isGreaterThan(target - 0.03);
      }
    }
  }

  /** Codes of sparse vectors err by more than their bounds say: no list helps, more reads do. */
  @Test
  void buildsChooseTheConfidenceOfDefaults() throws IOException {
    SplittableRandom random = new SplittableRandom(13);
    float[][] rows = new float[12000][256];
    float[][] queries = new float[60][256];
    for (float[][] part : List.of(rows, queries)) {
      for (float[] row : part) {
        row[random.nextInt(row.length)] = 1;
        row[random.nextInt(row.length)] = 1;
        row[random.nextInt(row.length)] += (float) random.nextDouble();
      }
    }
    Path path = build(rows, Metric.COSINE, "rabitq:4");
    RecallCurve.Point measured = RecallCurve.read(path).orElseThrow().defaults();
    assertThat(measured.recall()).isGreaterThan(0.98);
    assertThat(measured.confidence()).isGreaterThan(SearchParameters.DEFAULT_CONFIDENCE);
    try (Index index = Index.open(path)) {
      SearchParameters own = index.defaultParameters(K);
      assertThat(own.confidence()).isEqualTo(measured.confidence());
      assertThat(recall(index, rows, queries)).isGreaterThan(0.97);
      assertThat(index.defaultParameters(K).withConfidence(0.6).confidence()).isEqualTo(0.6);
      SearchResult little = index.search(queries[0], SearchParameters.forK(K).withConfidence(0.5));
      SearchResult much = index.search(queries[0], SearchParameters.forK(K));
      assertThat(much.reads()).isGreaterThan(little.reads());
    }
  }

  /** The list grows where the codes cannot tell candidates apart, also of codecs without bounds. */
  @Test
  void groupsOfNearlyEqualVectorsAreFound() throws IOException {
    SplittableRandom random = new SplittableRandom(4);
    float[][] centers = gaussian(25, 64, random);
    float[][] rows = gaussian(2500, 64, random);
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < 64; j++) {
        rows[i][j] = centers[i / 100][j] + 1e-3f * rows[i][j];
      }
    }
    float[][] queries = gaussian(25, 64, random);
    for (int i = 0; i < queries.length; i++) {
      for (int j = 0; j < 64; j++) {
        queries[i][j] = centers[i][j] + 0.1f * queries[i][j];
      }
    }
    for (String codec : List.of("saq:2", "rabitq:4", "sq8")) {
      Path path = build(rows, Metric.L2, codec);
      try (Index index = Index.open(path)) {
        assertThat(recall(index, rows, queries)).as(codec).isGreaterThan(0.85);
      }
      // The vectors themselves are easy to find, and their recall says little of other queries.
      assertThat(RecallCurve.read(path).orElseThrow().warning())
          .hasValueSatisfying(text -> assertThat(text).contains("nearly equal"));
    }
    for (Metric metric : List.of(Metric.DOT, Metric.COSINE)) {
      Path path = build(rows, metric, "f16");
      assertThat(RecallCurve.read(path).orElseThrow().nearDuplicates()).isGreaterThan(0.9);
    }
  }

  /** What tune wrote before builds measured: also if no list as long as the default was needed. */
  @Test
  void curvesOfTheFirstVersionAreRead() throws IOException {
    SplittableRandom random = new SplittableRandom(10);
    Path path = build(gaussian(1200, 64, random), Metric.L2, "rabitq:4");
    Path file = path.resolve(RecallCurve.FILE_NAME);
    for (int list : new int[] {20, 80}) {
      ObjectNode root = CheckedJson.newObject();
      root.put("format", "arbalest-tuning");
      root.put("format_version", 1);
      root.put("generation", RecallCurve.read(path).orElseThrow().generation());
      root.put("k", K);
      root.put("queries", 100);
      ObjectNode point = root.putArray("points").addObject();
      point.put("list", list);
      point.put("confidence", 0.95);
      point.put("recall", 0.97);
      point.put("reads", 12.5);
      point.put("scored", 700.0);
      Files.write(file, CheckedJson.seal(root));
      try (Index index = Index.open(path)) {
        assertThat(index.defaultParameters(K)).isEqualTo(SearchParameters.forK(K));
        assertThat(index.parametersFor(K, 0.95).searchListSize()).isEqualTo(list);
      }
      assertThat(RecallCurve.read(path).orElseThrow().defaults().recall()).isEqualTo(0.97);
    }
  }

  @Test
  void vectorsTooShortForSinglePrecisionAreNamed() throws IOException {
    float[][] rows = gaussian(50, 64, new SplittableRandom(8));
    for (float[] row : rows) {
      scale(row, 1e-40);
    }
    List<String> notes = new ArrayList<>();
    ProgressListener listener =
        new ProgressListener() {
          @Override
          public void stage(String name, long total) {}

          @Override
          public void advanced(long count) {}

          @Override
          public void note(String text) {
            notes.add(text);
          }
        };
    for (Metric metric : Metric.values()) {
      notes.clear();
      BuildOptions options = BuildOptions.builder().metric(metric).build();
      try (VectorInput input = VectorInput.of(rows)) {
        BuildReport report =
            Index.build(directory.resolve("short" + metric), input, options, listener);
        assertThat(report.recall()).isEmpty();
      }
      boolean isNamed = notes.stream().anyMatch(note -> note.contains("single precision"));
      assertThat(isNamed).as("%s: %s", metric, notes).isEqualTo(metric != Metric.COSINE);
    }
  }

  @Test
  void recallIsMeasuredAgain() throws IOException {
    SplittableRandom random = new SplittableRandom(9);
    float[][] rows = gaussian(6000, 100, random);
    Path path = build(rows, Metric.L2, "rabitq:4");
    RecallCurve.Point built = RecallCurve.read(path).orElseThrow().defaults();
    RecallCurve.Point own = Tuner.recall(path, null, K, 200, 2, ProgressListener.NONE);
    assertThat(own.searchListSize()).isEqualTo(built.searchListSize());
    assertThat(Math.abs(own.recall() - built.recall())).isLessThan(0.03);
    float[][] queries = gaussian(200, 100, random);
    try (VectorInput input = VectorInput.of(queries);
        Index index = Index.open(path)) {
      RecallCurve.Point asked = Tuner.recall(path, input, K, 200, 2, ProgressListener.NONE);
      assertThat(Math.abs(asked.recall() - recall(index, rows, queries))).isLessThan(1e-9);
    }
  }

  @Test
  void smallIndexesAreComparedWholeAlsoWhenTheyAreWrittenTo() throws IOException {
    SplittableRandom random = new SplittableRandom(5);
    float[][] rows = gaussian(900, 64, random);
    float[][] queries = gaussian(20, 64, random);
    Path path = build(Arrays.copyOf(rows, 700), Metric.L2, "saq:2");
    float[][] present = rows.clone();
    for (int i = 0; i < 900; i += 3) {
      present[i] = new float[0];
    }
    long[] gone = LongStream.range(0, 300).map(i -> 3 * i).toArray();
    try (LiveIndex index =
        LiveIndex.openForWriting(
            path, OpenOptions.defaults(), WriteOptions.defaults(), ProgressListener.NONE)) {
      index.insert(Ids.range(700, 200), Arrays.copyOfRange(rows, 700, 900));
      assertThat(recall(index, rows, queries)).isGreaterThan(0.99);
      index.delete(Ids.of(gone));
      assertThat(recall(index, present, queries)).isGreaterThan(0.99);
      SearchResult result = index.search(queries[0], SearchParameters.forK(K));
      assertThat(result.plan()).isEqualTo(SearchPlan.SCAN);
      assertThat(result.hops()).isZero();
    }
    try (Index index = Index.open(path)) {
      assertThat(recall(index, present, queries)).isGreaterThan(0.99);
    }
  }

  /** What a build says of its recall holds for vectors it has not seen. */
  @Test
  void buildsMeasureTheirRecallAndChooseTheList() throws IOException {
    SplittableRandom random = new SplittableRandom(6);
    float[][] rows = gaussian(6000, 100, random);
    float[][] queries = gaussian(60, 100, random);
    Path path = build(rows, Metric.COSINE, "rabitq:4");
    RecallCurve curve = RecallCurve.read(path).orElseThrow();
    assertThat(curve.defaults().recall()).isGreaterThan(0.97);
    assertThat(curve.warning()).isEmpty();
    try (Index index = Index.open(path)) {
      assertThat(index.defaultParameters(K).searchListSize()).isGreaterThan(64);
      assertThat(index.defaultParameters(100).searchListSize()).isGreaterThan(400);
      // However a search asks for defaults, it takes the list that was measured, once.
      int chosen = curve.defaults().searchListSize();
      for (SearchParameters parameters :
          List.of(
              SearchParameters.forK(K),
              index.defaultParameters(K),
              index.parametersFor(K, curve.defaults().recall()))) {
        assertThat(index.search(queries[0], parameters).list()).isEqualTo(chosen);
      }
      assertThat(index.search(queries[0], SearchParameters.forK(K).withList(20)).list())
          .isEqualTo(20);
      RecallCurve tuned = Tuner.tune(path, null, K, 100, 2, ProgressListener.NONE);
      assertThat(tuned.defaults().searchListSize()).isBetween(65, 2 * chosen);
      double recall = recall(index, rows, queries);
      assertThat(Math.abs(recall - curve.defaults().recall())).isLessThan(0.03);
      double shorter = 0;
      for (RecallCurve.Point point : curve.points()) {
        shorter = point.searchListSize() == 32 ? point.recall() : shorter;
      }
      assertThat(shorter).isBetween(0.5, 0.95);
    }
    Files.delete(path.resolve(RecallCurve.FILE_NAME));
    try (Index index = Index.open(path)) {
      assertThat(index.defaultParameters(K)).isEqualTo(SearchParameters.forK(K));
    }
  }
}
