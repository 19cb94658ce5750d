// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.server.TestServer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** What the verbs do with filters, on fields with and without an index. */
class FilterVerbsTest {
  private static final String PATH = "/collections/things";
  private static final int POINTS = 500;

  @TempDir private Path data;

  private static JsonNode done(TestServer server, String method, String path, String body)
      throws Exception {
    TestServer.Answer answer = server.call(method, path, body);
    assertThat(answer.status()).as("%s %s: %s", method, path, answer.body()).isEqualTo(200);
    return answer.body();
  }

  private static void fill(TestServer server) throws Exception {
    JsonNode _ = done(server, "PUT", PATH, "{\"vectors\":{\"size\":2,\"distance\":\"Euclid\"}}");
    String points =
        IntStream.range(0, POINTS)
            .mapToObj(i ->
                String.format(
                    Locale.ROOT,
                    "{\"id\":%d,\"vector\":[%d,0],"
                        + "\"payload\":{\"n\":%d,\"word\":\"w%d\",\"half\":%.1f,\"other\":%d}}",
                    i,
                    i,
                    i,
                    i % 7,
                    i % 4 / 2.0,
                    i % 5))
            .collect(Collectors.joining(",", "{\"points\":[", "]}"));
    JsonNode _ = done(server, "PUT", PATH + "/points", points);
  }

  private static void index(TestServer server, String field, String kind) throws Exception {
    JsonNode _ =
        done(
            server,
            "PUT",
            PATH + "/index",
            "{\"field_name\":\"%s\",\"field_schema\":\"%s\"}".formatted(field, kind));
  }

  private static String equal(String field, String value) {
    return "{\"key\":\"" + field + "\",\"match\":{\"value\":" + value + "}}";
  }

  private static String must(String... conditions) {
    return "{\"must\":[" + String.join(",", conditions) + "]}";
  }

  private static List<Integer> ids(JsonNode points) {
    List<Integer> ids = new ArrayList<>();
    points.forEach(point -> ids.add(point.path("id").asInt()));
    return ids;
  }

  private static List<Integer> expected(IntPredicate accepts) {
    return IntStream.range(0, POINTS).filter(accepts).boxed().toList();
  }

  /** Ids of a filter's points, page by page. */
  private static List<Integer> scrolled(TestServer server, String filter, int limit)
      throws Exception {
    List<Integer> found = new ArrayList<>();
    String offset = "";
    do {
      JsonNode page =
          done(
                  server,
                  "POST",
                  PATH + "/points/scroll",
                  "{\"limit\":" + limit + offset + ",\"filter\":" + filter + "}")
              .path("result");
      found.addAll(ids(page.path("points")));
      JsonNode next = page.path("next_page_offset");
      offset = next.isNull() ? "" : ",\"offset\":" + next;
    } while (!offset.isEmpty());
    return found;
  }

  @Test
  void indexedAndOtherFieldsGiveTheSame() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      fill(server);
      String word = equal("word", "\"w3\"");
      String other = equal("other", "2");
      String large = "{\"key\":\"n\",\"range\":{\"gte\":100,\"lt\":420.5}}";
      String few = "{\"key\":\"n\",\"range\":{\"gte\":495}}";
      for (boolean isIndexed : new boolean[] {false, true}) {
        if (isIndexed) {
          index(server, "word", "keyword");
          index(server, "n", "integer");
          index(server, "half", "float");
          JsonNode fields = done(server, "GET", PATH, "").path("result").path("payload_schema");
          assertThat(fields.size()).isEqualTo(3);
          for (JsonNode field : fields) {
            assertThat(field.path("points").asInt()).isEqualTo(POINTS);
            assertThat(field.path("memory_bytes").asLong()).isPositive();
            assertThat(field.path("problem").asString()).isEmpty();
          }
        }
        String source = isIndexed ? "columns" : "database";
        check(server, must(word), i -> i % 7 == 3, source);
        check(server, must(word, large), i -> i % 7 == 3 && i >= 100 && i < 421, source);
        check(server, must(few), i -> i >= 495, source);
        check(server, must(equal("half", "0.5")), i -> i % 4 == 1, source);
        check(server, must(equal("half", "1")), i -> i % 4 == 2, source);
        check(server, must(other), i -> i % 5 == 2, "database");
        check(
            server,
            must(word, other),
            i -> i % 7 == 3 && i % 5 == 2,
            isIndexed ? "columns and database" : "database");
        check(
            server,
            "{\"must_not\":[" + word + "," + large + "]}",
            i -> i % 7 != 3 && (i < 100 || i >= 421),
            source);
        check(server, must(equal("word", "\"none\"")), _ -> false, source);
      }
    }
  }

  private static void check(TestServer server, String filter, IntPredicate accepts, String source)
      throws Exception {
    List<Integer> expected = expected(accepts);
    String body = "{\"filter\":" + filter + "}";
    JsonNode count = done(server, "POST", PATH + "/points/count", body).path("result");
    assertThat(count.path("count").asInt()).as(filter).isEqualTo(expected.size());
    assertThat(scrolled(server, filter, 13)).as(filter).isEqualTo(expected);
    assertThat(scrolled(server, filter, 1000)).as(filter).isEqualTo(expected);
    JsonNode answer =
        done(
            server,
            "POST",
            PATH + "/points/search",
            "{\"vector\":[0,0],\"limit\":5,\"explain\":true,\"filter\":" + filter + "}");
    assertThat(ids(answer.path("result"))).isEqualTo(expected.stream().limit(5).toList());
    JsonNode explanation = answer.path("explanation");
    assertThat(explanation.path("filter").path("source").asString()).isEqualTo(source);
    assertThat(explanation.path("filter").path("points").asInt()).isEqualTo(expected.size());
    assertThat(explanation.path("plan").asString()).startsWith("set_");
    assertThat(explanation.path("list").asInt()).isPositive();
  }

  @Test
  void pointsOfAFilterAreChangedAndDeleted() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      fill(server);
      index(server, "word", "keyword");
      String filter = must(equal("word", "\"w3\""));
      JsonNode _ =
          done(
              server,
              "POST",
              PATH + "/points/payload",
              "{\"payload\":{\"word\":\"changed\"},\"filter\":" + filter + "}");
      assertThat(scrolled(server, filter, 100)).isEmpty();
      String changed = must(equal("word", "\"changed\""));
      assertThat(scrolled(server, changed, 100)).isEqualTo(expected(i -> i % 7 == 3));
      JsonNode _ = done(server, "POST", PATH + "/points/delete", "{\"filter\":" + changed + "}");
      assertThat(scrolled(server, changed, 100)).isEmpty();
      assertThat(scrolled(server, must(), 100)).isEqualTo(expected(i -> i % 7 != 3));
    }
  }

  @Test
  void valuesAreCounted() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      fill(server);
      TestServer.Answer refused = server.call("POST", PATH + "/facet", "{\"key\":\"word\"}");
      assertThat(refused.status()).isEqualTo(400);
      assertThat(refused.error()).contains("\"word\" has no index");
      index(server, "word", "keyword");
      index(server, "half", "float");
      JsonNode hits =
          done(server, "POST", PATH + "/facet", "{\"key\":\"word\",\"limit\":3}")
              .path("result")
              .path("hits");
      assertThat(hits.toString())
          .isEqualTo(
              "[{\"value\":\"w0\",\"count\":72},{\"value\":\"w1\",\"count\":72},"
                  + "{\"value\":\"w2\",\"count\":72}]");
      String filter = must(equal("word", "\"w6\""), equal("other", "2"));
      hits =
          done(server, "POST", PATH + "/facet", "{\"key\":\"half\",\"filter\":" + filter + "}")
              .path("result")
              .path("hits");
      int total = 0;
      for (JsonNode hit : hits) {
        total += hit.path("count").asInt();
        int[] quarter = {(int) (2 * hit.path("value").asDouble())};
        assertThat(hit.path("count").asInt())
            .isEqualTo(expected(i -> i % 7 == 6 && i % 5 == 2 && i % 4 == quarter[0]).size());
      }
      assertThat(total).isEqualTo(expected(i -> i % 7 == 6 && i % 5 == 2).size());
    }
  }

  @Test
  void strictServersRefuseFieldsWithoutAnIndex() throws Exception {
    try (TestServer server = TestServer.start(data, options -> options.strictFilters(true))) {
      fill(server);
      index(server, "word", "keyword");
      String word = equal("word", "\"w3\"");
      JsonNode _ =
          done(
              server,
              "PUT",
              "/collections/bare",
              "{\"vectors\":{\"size\":2,\"distance\":\"Dot\"}}");
      String bare = "/collections/bare/points/search";
      String search = "{\"vector\":[0,0],\"explain\":true,\"filter\":";
      assertThat(server.call("POST", bare, search + must(word) + "}").status()).isEqualTo(400);
      JsonNode nothing = done(server, "POST", bare, search + must() + "}");
      assertThat(nothing.path("result").isEmpty()).isTrue();
      assertThat(nothing.path("explanation").path("filter").path("points").asInt(-1)).isZero();
      String nested = must(word, "{\"should\":[" + word + "," + equal("other", "2") + "]}");
      for (String request :
          List.of(
              "points/count {\"filter\":%s}",
              "points/scroll {\"filter\":%s}",
              "points/delete {\"filter\":%s}",
              "points/payload {\"payload\":{\"a\":1},\"filter\":%s}",
              "points/search {\"vector\":[1,0],\"filter\":%s}")) {
        String[] parts = request.split(" ", 2);
        TestServer.Answer answer =
            server.call("POST", PATH + "/" + parts[0], parts[1].formatted(nested));
        assertThat(answer.status()).as(request).isEqualTo(400);
        assertThat(answer.error()).contains("\"other\" has no index", "--strict-filters");
      }
      String list = "{\"nested\":{\"key\":\"word\",\"filter\":" + must(word) + "}}";
      TestServer.Answer answer =
          server.call("POST", PATH + "/points/count", "{\"filter\":" + must(list) + "}");
      assertThat(answer.status()).isEqualTo(400);
      assertThat(answer.error()).contains("nested", "--strict-filters");
      check(server, must(word), i -> i % 7 == 3, "columns");
      index(server, "other", "integer");
      check(server, nested, i -> i % 7 == 3, "columns");
    }
  }

  @Test
  void requestsThatMeanNothingAreRefused() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      fill(server);
      for (String kind : List.of("nonsense", "")) {
        TestServer.Answer answer =
            server.call(
                "PUT", PATH + "/index", "{\"field_name\":\"x\",\"field_schema\":\"" + kind + "\"}");
        assertThat(answer.status()).as(kind).isEqualTo(400);
        assertThat(answer.error()).contains("keyword", "\"" + kind + "\"");
      }
      for (String bound : List.of("not a date", "13/02/2023", "2023-13-01", "")) {
        String range = "{\"key\":\"n\",\"range\":{\"gte\":\"" + bound + "\"}}";
        TestServer.Answer answer =
            server.call("POST", PATH + "/points/count", "{\"filter\":" + must(range) + "}");
        assertThat(answer.status()).as(bound).isEqualTo(400);
        assertThat(answer.error()).contains("gte", "\"" + bound + "\"");
      }
      for (String body : List.of("{}", "{\"ids\":[1,2]}", "{\"points\":null}")) {
        assertThat(server.call("POST", PATH + "/points/delete", body).status()).isEqualTo(400);
      }
      TestServer.Answer answer =
          server.call("POST", PATH + "/points/payload", "{\"payload\":{\"a\":1},\"ids\":[1]}");
      assertThat(answer.status()).isEqualTo(400);
      assertThat(answer.error()).contains("\"ids\"", "points", "filter");
      JsonNode count = done(server, "POST", PATH + "/points/count", "{}").path("result");
      assertThat(count.path("count").asInt()).isEqualTo(POINTS);
    }
  }
}
