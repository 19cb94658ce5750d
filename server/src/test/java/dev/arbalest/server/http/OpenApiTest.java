// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.server.TestServer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** The document that describes the HTTP interface, and that the server keeps to it. */
@SuppressWarnings("MustBeClosedChecker") // closed after each test
class OpenApiTest {
  private static final String NONE = "no_such_field";

  /** Deep enough for each object once; stages and filters may be in one another for ever. */
  private static final int MAX_DEPTH = 5;

  private static final String PLACE = "{\"lon\":0,\"lat\":0}";

  /** What must stand beside a member for its own members to be looked at. */
  private static final Map<String, String> BESIDE =
      Map.of(
          "mmr",
          "\"nearest\":1,",
          "vectors/multivector_config",
          "\"size\":2,",
          "nested/filter",
          "\"key\":\"k\",",
          "geo_bounding_box/bottom_right",
          "\"top_left\":" + PLACE + ",",
          "geo_polygon/interiors",
          "\"exterior\":{\"points\":[%s,%s,%s,%s]},".formatted(PLACE, PLACE, PLACE, PLACE));

  /** Conditions that need the key of a field beside them. */
  private static final String ON_FIELDS = "match|range|datetime_range|values_count|geo_.*";

  @TempDir private Path data;
  private TestServer server;

  @BeforeEach
  void start() throws Exception {
    server = TestServer.start(data);
  }

  @AfterEach
  void stop() throws Exception {
    server.close();
  }

  private static void assertComplete(String where, Object node) {
    assertThat(node).as(where).isNotNull();
    if (node instanceof Map<?, ?> map) {
      map.forEach((key, value) -> {
        assertThat(key.toString()).as(where).doesNotContain(" ").isNotBlank();
        assertComplete(where + "." + key, value);
      });
    } else if (node instanceof List<?> list) {
      for (int i = 0; i < list.size(); i++) {
        assertComplete(where + "." + i, list.get(i));
      }
    }
  }

  private static Map<?, ?> map(@Nullable Object node) {
    return (Map<?, ?>) Objects.requireNonNull(node);
  }

  private Map<?, ?> document() throws Exception {
    TestServer.Answer answer = server.call("GET", "/openapi.yaml", "");
    return map(new Yaml(new SafeConstructor(new LoaderOptions())).load(answer.body().asString()));
  }

  /** What a node or the node it refers to says. */
  private static Map<?, ?> resolved(Map<?, ?> document, Map<?, ?> node) {
    Object reference = node.get("$ref");
    Map<?, ?> found = node;
    if (reference != null) {
      found = document;
      for (String step : reference.toString().substring(2).split("/", -1)) {
        found = map(found.get(step));
      }
    }
    return found;
  }

  /** All objects with a fixed set of fields in a body. */
  private static void collect(
      Map<?, ?> document,
      Map<?, ?> node,
      String pointer,
      int depth,
      List<String> found,
      Map<String, Set<String>> fields) {
    Map<?, ?> schema = resolved(document, node);
    if (depth > MAX_DEPTH) {
      return;
    }
    if (Boolean.FALSE.equals(schema.get("additionalProperties"))) {
      found.add(pointer);
      fields.put(pointer, strings(map(schema.get("properties")).keySet()));
    }
    for (String several : List.of("oneOf", "anyOf")) {
      if (schema.get(several) instanceof List<?> choices) {
        choices.forEach(
            choice -> collect(document, map(choice), pointer, depth + 1, found, fields));
      }
    }
    if (schema.get("items") instanceof Map<?, ?> items) {
      collect(document, items, pointer + "/-", depth + 1, found, fields);
    }
    if (schema.get("properties") instanceof Map<?, ?> properties) {
      properties.forEach((name, property) -> {
        if (property instanceof Map<?, ?> below) {
          collect(document, below, pointer + "/" + name, depth + 1, found, fields);
        }
      });
    }
  }

  /** A body that has one field at a place, and otherwise only what leads there. */
  private static String body(String url, String pointer, String field) {
    StringBuilder open = new StringBuilder();
    StringBuilder close = new StringBuilder();
    String before = "";
    for (String step : pointer.split("/", -1)) {
      if (step.equals("-")) {
        open.append('[');
        close.insert(0, ']');
      } else if (!step.isEmpty()) {
        boolean isStage =
            url.contains("/recommend") && open.toString().matches("|\\{.searches.:\\[");
        String beside =
            isStage && !step.equals("searches")
                ? "\"positive\":[1],"
                : step.matches(ON_FIELDS)
                    ? "\"key\":\"k\","
                    : BESIDE.getOrDefault(step, BESIDE.getOrDefault(before + "/" + step, ""));
        open.append('{').append(beside).append('"').append(step).append("\":");
        close.insert(0, '}');
      }
      before = step;
    }
    return open + "{\"" + field + "\":{\"x\":1}}" + close;
  }

  @Test
  void everyFieldIsServedOrRefusedWithAReason() throws Exception {
    TestServer.Answer made =
        server.call("PUT", "/collections/things", "{\"vectors\":{\"size\":2}}");
    assertThat(made.status()).isEqualTo(200);
    String points = "{\"points\":[{\"id\":1,\"vector\":[1,2]}]}";
    assertThat(server.call("PUT", "/collections/things/points", points).status()).isEqualTo(200);
    Map<?, ?> document = document();
    Map<String, Integer> tried = new HashMap<>();
    for (Map.Entry<?, ?> path : map(document.get("paths")).entrySet()) {
      for (Map.Entry<?, ?> entry : map(path.getValue()).entrySet()) {
        if (!(entry.getValue() instanceof Map<?, ?> operation)
            || !(operation.get("requestBody") instanceof Map<?, ?> request)) {
          continue;
        }
        Map<?, ?> schema =
            map(map(map(request.get("content")).get("application/json")).get("schema"));
        List<String> places = new ArrayList<>();
        Map<String, Set<String>> fields = new HashMap<>();
        collect(document, schema, "", 0, places, fields);
        assertThat(places).as(path.getKey() + " has no fixed fields").isNotEmpty();
        boolean makes = path.getKey().equals("/collections/{name}") && entry.getKey().equals("put");
        String url =
            path.getKey()
                .toString()
                .replace("{name}", makes ? "new" : "things")
                .replace("{vector}", "more");
        String verb = entry.getKey().toString().toUpperCase(Locale.ROOT);
        for (String place : new TreeSet<>(places)) {
          String where = verb + " " + url + " " + place;
          TestServer.Answer unknown = server.call(verb, url, body(url, place, NONE));
          assertThat(unknown.status()).as(where + ": " + unknown.body()).isEqualTo(400);
          assertThat(unknown.error()).as(where).contains(NONE);
          for (String field : Objects.requireNonNull(fields.get(place))) {
            TestServer.Answer known = server.call(verb, url, body(url, place, field));
            assertThat(known.status()).as(where + " " + field).isLessThan(502).isNotEqualTo(500);
            assertThat(known.error())
                .as(where)
                .doesNotContain("no field \"" + field + '"')
                .doesNotContain("found \"" + field + '"');
            tried.merge(url, 1, Integer::sum);
          }
        }
      }
    }
    assertThat(tried.size()).isEqualTo(27);
  }

  @Test
  void theDocumentDescribesWhatThereIs() throws Exception {
    Map<?, ?> document = document();
    assertComplete("document", document);
    Set<String> operations = Set.of("get", "put", "post", "delete", "patch");
    Set<String> ofOperations =
        Set.of("summary", "description", "parameters", "requestBody", "responses", "security");
    int seen = 0;
    for (Map.Entry<?, ?> path : map(document.get("paths")).entrySet()) {
      for (Map.Entry<?, ?> entry : map(path.getValue()).entrySet()) {
        if (entry.getKey().equals("parameters")) {
          continue;
        }
        String verb = entry.getKey().toString();
        assertThat(operations).contains(verb);
        assertThat(ofOperations).containsAll(strings(map(entry.getValue()).keySet()));
        Map<?, ?> responses = map(map(entry.getValue()).get("responses"));
        assertThat(strings(responses.keySet())).isNotEmpty().allMatch(s -> s.matches("[0-9]{3}"));
        String url =
            path.getKey()
                .toString()
                .replace("{name}", "none")
                .replaceAll("[{](id|field|snapshot|vector)[}]", "7");
        TestServer.Answer tried = server.call(verb.toUpperCase(Locale.ROOT), url, "{}");
        assertThat(tried.error()).as(verb + " " + url).doesNotContain("no operation");
        assertThat(strings(responses.keySet())).as(url).contains(Integer.toString(tried.status()));
        seen++;
      }
    }
    // As many as HttpApi has: whoever adds one adds it there, too.
    assertThat(seen).isEqualTo(77);
    for (String reference : references(document, new ArrayList<>())) {
      Object node = document;
      for (String step : reference.substring(2).split("/", -1)) {
        node = map(Objects.requireNonNull(node)).get(step);
      }
      assertThat(node).as(reference).isNotNull();
    }
  }

  private static Set<String> strings(Set<?> keys) {
    return keys.stream().map(Object::toString).collect(Collectors.toSet());
  }

  private static List<String> references(Object node, List<String> found) {
    if (node instanceof Map<?, ?> map) {
      map.forEach((key, value) -> {
        if (key.equals("$ref")) {
          found.add(value.toString());
        }
        List<String> _ = references(value, found);
      });
    } else if (node instanceof List<?> list) {
      list.forEach(element -> {
        List<String> _ = references(element, found);
      });
    }
    return found;
  }
}
