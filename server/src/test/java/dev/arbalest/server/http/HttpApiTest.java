// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.collections.CollectionState;
import dev.arbalest.server.TestServer;
import java.net.http.HttpRequest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Every verb over real sockets, and every bad request with its status. */
class HttpApiTest {
  private static final int DIMENSION = 16;

  @TempDir private Path data;

  private static float[] vector(int seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] vector = new float[DIMENSION];
    for (int i = 0; i < DIMENSION; i++) {
      vector[i] = (float) random.nextGaussian();
    }
    return vector;
  }

  private static String json(float[] vector) {
    return IntStream.range(0, vector.length)
        .mapToObj(i -> Float.toString(vector[i]))
        .collect(Collectors.joining(",", "[", "]"));
  }

  private static String points(int from, int to) {
    return IntStream.range(from, to)
        .mapToObj(i ->
            "{\"id\":%d,\"vector\":%s,\"payload\":{\"n\":%d,\"even\":%b}}"
                .formatted(i, json(vector(i)), i, i % 2 == 0))
        .collect(Collectors.joining(",", "{\"points\":[", "]}"));
  }

  private static void create(TestServer server, String name, String distance) throws Exception {
    TestServer.Answer answer =
        server.call(
            "PUT",
            "/collections/" + name,
            "{\"vectors\":{\"size\":%d,\"distance\":\"%s\"}}".formatted(DIMENSION, distance));
    assertThat(answer.status()).isEqualTo(200);
  }

  @Test
  void pointsAreFoundExactlyAfterARestart() throws Exception {
    for (int run = 0; run < 2; run++) {
      try (TestServer server = TestServer.start(data)) {
        if (run == 0) {
          create(server, "things", "Euclid");
          TestServer.Answer answer =
              server.call("PUT", "/collections/things/points", points(0, 500));
          assertThat(answer.status()).isEqualTo(200);
          answer =
              server.call(
                  "POST",
                  "/collections/things/points/delete",
                  "{\"points\":[0,1,2,3,4,5,6,7,8,9,1000]}");
          assertThat(answer.result().path("deleted").asInt()).isEqualTo(10);
        }
        assertThat(
                server
                    .call("POST", "/collections/things/points/count", "")
                    .result()
                    .path("count")
                    .asInt())
            .isEqualTo(490);
        for (int query = 600; query < 620; query++) {
          assertNearest(server, vector(query), false);
          assertNearest(server, vector(query), true);
        }
      }
    }
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
    }
    return Math.sqrt(sum);
  }

  private static void assertNearest(TestServer server, float[] query, boolean binary)
      throws Exception {
    List<Integer> expected = new ArrayList<>(IntStream.range(10, 500).boxed().toList());
    expected.sort(java.util.Comparator.comparingDouble(i -> distance(vector(i), query)));
    TestServer.Answer answer;
    if (binary) {
      ByteBuffer bytes = ByteBuffer.allocate(4 * DIMENSION).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asFloatBuffer().put(query);
      answer =
          server.send(
              "POST",
              "/collections/things/points/search?limit=5&list=500",
              HttpRequest.BodyPublishers.ofByteArray(bytes.array()),
              "Content-Type",
              "application/octet-stream");
    } else {
      answer =
          server.call(
              "POST",
              "/collections/things/points/search",
              "{\"vector\":%s,\"limit\":5,\"params\":{\"hnsw_ef\":500}}".formatted(json(query)));
    }
    assertThat(answer.status()).as(answer.error()).isEqualTo(200);
    List<Integer> found = new ArrayList<>();
    for (JsonNode hit : answer.result()) {
      found.add(hit.path("id").asInt());
      assertThat(hit.path("score").asDouble())
          .isCloseTo(distance(vector(hit.path("id").asInt()), query), within(1e-3));
    }
    assertThat(found).isEqualTo(expected.subList(0, 5));
  }

  @Test
  void badRequestsAreRefusedAndChangeNothing() throws Exception {
    try (TestServer server = TestServer.start(data, options -> options.requestBytes(1 << 20))) {
      create(server, "things", "Cosine");
      assertThat(server.call("PUT", "/collections/things/points", points(0, 5)).status())
          .isEqualTo(200);
      String path = "/collections/things";
      String good = json(vector(7));
      Object[][] cases = {
        {"PUT", path, "{\"vectors\":{\"size\":16,\"distance\":\"Cosine\"}}", 409, "already exists"},
        {"PUT", "/collections/x", "{\"vectors\":{\"size\":0}}", 400, "dimension must be in"},
        {
          "PUT", "/collections/x", "{\"vectors\":{\"a\":{\"size\":0}}}", 400, "dimension must be in"
        },
        {"PUT", "/collections/x", "{\"vectors\":{\"a\":4}}", 400, "vector \"a\" is an object"},
        {"PUT", "/collections/x", "{\"vectors\":{}}", 400, "a collection needs"},
        {"PUT", "/collections/x", "{}", 400, "a collection needs"},
        {
          "PUT",
          "/collections/x",
          "{\"vectors\":{\"size\":4,\"distance\":\"Manhattan\"}}",
          400,
          "Cosine, Dot or Euclid"
        },
        {"PUT", "/collections/%00", "{\"vectors\":{\"size\":4}}", 400, "control characters"},
        {
          "PUT",
          path + "/points",
          "{\"points\":[{\"id\":1,\"vector\":[1,2]}]}",
          400,
          "dimension mismatch: expected 16, got 2"
        },
        {
          "PUT",
          path + "/points",
          "{\"points\":[{\"id\":9,\"vector\":%s},{\"id\":8,\"vector\":%s}]}"
              .formatted(good, good.replaceFirst("\\[", "[1,")),
          400,
          "dimension mismatch"
        },
        {
          "PUT",
          path + "/points",
          "{\"points\":[{\"id\":9,\"vector\":%s},{\"id\":8,\"vector\":%s}]}"
              .formatted(good, json(new float[DIMENSION])),
          400,
          "norm 0"
        },
        {
          "PUT",
          path + "/points",
          "{\"points\":[{\"id\":9,\"vector\":%s}]}"
              .formatted(good.replaceFirst("\\[[^,]*", "[1e39")),
          400,
          "Infinity"
        },
        {
          "PUT",
          path + "/points",
          "{\"points\":[{\"id\":9,\"vector\":%s}]}"
              .formatted(good.replaceFirst("\\[[^,]*", "[NaN")),
          400,
          ""
        },
        {
          "PUT",
          path + "/points",
          "{\"points\":[{\"id\":\"text\",\"vector\":%s}]}".formatted(good),
          400,
          "ids are numbers"
        },
        {
          "PUT",
          path + "/points",
          "{\"points\":[{\"id\":1.5,\"vector\":%s}]}".formatted(good),
          400,
          "an id is an integer"
        },
        {
          "PUT",
          path + "/points",
          "{\"points\":[{\"id\":1,\"vector\":{\"a\":%s}}]}".formatted(good),
          400,
          "one vector, without a name"
        },
        {
          "PUT",
          path + "/points",
          "{\"points\":[{\"id\":1,\"vector\":%s,\"payload\":5}]}".formatted(good),
          400,
          "a payload is an object"
        },
        {"PUT", path + "/points", "{\"points\":", 400, "no JSON"},
        {"PUT", path + "/points", "[]", 400, "START_OBJECT"},
        {"PUT", path + "/points", "{}", 400, "points"},
        {"PUT", path + "/points", "x".repeat(1 << 21), 413, "at most 1048576 bytes"},
        {
          "POST",
          path + "/points/search",
          "{\"vector\":[1,2],\"limit\":3}",
          400,
          "dimension mismatch: expected 16, got 2"
        },
        {"POST", path + "/points/search", "{\"limit\":3}", 400, "no query vector provided"},
        {
          "POST",
          path + "/points/search",
          "{\"vector\":%s,\"limit\":0}".formatted(good),
          400,
          "limit must be"
        },
        {
          "POST",
          path + "/points/search",
          "{\"vector\":%s,\"filter\":{\"muss\":[]}}".formatted(good),
          400,
          "must, should"
        },
        {
          "POST",
          path + "/points/search",
          "{\"vector\":%s,\"filter\":{\"must\":[{\"key\":\"a\\\"b\",\"match\":{\"value\":1}}]}}"
              .formatted(good),
          400,
          "no name of a field"
        },
        {
          "POST",
          path + "/points/search",
          "{\"vector\":%s,\"filter\":{\"must\":[{\"key\":\"a\",\"geo_radius\":{}}]}}"
              .formatted(good),
          400,
          "lon must be a number"
        },
        {"POST", path + "/points/search", "{\"vector\":[\"a\"]}", 400, "array of numbers"},
        {
          "POST",
          path + "/points/search",
          "{\"vector\":%s,\"params\":{\"recall\":1.9}}".formatted(good),
          400,
          "recall must be a number"
        },
        {"POST", path + "/points/query", "{\"query\":77}", 404, "point 77"},
        {
          "POST",
          "/collections/none/points/search",
          "{\"vector\":[1]}",
          404,
          "collection none not found"
        },
        {"GET", "/collections/none", "", 404, "collection none not found"},
        {"GET", path + "/points/77", "", 404, "point 77"},
        {"GET", "/nothing", "", 404, "no operation"},
        {"PATCH", path, "{\"nonsense\":1}", 400, "nonsense"},
        {"GET", path + "/snapshots", "", 501, "not supported"},
        {"POST", path + "/points/scroll", "{\"limit\":100000}", 400, "limit must be"},
      };
      for (Object[] one : cases) {
        TestServer.Answer answer = server.call((String) one[0], (String) one[1], (String) one[2]);
        assertThat(answer.status())
            .as("%s %s %.100s: %s", one[0], one[1], one[2], answer.body())
            .isEqualTo(one[3]);
        assertThat(answer.error()).contains((String) one[4]);
      }
      assertThat(server.call("POST", path + "/points/count", "").result().path("count").asInt())
          .isEqualTo(5);
      assertThat(server.server().collections().get("things").state())
          .isEqualTo(CollectionState.READY);
    }
  }

  @Test
  void longFiltersAreEvaluatedOrRefusedAndNoFault() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      create(server, "things", "Euclid");
      assertThat(server.call("PUT", "/collections/things/points", points(0, 50)).status())
          .isEqualTo(200);
      for (int size : new int[] {10, 2000, 100_000}) {
        String any =
            IntStream.range(0, size).mapToObj(i -> "x" + i).collect(Collectors.joining("\",\""));
        TestServer.Answer answer =
            server.call(
                "POST",
                "/collections/things/points/count",
                "{\"filter\":{\"should\":[{\"key\":\"n\",\"match\":{\"value\":7}},"
                    + "{\"key\":\"n\",\"match\":{\"any\":[\""
                    + any
                    + "\"]}}]}}");
        assertThat(answer.status()).as(answer.error()).isEqualTo(size < 10_000 ? 200 : 400);
        assertThat(answer.result().path("count").asInt(1)).isEqualTo(1);
      }
      assertThat(server.call("GET", "/metrics", "").body().asString())
          .contains("arbalest_faults_total{collection=\"things\"} 0.0");
    }
  }

  @Test
  void namesLeadNowhereElse() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      // As one part of a path each is a name like others.
      Map<String, Integer> statuses =
          Map.of(
              "..%2F..%2Fescape", 200,
              "%2Fetc%2Fx", 200,
              "a%2Fb", 200,
              ".hidden", 200,
              "..", 200,
              "a%00b", 400,
              "../x", 404);
      for (Map.Entry<String, Integer> one : statuses.entrySet()) {
        TestServer.Answer answer =
            server.call(
                "PUT",
                "/collections/" + one.getKey(),
                "{\"vectors\":{\"size\":4,\"distance\":\"Dot\"}}");
        assertThat(answer.status()).as(one.getKey()).isEqualTo(one.getValue());
      }
      try (var directories = Files.list(data.resolve("collections"))) {
        assertThat(directories.map(path -> path.getFileName().toString()))
            .allMatch(name -> name.matches("[A-Za-z0-9_%-][A-Za-z0-9_%.-]*"))
            .contains("%2E.%2F..%2Fescape", "a%2Fb");
      }
      assertThat(Files.exists(data.resolveSibling("escape"))).isFalse();
    }
  }

  @Test
  void tellsItsState() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      create(server, "things", "Dot");
      TestServer.Answer answer = server.call("PUT", "/collections/things/points", points(0, 50));
      assertThat(answer.status()).isEqualTo(200);
      answer =
          server.call(
              "POST",
              "/collections/things/points/search",
              "{\"vector\":%s}".formatted(json(vector(3))));
      assertThat(answer.result().size()).isEqualTo(10);
      assertThat(server.call("GET", "/healthz", "").status()).isEqualTo(200);
      assertThat(server.call("GET", "/readyz", "").body().path("status").asString())
          .isEqualTo("READY");
      String metrics = server.call("GET", "/metrics", "").body().asString();
      assertThat(metrics)
          .contains("arbalest_search_seconds_count{collection=\"things\"} 1")
          .contains("arbalest_points{collection=\"things\"} 50.0")
          .contains("arbalest_inserted_points_total{collection=\"things\"} 50.0")
          .contains("arbalest_quarantined{collection=\"things\"} 0.0");
      JsonNode status = server.call("GET", "/status.json", "").body();
      assertThat(status.path("collections").get(0).path("points").asInt()).isEqualTo(50);
      assertThat(server.call("GET", "/status", "").body().asString()).contains("<svg");
      assertThat(server.call("GET", "/openapi.yaml", "").body().asString())
          .contains("/collections/{name}/points/search");
      assertThat(server.call("GET", "/debug/jfr", "").status()).isEqualTo(501);
    }
    try (TestServer server = TestServer.start(data, options -> options.jfr(true))) {
      TestServer.Answer answer = server.call("GET", "/debug/jfr?seconds=5", "");
      assertThat(answer.status()).isEqualTo(200);
      assertThat(answer.body().asString()).startsWith("FLR");
    }
  }
}
