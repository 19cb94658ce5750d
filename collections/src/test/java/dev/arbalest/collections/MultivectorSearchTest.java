// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.vector.Metric;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Searches of multivectors. */
class MultivectorSearchTest {
  @TempDir private Path data;

  /** Many parts of one point must not keep others out, nor those that no part of a query found. */
  @Test
  void multivectorsOfManyPartsDoNotCrowdOthersOut() throws Exception {
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      Collection collection =
          collections.create(
              "crowd", CollectionSettings.of(List.of(VectorSpec.multi("m", 4, Metric.DOT))));
      Random random = new Random(8);
      List<Point> points = new ArrayList<>();
      for (int id = 0; id < 700; id++) {
        List<float[]> parts = new ArrayList<>();
        for (int part = 0; part < (id == 0 ? 600 : 1); part++) {
          float[] vector = {.9f, .9f, .9f, .9f};
          for (int i = 0; i < vector.length && id == 0; i++) {
            vector[i] = 1 + random.nextFloat() / 10;
          }
          parts.add(vector);
        }
        points.add(Point.of(PointId.of(id), Map.of("m", new PointVector.Multi(parts)), null));
      }
      collection.upsert(points);
      PointVector query = new PointVector.Dense(new float[] {1, 1, 1, 1});
      assertThat(collection.rankByVector("m", query, null, 20, 0, false)).hasSize(20);
      assertThat(collection.rankByVector("m", query, null, 20, 0, true)).hasSize(20);
      Filter some =
          new Filter.HasId(List.of(PointId.of(0), PointId.of(5), PointId.of(6), PointId.of(999)));
      assertThat(collection.rankByVector("m", query, some, 20, 0, false)).hasSize(3);
      List<float[]> equal = java.util.Collections.nCopies(4096, NamedVectorsTest.floats(random, 4));
      Map<String, PointVector> padded = Map.of("m", new PointVector.Multi(equal));
      collection.upsert(List.of(Point.of(PointId.of(7), padded, null)));
      Point stored = collection.retrieve(List.of(PointId.of(7)), true).getFirst();
      NamedVectorsTest.assertSame(
          NamedVectorsTest.known(stored.vectors(), "m"), NamedVectorsTest.known(padded, "m"));
    }
  }

  /** As padding makes them. */
  @Test
  void partsThatAllPointsHaveAreNoDamage() throws Exception {
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      Collection collection =
          collections.create(
              "padded", CollectionSettings.of(List.of(VectorSpec.multi("m", 16, Metric.DOT))));
      Random random = new Random(11);
      float[] padding = NamedVectorsTest.floats(random, 16);
      List<Point> points = new ArrayList<>();
      for (int id = 0; id < 100; id++) {
        PointVector multi =
            new PointVector.Multi(
                List.of(
                    padding,
                    NamedVectorsTest.floats(random, 16),
                    padding,
                    NamedVectorsTest.floats(random, 16)));
        points.add(Point.of(PointId.of(id), Map.of("m", multi), null));
      }
      collection.upsert(points);
      PointVector query = new PointVector.Dense(padding);
      assertThat(collection.rankByVector("m", query, null, 600, 0, false)).hasSize(100);
    }
    assertThat(DataVerifier.verify(data, 1))
        .allSatisfy(finding -> assertThat(finding.problem()).isEmpty());
  }

  @Test
  void randomMultivectorsAreFound() throws Exception {
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      Collection collection =
          collections.create(
              "random", CollectionSettings.of(List.of(VectorSpec.multi("m", 16, Metric.COSINE))));
      Random random = new Random(9);
      Map<Long, PointVector.Multi> all = new HashMap<>();
      List<Point> points = new ArrayList<>();
      for (long id = 0; id < 1500; id++) {
        PointVector.Multi multi =
            new PointVector.Multi(
                java.util.stream.IntStream.range(0, 8)
                    .mapToObj(_ -> NamedVectorsTest.floats(random, 16))
                    .toList());
        all.put(id, multi);
        points.add(Point.of(PointId.of(id), Map.of("m", multi), null));
      }
      collection.upsert(points);
      int found = 0;
      for (int i = 0; i < 20; i++) {
        PointVector.Multi query =
            new PointVector.Multi(
                java.util.stream.IntStream.range(0, 6)
                    .mapToObj(_ -> NamedVectorsTest.floats(random, 16))
                    .toList());
        List<Long> best =
            all.entrySet().stream()
                .sorted(
                    Comparator.comparingDouble(
                        one -> -NamedVectorsTest.maxSim(Metric.COSINE, query, one.getValue())))
                .limit(10)
                .map(Map.Entry::getKey)
                .toList();
        found +=
            (int)
                collection.rankByVector("m", query, null, 10, 0, false).stream()
                    .filter(one -> best.contains(one.id().number()))
                    .count();
      }
      System.out.printf("recall@10 of random multivectors: %.3f%n", found / 200.0);
      assertThat(found).isGreaterThan(180);
    }
  }

  /** A search sees the old vectors of a point or the new ones, never none. */
  @Test
  void pointsDoNotVanishWhileTheyAreReplaced() throws Exception {
    try (Collections collections = Collections.open(CollectionOptions.in(data))) {
      Collection collection =
          collections.create("busy", CollectionSettings.of(NamedVectorsTest.SPECS));
      Random random = new Random(10);
      List<Point> points = new ArrayList<>();
      for (long id = 0; id < 600; id++) {
        Map<String, PointVector> vectors = new HashMap<>();
        NamedVectorsTest.SPECS.forEach(
            spec -> vectors.put(spec.name(), NamedVectorsTest.vector(random, spec)));
        vectors.put("words", new PointVector.Sparse(new int[] {3}, new float[] {1}));
        points.add(Point.of(PointId.of(id), vectors, null));
      }
      collection.upsert(points);
      java.util.concurrent.atomic.AtomicBoolean stop =
          new java.util.concurrent.atomic.AtomicBoolean();
      Thread writer =
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; !stop.get(); i += 20) {
                  collection.upsert(points.subList(i % 600, i % 600 + 20));
                }
              });
      try {
        PointVector one = NamedVectorsTest.vector(new Random(1), NamedVectorsTest.SPECS.get(2));
        PointVector word = new PointVector.Sparse(new int[] {3}, new float[] {1});
        for (int i = 0; i < 40; i++) {
          assertThat(collection.rankByVector("tokens", one, null, 600, 0, false)).hasSize(600);
          assertThat(collection.rankByVector("words", word, null, 600, 0, false)).hasSize(600);
          assertThat(collection.scroll(null, null, 600, VectorSelector.ALL).points())
              .hasSize(600)
              .allSatisfy(point -> assertThat(point.vectors()).hasSize(4));
        }
      } finally {
        stop.set(true);
        writer.join();
      }
    }
  }
}
