// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.JsonFilters;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.testing.ForSeeds;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What SQLite finds is what a plain look at each document finds, with and without indexes. */
@SuppressWarnings({"RefactorSwitch", "InlineFormatString"}) // one case below the other
class FilterTest {
  private static final int POINTS = 300;

  @TempDir private Path directory;

  @ForSeeds(20)
  void filtersAcceptWhatTheyShould(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    boolean texts = seed % 2 == 0;
    IdType type = texts ? IdType.UTF8 : IdType.INT64;
    CollectionSettings settings = new CollectionSettings(4, Metric.L2, null, null);
    try (AttributeStore store = AttributeStore.create(directory, settings)) {
      store.update(settings.withIdType(type));
      List<PointId> ids = new ArrayList<>();
      List<@Nullable JsonNode> documents = new ArrayList<>();
      List<@Nullable String> payloads = new ArrayList<>();
      for (int i = 0; i < POINTS; i++) {
        ids.add(texts ? PointId.of("p" + i) : PointId.of(i));
        JsonNode document = random.nextInt(10) == 0 ? null : document(random);
        documents.add(document);
        payloads.add(document == null ? null : document.toString());
      }
      store.put(ids.subList(0, 200), payloads.subList(0, 200));
      if (seed % 3 == 0) {
        store.indexes().create(Filter.FieldPath.parse("a"), "integer");
        store.indexes().create(Filter.FieldPath.parse("o.x"), "keyword");
      }
      store.put(ids.subList(150, POINTS), payloads.subList(150, POINTS));
      for (int round = 0; round < 40; round++) {
        Condition condition = condition(random, ids, 0);
        String json = "{\"must\":[" + condition.json() + "]}";
        Filter filter =
            java.util.Objects.requireNonNull(JsonFilters.parse(JsonBody.JSON.readTree(json)));
        List<String> expected =
            IntStream.range(0, POINTS)
                .filter(i -> condition.accepts().test(ids.get(i), documents.get(i)))
                .mapToObj(i -> ids.get(i).toString())
                .sorted()
                .toList();
        List<String> found =
            store.matching(filter, POINTS).stream()
                .map(PointId::toString)
                .sorted()
                .collect(Collectors.toList());
        assertThat(found).as(json).isEqualTo(expected);
        assertThat(store.count(filter)).isEqualTo(expected.size());
        Ids all = store.matching(filter);
        assertThat(IntStream.range(0, all.size()).mapToObj(all::describe).sorted().toList())
            .isEqualTo(expected);
      }
    }
  }

  private static JsonNode document(SplittableRandom random) {
    ObjectNode document = JsonBody.JSON.createObjectNode();
    if (random.nextInt(5) > 0) {
      document.set("a", value(random));
    }
    if (random.nextInt(3) > 0) {
      ArrayNode list = document.putArray("b");
      for (int i = random.nextInt(4); i > 0; i--) {
        list.add(value(random));
      }
    }
    if (random.nextInt(3) > 0) {
      document.putObject("o").set("x", value(random));
    }
    if (random.nextInt(3) > 0) {
      ArrayNode list = document.putArray("l");
      for (int i = random.nextInt(3); i > 0; i--) {
        ObjectNode element = list.addObject();
        element.set("x", value(random));
        element.set("y", value(random));
      }
    }
    return document;
  }

  private static JsonNode value(SplittableRandom random) {
    return switch (random.nextInt(5)) {
      case 0 -> JsonBody.JSON.getNodeFactory().booleanNode(random.nextBoolean());
      case 1 -> JsonBody.JSON.getNodeFactory().stringNode("t" + random.nextInt(4));
      case 2 -> JsonBody.JSON.getNodeFactory().numberNode(random.nextInt(6) / 2.0);
      case 3 -> JsonBody.JSON.nullNode();
      default -> JsonBody.JSON.getNodeFactory().numberNode(random.nextInt(4));
    };
  }

  /** Looks at a document. */
  @FunctionalInterface
  private interface Accepts {
    boolean test(PointId id, @Nullable JsonNode document);
  }

  private record Condition(String json, Accepts accepts) {}

  private static final List<String> FIELDS = List.of("a", "b", "o.x", "l[].x", "o", "never");

  /** The values of a field: those of a list one by one, none of an object. */
  private static List<JsonNode> values(@Nullable JsonNode document, String field) {
    List<JsonNode> found = new ArrayList<>();
    if (document == null) {
      return found;
    }
    JsonNode node =
        switch (field) {
          case "o.x" -> document.path("o").path("x");
          case "l[].x" -> document.path("l");
          default -> document.path(field);
        };
    if (field.equals("l[].x")) {
      node.forEach(element -> found.add(element.path("x")));
    } else if (node.isArray()) {
      node.forEach(found::add);
    } else if (!node.isMissingNode() && !node.isObject()) {
      found.add(node);
    }
    return found;
  }

  private static boolean same(JsonNode a, JsonNode b) {
    if (a.isNumber() && b.isNumber()) {
      return a.doubleValue() == b.doubleValue();
    }
    return a.equals(b);
  }

  private static Condition condition(SplittableRandom random, List<PointId> ids, int depth) {
    String field = FIELDS.get(random.nextInt(FIELDS.size()));
    switch (random.nextInt(depth > 2 ? 7 : 11)) {
      case 6 -> {
        Set<String> except = Set.of("t0", "t" + (1 + random.nextInt(3)));
        String list = except.stream().collect(Collectors.joining("\",\"", "\"", "\""));
        return new Condition(
            "{\"key\":\"%s\",\"match\":{\"except\":[%s]}}".formatted(field, list),
            (_, document) ->
                values(document, field).stream()
                    .anyMatch(v -> v.isString() && !except.contains(v.stringValue())));
      }
      case 0 -> {
        JsonNode wanted = nonNull(random);
        return new Condition(
            "{\"key\":\"%s\",\"match\":{\"value\":%s}}".formatted(field, wanted),
            (_, document) -> values(document, field).stream().anyMatch(v -> same(v, wanted)));
      }
      case 1 -> {
        double low = random.nextInt(4) - 0.5;
        return new Condition(
            "{\"key\":\"%s\",\"range\":{\"gte\":%s,\"lt\":3}}".formatted(field, low),
            (_, document) ->
                values(document, field).stream()
                    .anyMatch(v -> v.isNumber() && v.doubleValue() >= low && v.doubleValue() < 3));
      }
      case 2 -> {
        return new Condition(
            "{\"is_empty\":{\"key\":\"%s\"}}".formatted(field),
            (_, document) ->
                values(document, field).stream().allMatch(JsonNode::isNull)
                    && !(field.equals("o") && document != null && document.has("o")));
      }
      case 3 -> {
        int count = random.nextInt(3);
        return new Condition(
            "{\"key\":\"%s\",\"values_count\":{\"gt\":%d}}".formatted(field, count),
            (_, document) ->
                values(document, field).stream().filter(v -> !v.isNull()).count() > count);
      }
      case 4 -> {
        JsonNode one = nonNull(random);
        JsonNode other = nonNull(random);
        return new Condition(
            "{\"key\":\"%s\",\"match\":{\"any\":[%s,%s]}}".formatted(field, one, other),
            (_, document) ->
                values(document, field).stream().anyMatch(v -> same(v, one) || same(v, other)));
      }
      case 5 -> {
        PointId one = ids.get(random.nextInt(ids.size()));
        PointId other = ids.get(random.nextInt(ids.size()));
        return new Condition(
            "{\"has_id\":[%s,%s]}".formatted(json(one), json(other)),
            (id, _) -> id.equals(one) || id.equals(other));
      }
      case 7 -> {
        JsonNode wanted = nonNull(random);
        JsonNode other = nonNull(random);
        String both =
            "{\"must\":[{\"key\":\"x\",\"match\":{\"value\":%s}},"
                + "{\"key\":\"y\",\"match\":{\"value\":%s}}]}";
        return new Condition(
            "{\"nested\":{\"key\":\"l\",\"filter\":" + both.formatted(wanted, other) + "}}",
            (_, document) -> {
              if (document == null) {
                return false;
              }
              for (JsonNode element : document.path("l")) {
                if (same(element.path("x"), wanted) && same(element.path("y"), other)) {
                  return true;
                }
              }
              return false;
            });
      }
      case 8 -> {
        Condition one = condition(random, ids, depth + 1);
        Condition other = condition(random, ids, depth + 1);
        return new Condition(
            "{\"should\":[%s,%s]}".formatted(one.json(), other.json()),
            (id, document) ->
                one.accepts().test(id, document) || other.accepts().test(id, document));
      }
      case 9 -> {
        List<Condition> all =
            List.of(
                condition(random, ids, depth + 1),
                condition(random, ids, depth + 1),
                condition(random, ids, depth + 1));
        return new Condition(
            all.stream()
                .map(Condition::json)
                .collect(
                    Collectors.joining(
                        ",", "{\"min_should\":{\"min_count\":2,\"conditions\":[", "]}}")),
            (id, document) ->
                all.stream().filter(one -> one.accepts().test(id, document)).count() >= 2);
      }
      default -> {
        Condition one = condition(random, ids, depth + 1);
        Condition other = condition(random, ids, depth + 1);
        return new Condition(
            "{\"must_not\":[%s],\"min_should\":{\"min_count\":1,\"conditions\":[%s]}}"
                .formatted(one.json(), other.json()),
            (id, document) ->
                !one.accepts().test(id, document) && other.accepts().test(id, document));
      }
    }
  }

  private static JsonNode nonNull(SplittableRandom random) {
    JsonNode value = value(random);
    return value.isNull() ? nonNull(random) : value;
  }

  private static String json(PointId id) {
    return id.text() == null ? Long.toString(id.number()) : "\"" + id + "\"";
  }
}
