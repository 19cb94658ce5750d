// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.PointId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Filtered searches beside a model, while points and their attributes change. */
class FilteredSearchTest {
  private static final int POINTS = 400;
  private static final int K = 7;
  private static final Filter.FieldPath VERSION = Filter.FieldPath.parse("version");

  @TempDir private Path data;

  /** A filter and the versions that it accepts. */
  private record Known(Filter filter, IntPredicate accepts) {}

  private static List<Known> filters() {
    List<Known> filters = new ArrayList<>();
    for (int version = 0; version < 6; version++) {
      int wanted = version;
      Filter equal = new Filter.Compare(VERSION, Filter.Operator.EQUAL, (long) version);
      filters.add(new Known(equal, v -> v == wanted));
      filters.add(new Known(new Filter.Not(equal), v -> v != wanted));
      Filter atLeast =
          new Filter.Compare(VERSION, Filter.Operator.GREATER_OR_EQUAL, (long) version);
      filters.add(new Known(atLeast, v -> v >= wanted));
    }
    // A field without an index.
    Filter name = new Filter.Compare(Filter.FieldPath.parse("name"), Filter.Operator.CONTAINS, "p");
    filters.add(new Known(name, _ -> true));
    // So many values that no id can be asked for beside them.
    List<Object> values = new ArrayList<>(List.of(2L));
    for (long value = 1000; values.size() < 29_990; value++) {
      values.add(value);
    }
    filters.add(new Known(new Filter.NoneOf(VERSION, List.copyOf(values)), v -> v != 2));
    return filters;
  }

  @Test
  void searchesFollowEveryChange() throws IOException {
    Path directory = Files.createDirectories(data.resolve("collections").resolve("things"));
    try (CollectionStates states = new CollectionStates(data, false);
        Collection collection = states.create(directory)) {
      SplittableRandom random = new SplittableRandom(11);
      Map<Long, Integer> vectors = new TreeMap<>(); // by id the version of the vector
      Map<Long, Integer> versions = new TreeMap<>(); // by id the version its attributes tell
      List<Known> filters = filters();
      for (int step = 0; step < 60; step++) {
        change(collection, random, vectors, versions);
        for (int i = 0; i < 5; i++) {
          Known known = filters.get(random.nextInt(filters.size()));
          check(collection, random, vectors, versions, known);
        }
      }
      assertThat(versions).hasSizeGreaterThan(20);
    }
  }

  private static void change(
      Collection collection,
      SplittableRandom random,
      Map<Long, Integer> vectors,
      Map<Long, Integer> versions) {
    int version = random.nextInt(6);
    long[] ids = random.longs(1 + random.nextInt(80), 0, POINTS).distinct().toArray();
    switch (random.nextInt(6)) {
      case 0 -> {
        CollectionStates.delete(collection, ids);
        for (long id : ids) {
          vectors.remove(id);
          versions.remove(id);
        }
      }
      case 1 -> {
        List<PointId> points = java.util.Arrays.stream(ids).mapToObj(PointId::of).toList();
        collection.changePayloads(points, _ -> payload(version));
        for (long id : ids) {
          versions.computeIfPresent(id, (_, _) -> version);
        }
      }
      case 2 -> {
        int from = random.nextInt(6);
        Filter filter = new Filter.Compare(VERSION, Filter.Operator.EQUAL, (long) from);
        collection.changePayloads(filter, _ -> payload(version));
        versions.replaceAll((_, old) -> old == from ? version : old);
      }
      case 3 -> collection.compact();
      default -> {
        CollectionStates.put(collection, ids, version);
        for (long id : ids) {
          vectors.put(id, version);
          versions.put(id, version);
        }
      }
    }
  }

  private static String payload(int version) {
    return "{\"version\":" + version + ",\"name\":\"point\"}";
  }

  private static void check(
      Collection collection,
      SplittableRandom random,
      Map<Long, Integer> vectors,
      Map<Long, Integer> versions,
      Known known) {
    float[] query = new float[CollectionStates.DIMENSION];
    query[0] = random.nextInt(POINTS);
    query[1] = 0.25f; // no two distances are equal
    query[0] += 0.1f;
    SearchAnswer answer =
        collection.search(
            new SearchRequest("", query, K, known.filter(), 0, 0, 0, 0, true), true, false);
    List<String> expected =
        versions.entrySet().stream()
            .filter(entry -> known.accepts().test(entry.getValue()))
            .map(Map.Entry::getKey)
            .sorted(
                java.util.Comparator.comparingDouble(
                    id -> distance(query, id, java.util.Objects.requireNonNull(vectors.get(id)))))
            .limit(K)
            .map(id -> Long.toString(id))
            .toList();
    assertThat(answer.points().stream().map(point -> point.id().toString()).toList())
        .as("%s", known.filter())
        .isEqualTo(expected);
  }

  private static double distance(float[] query, long id, int version) {
    double x = query[0] - id;
    double y = query[1] - version;
    return x * x + y * y;
  }
}
