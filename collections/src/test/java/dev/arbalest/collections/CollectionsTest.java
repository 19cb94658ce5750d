// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.JsonFilters;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Collections as a program uses them that embeds them. */
class CollectionsTest {
  private static final int DIMENSION = 16;

  @TempDir private Path data;

  private static float[] vector(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] vector = new float[DIMENSION];
    for (int i = 0; i < DIMENSION; i++) {
      vector[i] = (float) random.nextDouble(-1, 1);
    }
    return vector;
  }

  private static Point point(int number) {
    String payload = "{\"language\":\"" + (number % 2 == 0 ? "en" : "de") + "\"}";
    return Point.of(PointId.of("document-" + number), vector(number), payload);
  }

  private static List<Point> points(int count) {
    List<Point> points = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      points.add(point(i));
    }
    return points;
  }

  @Test
  void pointsAreFoundByVectorAndFilterAlsoAfterReopening() throws IOException {
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      Collection documents =
          collections.create("documents", CollectionSettings.of(DIMENSION, Metric.COSINE));
      documents.upsert(points(500));
      documents.indexField(Filter.FieldPath.parse("language"), "keyword");
      requireFound(documents);
    }
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      Collection documents = collections.get("documents");
      assertThat(documents.count()).isEqualTo(500);
      requireFound(documents);
      assertThat(documents.delete(List.of(PointId.of("document-7")))).isEqualTo(1);
      assertThat(documents.retrieve(List.of(PointId.of("document-7")), false)).isEmpty();
      assertThat(documents.count()).isEqualTo(499);
    }
  }

  private static void requireFound(Collection documents) {
    SearchRequest request = SearchRequest.of(vector(7), 5);
    List<Point> nearest = documents.search(request, true, false).points();
    assertThat(nearest.getFirst().id()).isEqualTo(PointId.of("document-7"));
    assertThat(nearest.getFirst().payload()).isEqualTo("{\"language\":\"de\"}");
    Filter english =
        JsonFilters.parse("{\"must\":[{\"key\":\"language\",\"match\":{\"value\":\"en\"}}]}");
    assertThat(documents.search(request.withFilter(english), true, false).points())
        .hasSize(5)
        .allSatisfy(point -> assertThat(point.payload()).isEqualTo("{\"language\":\"en\"}"));
    assertThat(documents.count(english)).isEqualTo(250);
  }

  @Test
  void pointsThatCannotBeKeptAreNamedAndNothingIsWritten() throws IOException {
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      Collection documents =
          collections.create("documents", CollectionSettings.of(DIMENSION, Metric.COSINE));
      List<Point> points = points(10);
      points.add(Point.of(PointId.of("short"), new float[] {1, 2}, null));
      assertThatThrownBy(() -> documents.upsert(points))
          .isInstanceOf(CollectionException.class)
          .hasMessage("point short: expected a vector of 16 components, found 2");
      points.set(10, Point.of(PointId.of("zero"), new float[DIMENSION], null));
      assertThatThrownBy(() -> documents.upsert(points))
          .isInstanceOf(CollectionException.class)
          .hasMessageContaining("point zero: ");
      points.set(10, new Point(PointId.of("none"), null, null, 0));
      assertThatThrownBy(() -> documents.upsert(points)).hasMessage("point none has no vector");
      for (String payload :
          List.of("", " ", "{} x", "{\"a\":NaN}", "[1]", "5", "{\"a\":\"\\ud800\"}")) {
        points.set(10, Point.of(PointId.of("bad"), vector(1), payload));
        assertThatThrownBy(() -> documents.upsert(points))
            .as(payload)
            .isInstanceOf(CollectionException.class)
            .hasMessageContaining("point bad: its payload ");
      }
      points.set(10, Point.of(PointId.of("\udc00"), vector(1), null));
      assertThatThrownBy(() -> documents.upsert(points)).hasMessageContaining("half a surrogate");
      for (String kind : List.of("foo", "text {")) {
        assertThatThrownBy(() -> documents.indexField(Filter.FieldPath.parse("a"), kind))
            .isInstanceOf(CollectionException.class);
      }
      assertThatThrownBy(() -> documents.rankByText(null, "x", null, -1))
          .isInstanceOf(CollectionException.class);
      points.set(10, Point.of(PointId.of(""), vector(1), null));
      assertThatThrownBy(() -> documents.upsert(points)).hasMessageContaining("bytes, found 0");
      assertThat(documents.count()).isZero();
      documents.upsert(List.of());
      documents.upsert(points(3));
      documents.upsert(points(5));
      assertThat(documents.count()).isEqualTo(5);
    }
  }

  @Test
  void batchesLargerThanTheBufferAreWrittenWhole() throws IOException {
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      int dimension = 4096; // 512 points a batch
      Collection wide = collections.create("wide", CollectionSettings.of(dimension, Metric.L2));
      List<Point> points = new ArrayList<>();
      for (int i = 0; i < 1030; i++) {
        float[] vector = new float[dimension];
        vector[i] = 1;
        points.add(Point.of(PointId.of(i), vector, null));
      }
      wide.upsert(points);
      assertThat(wide.count()).isEqualTo(1030);
      assertThat(wide.retrieve(List.of(PointId.of(1029)), true).getFirst().vector())
          .isEqualTo(points.get(1029).vector());
    }
  }

  @Test
  void aDirectoryBelongsToOneAtATime() throws IOException {
    try (Collections _ = Collections.open(CollectionOptions.in(data))) {
      assertThatThrownBy(
              () -> {
                try (Collections second = Collections.open(CollectionOptions.in(data))) {
                  second.list();
                }
              })
          .isInstanceOf(IOException.class)
          .hasMessageContaining("is used by another process");
    }
  }

  @Test
  void closedCollectionsSaySo() throws IOException {
    Collection documents;
    Collections closed;
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      closed = collections;
      documents = collections.create("documents", CollectionSettings.of(DIMENSION, Metric.DOT));
      documents.upsert(points(3));
    }
    assertThatThrownBy(() -> documents.search(SearchRequest.of(vector(1), 1), true, false))
        .isInstanceOf(CollectionException.class)
        .hasMessageContaining("closed");
    assertThatThrownBy(() -> closed.create("late", CollectionSettings.of(2, Metric.L2)))
        .isInstanceOf(CollectionException.class)
        .hasMessageContaining("are closed");
    assertThatThrownBy(() -> documents.upsert(points(1)))
        .isInstanceOf(CollectionException.class)
        .hasMessageContaining("closed");
  }
}
