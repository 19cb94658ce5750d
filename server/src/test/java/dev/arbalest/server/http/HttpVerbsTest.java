// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.server.TestServer;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Every verb over HTTP, and the document that describes them. */
class HttpVerbsTest {
  private static final String PATH = "/collections/things";
  @TempDir private Path data;
  private TestServer server;

  @BeforeEach
  @SuppressWarnings("MustBeClosedChecker") // closed after each test
  void start() throws Exception {
    server = TestServer.start(data, options -> options.bodySeconds(1).requestBytes(1 << 20));
    done("PUT", PATH, "{\"vectors\":{\"size\":2,\"distance\":\"Euclid\"}}");
    done(
        "PUT",
        PATH + "/points",
        IntStream.range(0, 40)
            .mapToObj(i ->
                "{\"id\":%d,\"vector\":[%d,0],\"payload\":{\"n\":%d,\"t\":\"x%d\"}}"
                    .formatted(i, i, i, i % 4))
            .collect(Collectors.joining(",", "{\"points\":[", "]}")));
  }

  @AfterEach
  void stop() throws Exception {
    server.close();
  }

  private JsonNode done(String method, String path, String body) throws Exception {
    TestServer.Answer answer = server.call(method, path, body);
    assertThat(answer.status()).as("%s %s: %s", method, path, answer.body()).isEqualTo(200);
    return answer.result();
  }

  private void refused(int status, String message, String method, String path, String body)
      throws Exception {
    TestServer.Answer answer = server.call(method, path, body);
    assertThat(answer.status()).as("%s %s: %s", method, path, answer.body()).isEqualTo(status);
    assertThat(answer.error()).contains(message);
  }

  private JsonNode payload(int id) throws Exception {
    return done("GET", PATH + "/points/" + id, "").path("payload");
  }

  private static List<Integer> ids(JsonNode hits) {
    List<Integer> ids = new ArrayList<>();
    hits.forEach(hit -> ids.add(hit.path("id").asInt()));
    return ids;
  }

  @Test
  void whatCannotBeKeptAsItIsIsRefused() throws Exception {
    String search = PATH + "/points/search";
    for (String limit : List.of("18446744073709551621", "4294967301", "2147483648", "1.5", "-1")) {
      refused(400, "limit", "POST", search, "{\"vector\":[1,0],\"limit\":" + limit + "}");
    }
    for (String list : List.of("18446744073709551621", "1.5", "\"x\"")) {
      String parameters = ",\"params\":{\"hnsw_ef\":" + list + "}}";
      refused(400, "hnsw_ef", "POST", search, "{\"vector\":[1,0],\"limit\":1" + parameters);
    }
    String point = "{\"points\":[{\"id\":77,\"vector\":[1,0],\"payload\":{\"a\":%s}}]}";
    for (String value : List.of("1e999", "-1e999", "\"\\ud83d\"", "[\"\\ude00\\ud83d\"]")) {
      refused(400, "", "PUT", PATH + "/points", point.formatted(value));
    }
    byte[] latin = point.formatted("\"caf\u00e9\"").getBytes(StandardCharsets.ISO_8859_1);
    TestServer.Answer answer =
        server.send(
            "PUT", PATH + "/points", java.net.http.HttpRequest.BodyPublishers.ofByteArray(latin));
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.error()).contains("UTF-8");
    assertThat(server.call("GET", "/collections/%ff%fe", "").status()).isEqualTo(400);
    done("PUT", PATH + "/points", point.formatted("\"caf\u00e9 \\ud83d\\ude00 \\\\ud83d\""));
    assertThat(done("GET", PATH + "/points/77", "").path("payload").path("a").stringValue())
        .isEqualTo("caf\u00e9 \ud83d\ude00 \\ud83d");
  }

  @Test
  void headAnswersAsGetWithoutTheBody() throws Exception {
    for (String path : List.of("/healthz", "/metrics", PATH, "/collections/none")) {
      TestServer.Answer get = server.call("GET", path, "");
      TestServer.Answer head = server.call("HEAD", path, "");
      assertThat(head.status()).as(path).isEqualTo(get.status());
      assertThat(head.headers().firstValue("content-type"))
          .isEqualTo(get.headers().firstValue("content-type"));
      assertThat(head.headers().firstValueAsLong("content-length")).isPresent();
    }
  }

  @Test
  void payloadsAreSetReplacedAndRemoved() throws Exception {
    String payload = PATH + "/points/payload";
    done("POST", payload, "{\"points\":[1],\"payload\":{\"m\":7}}");
    assertThat(payload(1).toString()).isEqualTo("{\"n\":1,\"t\":\"x1\",\"m\":7}");
    done("PUT", payload, "{\"points\":[1],\"payload\":{\"m\":8}}");
    assertThat(payload(1).toString()).isEqualTo("{\"m\":8}");
    done("POST", payload + "/delete", "{\"points\":[2],\"keys\":[\"t\",\"none\"]}");
    assertThat(payload(2).toString()).isEqualTo("{\"n\":2}");
    done("POST", payload + "/clear", "{\"points\":[3]}");
    assertThat(payload(3).isEmpty()).isTrue();
    String which = "\"filter\":{\"must\":[{\"key\":\"t\",\"match\":{\"value\":\"x0\"}}]}";
    done("POST", payload, "{" + which + ",\"payload\":{\"hit\":true}}");
    assertThat(payload(36).path("hit").asBoolean(false)).isTrue();
    assertThat(payload(37).has("hit")).isFalse();
    refused(400, "payload", "POST", payload, "{\"points\":[1]}");
    done("POST", payload, "{\"points\":[5],\"payload\":{\"c\":1},\"key\":\"a.b\"}");
    done("POST", payload, "{\"points\":[5],\"payload\":{\"d\":2},\"key\":\"a.b\"}");
    assertThat(payload(5).path("a").toString()).isEqualTo("{\"b\":{\"c\":1,\"d\":2}}");
    done("POST", payload + "/delete", "{\"points\":[5],\"keys\":[\"a.b.c\",\"n\"]}");
    assertThat(payload(5).toString()).isEqualTo("{\"t\":\"x1\",\"a\":{\"b\":{\"d\":2}}}");
    done("PUT", payload, "{\"points\":[5],\"payload\":{\"e\":3},\"key\":\"a.b\"}");
    assertThat(payload(5).path("a").toString()).isEqualTo("{\"b\":{\"e\":3}}");
    refused(400, "no path", "POST", payload + "/delete", "{\"points\":[1],\"keys\":[\"a..b\"]}");
    refused(400, "\"keys\"", "POST", payload + "/delete", "{\"points\":[1]}");
    // A filter over a collection that never had a point changes none, and is no fault.
    done("PUT", "/collections/bare", "{\"vectors\":{\"size\":2,\"distance\":\"Dot\"}}");
    done("POST", "/collections/bare/points/payload", "{" + which + ",\"payload\":{\"a\":1}}");
    done("POST", "/collections/bare/points/delete", "{" + which + "}");
    done("POST", PATH + "/points/delete", "{" + which + "}");
    assertThat(done("POST", PATH + "/points/count", "{}").path("count").asInt()).isEqualTo(30);
  }

  @Test
  void searchesTakeEveryForm() throws Exception {
    String search = PATH + "/points/search";
    String query = PATH + "/points/query";
    assertThat(ids(done("POST", search, "{\"vector\":[7.2,0],\"limit\":3}")))
        .containsExactly(7, 8, 6);
    assertThat(ids(done("POST", search, "{\"vector\":[7.2,0],\"limit\":2,\"offset\":1}")))
        .containsExactly(8, 6);
    assertThat(
            ids(done("POST", search, "{\"vector\":[7.2,0],\"limit\":9,\"score_threshold\":0.9}")))
        .containsExactly(7, 8);
    for (String by : List.of("7", "[7,0]", "{\"nearest\":7}", "{\"nearest\":[7,0]}")) {
      JsonNode points =
          done("POST", query, "{\"query\":%s,\"limit\":3}".formatted(by)).path("points");
      List<Integer> expected = by.contains("[") ? List.of(7, 6, 8) : List.of(6, 8, 5);
      assertThat(ids(points)).as(by).hasSize(3).contains(expected.get(0), expected.get(1));
    }
    JsonNode batch =
        done(
            "POST",
            search + "/batch",
            "{\"searches\":[{\"vector\":[1,0],\"limit\":1},{\"vector\":[9,0],\"limit\":1}]}");
    assertThat(ids(batch.get(0))).containsExactly(1);
    assertThat(ids(batch.get(1))).containsExactly(9);
    batch =
        done(
            "POST",
            query + "/batch",
            "{\"searches\":[{\"query\":[5,0],\"limit\":1,\"with_payload\":[\"n\"],\"with_vector\":true}]}");
    JsonNode point = batch.get(0).path("points").get(0);
    assertThat(point.path("payload").toString()).isEqualTo("{\"n\":5}");
    assertThat(point.path("vector").get(0).asDouble(0)).isEqualTo(5);
    point =
        done("POST", query, "{\"query\":[5,0],\"limit\":1,\"with_payload\":{\"exclude\":[\"n\"]}}")
            .path("points")
            .get(0);
    assertThat(point.path("payload").toString()).isEqualTo("{\"t\":\"x1\"}");
    refused(400, "without a name", "POST", query, "{\"query\":[5,0],\"using\":\"name\"}");
    refused(
        400,
        "vectors",
        "POST",
        PATH + "/points/search/batch",
        "{\"searches\":[{\"vector\":[1,0],\"limit\":1,\"offset\":9999,\"with_vector\":true}]}");
    String except =
        IntStream.range(0, 2000).mapToObj(Integer::toString).collect(Collectors.joining(","));
    JsonNode none =
        done(
            "POST",
            PATH + "/points/count",
            "{\"filter\":{\"must\":[{\"key\":\"n\",\"match\":{\"except\":[" + except + "]}}]}}");
    assertThat(none.path("count").asInt(-1)).isZero();
    refused(400, "order_by", "POST", PATH + "/points/scroll", "{\"order_by\":\"n\"}");
    refused(400, "START_OBJECT", "POST", search + "/batch", "{\"searches\":[0,[]]}");
    refused(
        400,
        "hits",
        "POST",
        search + "/batch",
        IntStream.range(0, 11)
            .mapToObj(_ -> "{\"vector\":[1,0],\"limit\":10000}")
            .collect(Collectors.joining(",", "{\"searches\":[", "]}")));
    refused(400, "NaN or infinite", "POST", search, "{\"vector\":[1e39,0]}");
    TestServer.Answer answer =
        server.call(
            "POST", search + "?exact=1", "12345678", "Content-Type", "application/octet-stream");
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.error()).contains("exact must be true or false");
  }

  @Test
  void bytesAreUpserted() throws Exception {
    // Two components of 0x31323334 and the like: whatever they are, they are finite.
    String[] type = {"Content-Type", "application/octet-stream"};
    String points = PATH + "/points";
    TestServer.Answer numbered =
        server.call("PUT", points + "?first_id=7000", "1234567843214321", type[0], type[1]);
    assertThat(numbered.result().path("points").asInt(-1))
        .as(numbered.body().toString())
        .isEqualTo(2);
    TestServer.Answer named =
        server.call("PUT", points + "?ids=true", "A\0\0\0\0\0\0\00012345678", type[0], type[1]);
    assertThat(named.result().path("points").asInt(-1)).isEqualTo(1);
    JsonNode found = done("POST", points, "{\"ids\":[65,7000,7001],\"with_vector\":true}");
    assertThat(found.size()).isEqualTo(3);
    assertThat(found.get(0).path("vector")).isEqualTo(found.get(1).path("vector"));
    assertThat(found.get(0).path("vector").get(0).floatValue())
        .isEqualTo(Float.intBitsToFloat(0x34333231));
    for (String bad :
        List.of("", "?first_id=7&ids=true", "?first_id=x", "?first_id=-1", "?ids=perhaps")) {
      TestServer.Answer refused = server.call("PUT", points + bad, "12345678", type[0], type[1]);
      assertThat(refused.status()).as(bad).isEqualTo(400);
    }
    TestServer.Answer uneven =
        server.call("PUT", points + "?first_id=7", "123456789", type[0], type[1]);
    assertThat(uneven.error()).contains("9 bytes, which are no points of 8 each");
  }

  @Test
  void filtersReachPointsFarFromTheQuery() throws Exception {
    done(
        "PUT",
        PATH + "/points",
        IntStream.range(100, 6000)
            .mapToObj(i ->
                "{\"id\":%d,\"vector\":[%d,1],\"payload\":{\"far\":%b}}".formatted(i, i, i >= 1000))
            .collect(Collectors.joining(",", "{\"points\":[", "]}")));
    JsonNode found =
        done(
            "POST",
            PATH + "/points/search",
            "{\"vector\":[0,0],\"limit\":20,\"params\":{\"list\":20},"
                + "\"filter\":{\"must\":[{\"key\":\"far\",\"match\":{\"value\":true}}]}}");
    assertThat(ids(found)).isEqualTo(IntStream.range(1000, 1020).boxed().toList());
  }

  @Test
  @SuppressWarnings("MustBeClosedChecker") // closed after the test
  void collectionsAreDescribedInEveryState() throws Exception {
    assertThat(done("GET", PATH + "/exists", "").path("exists").asBoolean(false)).isTrue();
    done("PUT", PATH + "/index", "{\"field_name\":\"n\",\"field_schema\":\"integer\"}");
    JsonNode described = done("GET", PATH, "");
    assertThat(described.path("status").asString()).isEqualTo("green");
    assertThat(described.path("payload_schema").path("n").path("data_type").asString())
        .isEqualTo("integer");
    done("DELETE", PATH + "/index/n", "");
    assertThat(done("GET", PATH, "").path("payload_schema").isEmpty()).isTrue();
    for (String what : List.of("checkpoint", "compact")) {
      assertThat(done("POST", PATH + "/" + what, "").asBoolean(false)).isTrue();
    }
    assertThat(done("POST", PATH + "/reopen?repair=true", "").path("ready").asBoolean(false))
        .isTrue();
    refused(400, "repair must be", "POST", PATH + "/reopen?repair=yes", "");
    server.close();
    Path manifest = data.resolve("collections/things/index/manifest.json");
    Files.move(manifest, data.resolve("kept.json"));
    server = TestServer.start(data);
    assertThat(done("POST", PATH + "/reopen", "").path("ready").asBoolean(true)).isFalse();
    JsonNode red = done("GET", PATH, "");
    assertThat(red.path("status").asString()).isEqualTo("red");
    assertThat(red.path("optimizer_status").path("error").asString()).contains("no index");
    // Members Qdrant's own schema requires:
    for (JsonNode one : List.of(described, red)) {
      assertThat(one.propertyNames())
          .contains("status", "optimizer_status", "segments_count", "config", "payload_schema");
      JsonNode config = one.path("config");
      assertThat(config.path("hnsw_config").propertyNames())
          .contains("m", "ef_construct", "full_scan_threshold");
      assertThat(config.path("optimizer_config").propertyNames())
          .contains(
              "deleted_threshold",
              "vacuum_min_vector_number",
              "default_segment_number",
              "flush_interval_sec");
      assertThat(config.path("wal_config").propertyNames())
          .contains("wal_capacity_mb", "wal_segments_ahead");
    }
    assertThat(server.call("GET", "/metrics", "").body().asString())
        .contains("arbalest_quarantined{collection=\"things\"} 1.0")
        .containsPattern("arbalest_quarantine_info\\{collection=\"things\",reason=\".*no index");
    Files.move(data.resolve("kept.json"), manifest);
    assertThat(done("POST", PATH + "/reopen", "").path("ready").asBoolean(false)).isTrue();
    assertThat(done("POST", PATH + "/points/count", "").path("count").asInt()).isEqualTo(40);
  }

  @Test
  void idsOfAnyLengthAreFound() throws Exception {
    done("PUT", "/collections/long", "{\"vectors\":{\"size\":2,\"distance\":\"Dot\"}}");
    done(
        "PUT",
        "/collections/long/points",
        "{\"points\":[{\"id\":1750000000000000000,\"vector\":[1,0]}]}");
    assertThat(done("GET", "/collections/long/points/1750000000000000000", "").path("id").asLong())
        .isEqualTo(1_750_000_000_000_000_000L);
    refused(
        400,
        "ids are numbers",
        "PUT",
        "/collections/long/points",
        "{\"points\":[{\"id\":5,\"vector\":[1,0]},{\"id\":\"b9f0\",\"vector\":[1,0]}]}");
    assertThat(done("POST", "/collections/long/points/count", "").path("count").asInt())
        .isEqualTo(1);
    refused(
        400,
        "64 bits",
        "PUT",
        "/collections/long/points",
        "{\"points\":[{\"id\":1.5,\"vector\":[1,0]}]}");
    refused(400, "ids are numbers", "GET", "/collections/long/points/99999999999999999999", "");
  }

  @Test
  void requestIdsAreKeptAndNames() throws Exception {
    TestServer.Answer answer = server.call("GET", "/collections", "", "x-request-id", "mine-7");
    assertThat(answer.headers().firstValue("x-request-id")).contains("mine-7");
    answer = server.call("GET", "/collections", "", "x-request-id", "<script>");
    assertThat(answer.headers().firstValue("x-request-id").orElse("")).matches("[0-9a-f-]{36}");
  }

  /** A request whose body is announced to be longer than what is sent of it. */
  private static byte[] upsertThatBegins(String body) {
    return ("PUT "
            + PATH
            + "/points HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + "Content-Length: 500000\r\n\r\n"
            + body)
        .getBytes(StandardCharsets.US_ASCII);
  }

  /** A byte at a time, until there is an answer. */
  @Test
  void bodiesThatComeTooSlowlyAreRefused() throws Exception {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.server().httpPort())) {
      OutputStream out = socket.getOutputStream();
      out.write(upsertThatBegins("{"));
      InputStream in = socket.getInputStream();
      for (int i = 0; i < 600 && in.available() == 0; i++) {
        out.write(' ');
        out.flush();
        Thread.sleep(50);
      }
      byte[] start = in.readNBytes(12);
      assertThat(new String(start, StandardCharsets.US_ASCII)).isEqualTo("HTTP/1.1 408");
    }
  }

  /** More than a small body, then nothing: its room is for others, and its connection is closed. */
  @Test
  void bodiesThatStopComingAreGivenUp() throws Exception {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.server().httpPort())) {
      OutputStream out = socket.getOutputStream();
      out.write(upsertThatBegins(" ".repeat(100_000)));
      assertMetric("arbalest_body_bytes [1-9]");
      int read;
      try {
        read = socket.getInputStream().read();
      } catch (java.net.SocketException e) {
        read = -1; // closed with bytes that were never read
      }
      assertThat(read).isEqualTo(-1);
    }
    assertMetric("arbalest_body_bytes 0.0");
    assertMetric("arbalest_requests_total.*operation=\"upsert\".*status=\"408\".* 1.0");
    assertThat(done("POST", PATH + "/points/count", "").path("count").asInt()).isEqualTo(40);
  }

  /** Waits for a line of the metrics. */
  private void assertMetric(String pattern) throws Exception {
    String metrics = "";
    for (int i = 0; i < 1000; i++) {
      metrics = server.call("GET", "/metrics", "").body().asString();
      if (Pattern.compile(pattern).matcher(metrics).find()) {
        return;
      }
      Thread.sleep(10);
    }
    assertThat(metrics).containsPattern(pattern);
  }
}
