// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.server.TestServer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A server with a collection of 200 points in the plane, whose payloads have n, group and at. */
@SuppressWarnings("MustBeClosedChecker") // closed after each test
abstract class ThingsTest {
  static final int POINTS = 200;
  static final String PATH = "/collections/things";
  static final String QUERY = PATH + "/points/query";
  @TempDir Path data;
  TestServer server;
  final float[][] vectors = new float[POINTS][2];

  @BeforeEach
  final void start() throws Exception {
    server = TestServer.start(data);
    SplittableRandom random = new SplittableRandom(7);
    for (float[] vector : vectors) {
      vector[0] = (float) random.nextDouble(-1, 1);
      vector[1] = (float) random.nextDouble(-1, 1);
    }
    done("PUT", PATH, "{\"vectors\":{\"size\":2,\"distance\":\"Euclid\"}}");
    done("PUT", PATH + "/points", points(0, POINTS));
  }

  final String points(int from, int to) {
    return IntStream.range(from, to)
        .mapToObj(i ->
            "{\"id\":%d,\"vector\":[%s,%s],\"payload\":{\"n\":%d,\"group\":\"g%d\",\"at\":\"%s\"}}"
                .formatted(i, vectors[i][0], vectors[i][1], i % 50, i % 7, moment(i)))
        .collect(Collectors.joining(",", "{\"points\":[", "]}"));
  }

  static String moment(int i) {
    return "2024-05-06T07:08:09.%06dZ".formatted(i);
  }

  @AfterEach
  final void stop() throws Exception {
    server.close();
  }

  final JsonNode done(String method, String path, String body) throws Exception {
    TestServer.Answer answer = server.call(method, path, body);
    assertThat(answer.status()).as("%s %s: %s", method, path, answer.body()).isEqualTo(200);
    return answer.result();
  }

  final void refused(int status, String message, String path, String body) throws Exception {
    TestServer.Answer answer = server.call("POST", path, body);
    assertThat(answer.status()).as("%s %s: %s", path, body, answer.body()).isEqualTo(status);
    assertThat(answer.error()).contains(message);
  }

  static List<Integer> ids(JsonNode hits) {
    List<Integer> ids = new ArrayList<>();
    hits.forEach(hit -> ids.add(hit.path("id").asInt()));
    return ids;
  }

  final List<Integer> query(String body) throws Exception {
    return ids(done("POST", QUERY, body).path("points"));
  }
}
