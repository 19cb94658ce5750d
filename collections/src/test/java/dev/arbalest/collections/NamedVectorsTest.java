// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.JsonFilters;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.ScoredPoint;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.vector.Metric;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Collections with named vectors, against a model in memory that all tests share, and so longer
 * than other files.
 */
@SuppressWarnings("MustBeClosedChecker") // closed when each test ends
class NamedVectorsTest {
  static final List<VectorSpec> SPECS =
      List.of(
          VectorSpec.dense("", 8, Metric.COSINE),
          VectorSpec.dense("title", 4, Metric.L2),
          VectorSpec.multi("tokens", 6, Metric.COSINE),
          VectorSpec.sparse("words", true));

  private static final String LATE = "late";

  @TempDir private Path data;

  /** What points are expected to be. */
  private record Expected(@Nullable String payload, Map<String, PointVector> vectors) {}

  static <K, V> V known(Map<K, V> all, K key) {
    return Objects.requireNonNull(all.get(key), () -> key + " is not expected");
  }

  static float[] floats(Random random, int dimension) {
    float[] vector = new float[dimension];
    for (int i = 0; i < dimension; i++) {
      vector[i] = (float) random.nextGaussian();
    }
    double norm = Math.sqrt(-similarity(Metric.L2, vector, new float[dimension]));
    for (int i = 0; i < dimension; i++) {
      vector[i] /= (float) norm; // as vectors are kept for cosine
    }
    return vector;
  }

  static PointVector vector(Random random, VectorSpec spec) {
    return switch (spec.kind()) {
      case DENSE -> new PointVector.Dense(floats(random, spec.dimension()));
      case MULTI -> {
        List<float[]> parts = new ArrayList<>();
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
          parts.add(floats(random, spec.dimension()));
        }
        yield new PointVector.Multi(parts);
      }
      case SPARSE -> {
        int[] indices = random.ints(0, 60).distinct().limit(1 + random.nextInt(6)).toArray();
        float[] values = new float[indices.length];
        for (int i = 0; i < values.length; i++) {
          values[i] = random.nextFloat();
        }
        yield new PointVector.Sparse(indices, values);
      }
    };
  }

  private static Map<String, PointVector> vectors(Random random, List<VectorSpec> specs) {
    Map<String, PointVector> vectors = new HashMap<>();
    for (VectorSpec spec : specs) {
      if (random.nextInt(3) > 0) {
        vectors.put(spec.name(), vector(random, spec));
      }
    }
    return vectors;
  }

  private static double similarity(Metric metric, float[] a, float[] b) {
    double dot = 0;
    double left = 0;
    double right = 0;
    double distance = 0;
    for (int i = 0; i < a.length; i++) {
      dot += (double) a[i] * b[i];
      left += (double) a[i] * a[i];
      right += (double) b[i] * b[i];
      distance += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
    }
    return switch (metric) {
      case COSINE -> dot / Math.sqrt(left * right);
      case DOT -> dot;
      case L2 -> -distance;
    };
  }

  static double maxSim(Metric metric, PointVector.Multi query, PointVector.Multi point) {
    double sum = 0;
    for (float[] part : query.parts()) {
      sum +=
          point.parts().stream()
              .mapToDouble(other -> similarity(metric, part, other))
              .max()
              .orElseThrow();
    }
    return sum;
  }

  private static void assertClose(float[] found, float[] expected) {
    assertThat(found).hasSameSizeAs(expected);
    assertThat(similarity(Metric.L2, found, expected)).isGreaterThan(-1e-10);
  }

  static void assertSame(PointVector found, PointVector expected) {
    switch (expected) {
      case PointVector.Dense dense ->
          assertClose(((PointVector.Dense) found).components(), dense.components());
      case PointVector.Multi multi -> {
        List<float[]> parts = ((PointVector.Multi) found).parts();
        assertThat(parts).hasSameSizeAs(multi.parts());
        for (int i = 0; i < parts.size(); i++) {
          assertClose(parts.get(i), multi.parts().get(i));
        }
      }
      case PointVector.Sparse sparse -> {
        assertThat(((PointVector.Sparse) found).indices()).isEqualTo(sparse.indices());
        assertThat(((PointVector.Sparse) found).values()).isEqualTo(sparse.values());
      }
    }
  }

  private static void assertAll(Collection collection, Map<Long, Expected> expected) {
    assertThat(collection.count()).isEqualTo(expected.size());
    List<Point> all = collection.scroll(null, null, 10_000, VectorSelector.ALL).points();
    assertThat(all).hasSize(expected.size());
    for (Point point : all) {
      Expected known = known(expected, point.id().number());
      assertThat(point.payload()).isEqualTo(known.payload());
      assertThat(point.vectors().keySet()).as("%s", point.id()).isEqualTo(known.vectors().keySet());
      point.vectors().forEach((name, vector) -> assertSame(vector, known(known.vectors(), name)));
    }
  }

  private static boolean isEven(Expected point) {
    return "{\"even\":true}".equals(point.payload());
  }

  private static void assertSearches(
      Collection collection, Map<Long, Expected> expected, Random random) {
    Filter even =
        JsonFilters.parse(parse("{\"must\":[{\"key\":\"even\",\"match\":{\"value\":true}}]}"));
    for (VectorSpec spec : collection.settings().vectors()) {
      for (Filter filter : java.util.Arrays.asList(null, even)) {
        Map<Long, PointVector> having = new TreeMap<>();
        expected.forEach((id, point) -> {
          PointVector vector = point.vectors().get(spec.name());
          if (vector != null && (filter == null || isEven(point))) {
            having.put(id, vector);
          }
        });
        PointVector query = vector(random, spec);
        int limit = 5;
        switch (query) {
          case PointVector.Dense dense -> {
            List<Long> best =
                having.entrySet().stream()
                    .sorted(
                        Comparator.comparingDouble(one ->
                            -similarity(
                                spec.metric(),
                                dense.components(),
                                ((PointVector.Dense) one.getValue()).components())))
                    .limit(limit)
                    .map(Map.Entry::getKey)
                    .toList();
            SearchRequest request =
                SearchRequest.of(dense.components(), limit)
                    .withUsing(spec.name())
                    .withFilter(filter);
            List<Long> found =
                collection.search(request, true, false).points().stream()
                    .map(point -> point.id().number())
                    .toList();
            assertThat(found).as("%s, %s", spec, filter).isEqualTo(best);
          }
          case PointVector.Multi multi -> {
            List<Long> best =
                having.entrySet().stream()
                    .sorted(
                        Comparator.comparingDouble(one ->
                            -maxSim(spec.metric(), multi, (PointVector.Multi) one.getValue())))
                    .limit(limit)
                    .map(Map.Entry::getKey)
                    .toList();
            List<ScoredPoint> found =
                collection.rankByVector(spec.name(), multi, filter, limit, 0, false);
            assertThat(found.stream().map(one -> one.id().number()).toList())
                .as("%s, %s", spec, filter)
                .isEqualTo(best);
            for (ScoredPoint one : found) {
              double score =
                  maxSim(
                      spec.metric(), multi, (PointVector.Multi) known(having, one.id().number()));
              assertThat((double) one.score()).isCloseTo(score, within(1e-4));
            }
          }
          case PointVector.Sparse sparse -> {
            List<Long> having1 =
                having.entrySet().stream()
                    .filter(one -> shareTerm(sparse, (PointVector.Sparse) one.getValue()))
                    .map(Map.Entry::getKey)
                    .toList();
            List<ScoredPoint> found =
                collection.rankByVector(spec.name(), sparse, filter, 10_000, 0, false);
            assertThat(found.stream().map(one -> one.id().number()).toList())
                .as("%s, %s", spec, filter)
                .containsExactlyInAnyOrderElementsOf(having1);
          }
        }
      }
      long having =
          expected.values().stream()
              .filter(point -> point.vectors().containsKey(spec.name()))
              .count();
      assertThat(collection.count(new Filter.HasVector(spec.name()))).isEqualTo(having);
    }
    assertThat(collection.count(even))
        .isEqualTo(expected.values().stream().filter(NamedVectorsTest::isEven).count());
  }

  private static boolean shareTerm(PointVector.Sparse a, PointVector.Sparse b) {
    return java.util.Arrays.stream(a.indices())
        .anyMatch(term -> java.util.Arrays.stream(b.indices()).anyMatch(other -> term == other));
  }

  private static tools.jackson.databind.JsonNode parse(String json) {
    return tools.jackson.databind.json.JsonMapper.shared().readTree(json);
  }

  @Test
  void anySequenceOfWritesIsKept() throws Exception {
    for (int seed = 0; seed < 6; seed++) {
      Random random = new Random(seed);
      Map<Long, Expected> expected = new HashMap<>();
      List<VectorSpec> specs = new ArrayList<>(SPECS);
      Path folder = Files.createDirectory(data.resolve("seed" + seed));
      CollectionOptions options = CollectionOptions.in(folder);
      Collections collections = Collections.open(options);
      try {
        Collection collection = collections.create("named", CollectionSettings.of(SPECS));
        for (int step = 0; step < 60; step++) {
          switch (random.nextInt(10)) {
            case 0, 1, 2, 3 -> upsert(collection, expected, specs, random);
            case 4, 5 -> update(collection, expected, specs, random);
            case 6 -> {
              List<Long> some = some(expected, random);
              String name = specs.get(random.nextInt(specs.size())).name();
              collection.deleteVectors(some.stream().map(PointId::of).toList(), List.of(name));
              some.forEach(id -> known(expected, id).vectors().remove(name));
            }
            case 7 -> {
              List<Long> some = some(expected, random);
              int deleted = collection.delete(some.stream().map(PointId::of).toList());
              assertThat(deleted).isEqualTo(some.size());
              some.forEach(expected::remove);
            }
            case 8 -> {
              if (specs.size() == SPECS.size()) {
                collection.addVector(VectorSpec.dense(LATE, 5, Metric.DOT));
                specs.add(VectorSpec.dense(LATE, 5, Metric.DOT));
              } else {
                assertThat(collection.removeVector(LATE)).isTrue();
                specs.removeLast();
                expected.values().forEach(point -> point.vectors().remove(LATE));
              }
            }
            default -> {
              collections.close();
              collections = Collections.open(options);
              collection = collections.get("named");
              if (random.nextBoolean()) {
                collection.compact();
              }
            }
          }
          if (step % 3 == 0) {
            assertAll(collection, expected);
            assertSearches(collection, expected, random);
          }
        }
        assertAll(collection, expected);
      } finally {
        collections.close();
      }
      assertThat(DataVerifier.verify(folder, 1))
          .allSatisfy(finding -> assertThat(finding.problem()).isEmpty());
    }
  }

  private static List<Long> some(Map<Long, Expected> expected, Random random) {
    return expected.keySet().stream().filter(_ -> random.nextInt(5) == 0).toList();
  }

  private static void upsert(
      Collection collection, Map<Long, Expected> expected, List<VectorSpec> specs, Random random) {
    List<Point> points = new ArrayList<>();
    for (int i = random.nextInt(80); i >= 0; i--) {
      long id = random.nextInt(150);
      Map<String, PointVector> vectors = vectors(random, specs);
      String payload = id % 2 == 0 ? "{\"even\":true}" : id % 3 == 0 ? null : "{\"even\":false}";
      points.add(Point.of(PointId.of(id), vectors, payload));
      expected.put(id, new Expected(payload, new HashMap<>(vectors)));
    }
    collection.upsert(points);
  }

  private static void update(
      Collection collection, Map<Long, Expected> expected, List<VectorSpec> specs, Random random) {
    List<Point> points = new ArrayList<>();
    for (long id : some(expected, random)) {
      Map<String, PointVector> vectors = vectors(random, specs);
      points.add(Point.of(PointId.of(id), vectors, null));
      known(expected, id).vectors().putAll(vectors);
    }
    var _ = collection.updateVectors(points, null);
  }

  @Test
  void aCollectionGetsVectorsLater() throws Exception {
    CollectionOptions options = CollectionOptions.in(data);
    Random random = new Random(3);
    float[] vector = floats(random, 4);
    try (Collections collections = Collections.open(options)) {
      Collection collection = collections.create("c", CollectionSettings.of(4, Metric.COSINE));
      collection.upsert(
          List.of(
              Point.of(PointId.of(1), vector, "{\"a\":1}"),
              Point.of(PointId.of(2), floats(random, 4), null)));
      collection.addVector(VectorSpec.sparse("words", false));
      PointVector words = new PointVector.Sparse(new int[] {7}, new float[] {2});
      var _ =
          collection.updateVectors(
              List.of(Point.of(PointId.of(2), Map.of("words", words), null)), null);
      assertThatThrownBy(() -> collection.addVector(VectorSpec.sparse("words", false)))
          .isInstanceOf(CollectionException.class)
          .hasMessageContaining("already has");
    }
    try (Collections collections = Collections.open(options)) {
      Collection collection = collections.get("c");
      assertThat(collection.count()).isEqualTo(2);
      assertThat(collection.count(new Filter.HasVector(""))).isEqualTo(2);
      assertThat(collection.count(new Filter.HasVector("words"))).isEqualTo(1);
      List<Point> found = collection.search(SearchRequest.of(vector, 1), true, true).points();
      assertThat(found.getFirst().id().number()).isEqualTo(1);
      assertThat(found.getFirst().payload()).isEqualTo("{\"a\":1}");
      assertClose(Objects.requireNonNull(found.getFirst().dense("")), vector);
      List<ScoredPoint> ranked =
          collection.rankByVector(
              "words", new PointVector.Sparse(new int[] {7}, new float[] {3}), null, 10, 0, false);
      assertThat(ranked).containsExactly(new ScoredPoint(PointId.of(2), 6));
      // A point without vectors stays, and so does one whose first vector goes.
      collection.deleteVectors(List.of(PointId.of(1)), List.of(""));
    }
    try (Collections collections = Collections.open(options)) {
      Collection collection = collections.get("c");
      assertThat(collection.count()).isEqualTo(2);
      assertThat(collection.removeVector("")).isTrue();
      assertThat(collection.removeVector("")).isFalse();
      assertThatThrownBy(() -> collection.removeVector("words"))
          .hasMessageContaining("only vector");
    }
    try (Collections collections = Collections.open(options)) {
      Collection collection = collections.get("c");
      assertThat(collection.state()).isEqualTo(CollectionState.READY);
      assertThat(collection.count()).isEqualTo(2);
      assertThat(
              collection.settings().vectors().stream()
                  .map(VectorSpec::name)
                  .collect(Collectors.toList()))
          .containsExactly("words");
    }
  }

  @Test
  void theVectorWithoutANameIsReplacedAlone() throws Exception {
    try (Collections collections = Collections.open(CollectionOptions.in(data));
        PointBuffer rows = PointBuffer.ofRows(8, 1)) {
      Collection collection = collections.create("c", CollectionSettings.of(SPECS));
      Random random = new Random(13);
      Map<String, PointVector> vectors = new HashMap<>();
      SPECS.forEach(spec -> vectors.put(spec.name(), vector(random, spec)));
      PointId id = PointId.of(1);
      collection.upsert(List.of(Point.of(id, vectors, "{\"a\":1}")));
      float[] other = floats(random, 8);
      rows.addVector(other);
      var _ = collection.updateVectors(List.of(id), rows.rows(), null);
      Point found = collection.retrieve(List.of(id), true).getFirst();
      assertThat(found.vectors().keySet()).isEqualTo(vectors.keySet());
      assertThat(found.payload()).isEqualTo("{\"a\":1}");
      assertClose(Objects.requireNonNull(found.dense("")), other);
    }
  }

  /** What adding a vector holds up must go on afterwards. */
  @Test
  void anIndexIsCompactedAfterAnotherVectorIsAdded() throws Exception {
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      Collection collection = collections.create("c", CollectionSettings.of(4, Metric.COSINE));
      Random random = new Random(12);
      List<Point> points = new ArrayList<>();
      for (int id = 0; id < 600; id++) {
        points.add(Point.of(PointId.of(id), floats(random, 4), null));
      }
      collection.upsert(points);
      collection.addVector(VectorSpec.sparse("words", false));
      int _ = collection.delete(points.subList(0, 580).stream().map(Point::id).toList());
      collection.awaitLinked();
      collection.compact();
      collection.checkpoint();
      assertThat(collection.stats().slots()).isLessThan(600);
      assertThat(collection.count()).isEqualTo(20);
    }
  }

  /** As a crash leaves it when the vector without a name was removed and its index was not yet. */
  @Test
  void whatIsLeftOfARemovedVectorDoesNotComeBack() throws Exception {
    CollectionOptions options = CollectionOptions.in(data);
    Path left = data.resolve("collections/c/index");
    Path kept = data.resolve("kept");
    try (Collections collections = Collections.open(options)) {
      Collection collection = collections.create("c", CollectionSettings.of(16, Metric.DOT));
      collection.upsert(List.of(Point.of(PointId.of(1), new float[16], null)));
      collection.addVector(VectorSpec.dense("x", 2, Metric.DOT));
      collection.checkpoint();
      TestFolders.copy(left, kept);
      assertThat(collection.removeVector("")).isTrue();
      TestFolders.copy(kept, left);
      collection.addVector(VectorSpec.dense("", 7, Metric.DOT)); // in the same process
      collection.upsert(List.of(Point.of(PointId.of(2), new float[7], null)));
      assertThat(collection.removeVector("")).isTrue();
    }
    TestFolders.copy(kept, left);
    try (Collections collections = Collections.open(options)) { // and in the next
      Collection collection = collections.get("c");
      assertThat(left).doesNotExist();
      collection.addVector(VectorSpec.dense("", 16, Metric.DOT));
      collection.upsert(List.of(Point.of(PointId.of(3), new float[16], null)));
      assertThat(collection.search(SearchRequest.of(new float[16], 9), true, true).points())
          .extracting(point -> point.id().number())
          .containsExactly(3L);
    }
    // One that was about to be added leaves an empty folder, and no named vectors.
    try (Collections collections = Collections.open(options)) {
      Collection plain = collections.create("plain", CollectionSettings.of(2, Metric.DOT));
      plain.upsert(List.of(Point.of(PointId.of(1), new float[] {1, 2}, null)));
    }
    Files.createDirectory(data.resolve("collections/plain/vectors"));
    assertThat(DataVerifier.verify(data, 1))
        .allSatisfy(finding -> assertThat(finding.problem()).isEmpty());
  }

  @Test
  void answersWithTooManyComponentsAreRefused() throws Exception {
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      Collection collection =
          collections.create("w", CollectionSettings.of(List.of(VectorSpec.sparse("w", false))));
      float[] weights = new float[60_000];
      int[] terms = java.util.stream.IntStream.range(0, weights.length).toArray();
      Map<String, PointVector> vectors = Map.of("w", new PointVector.Sparse(terms, weights));
      for (long id = 0; id < 40; id++) {
        collection.upsert(List.of(Point.of(PointId.of(id), vectors, null)));
      }
      assertThatThrownBy(() -> collection.scroll(null, null, 40, true))
          .isInstanceOf(CollectionException.class)
          .hasMessageContaining("ask for fewer points");
      assertThat(collection.scroll(null, null, 30, true).points()).hasSize(30);
    }
  }

  @Test
  void wrongVectorsAreRefusedBeforeAnythingIsWritten() throws Exception {
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      Collection collection = collections.create("c", CollectionSettings.of(SPECS));
      Random random = new Random(5);
      Point good = Point.of(PointId.of(1), vectors(random, SPECS), null);
      Map<String, PointVector> bad = new TreeMap<>();
      bad.put("none", new PointVector.Dense(new float[] {1}));
      bad.put("title", new PointVector.Dense(new float[] {1, 2}));
      bad.put("tokens", new PointVector.Dense(new float[6]));
      bad.put("words", new PointVector.Dense(new float[] {1}));
      bad.put("", new PointVector.Dense(new float[] {0, 0, 0, 0, 0, 0, 0, Float.NaN}));
      bad.forEach((name, vector) -> {
        Point wrong = Point.of(PointId.of(2), Map.of(name, vector), null);
        assertThatThrownBy(() -> collection.upsert(List.of(good, wrong)))
            .as(name)
            .isInstanceOfSatisfying(
                CollectionException.class,
                e -> assertThat(e.kind()).isEqualTo(CollectionException.Kind.INVALID));
        assertThat(collection.count()).isZero();
      });
      assertThatThrownBy(() ->
              collection.rankByVector(
                  "title", new PointVector.Dense(new float[3]), null, 1, 0, false))
          .hasMessageContaining("title");
    }
  }
}
