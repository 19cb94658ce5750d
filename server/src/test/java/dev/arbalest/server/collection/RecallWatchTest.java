// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.collection;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.RecallCurve;
import dev.arbalest.RecallMonitor.Kind;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.model.RecallFigures;
import dev.arbalest.server.TestServer;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** The recall of searches, estimated while they are served. */
class RecallWatchTest {
  private static final String PATH = "/collections/things";
  private static final int POINTS = 300;

  @TempDir private Path data;

  private final SplittableRandom random = new SplittableRandom(1);

  private String vector() {
    return IntStream.range(0, 8)
        .mapToObj(_ -> String.format(Locale.ROOT, "%.3f", random.nextGaussian()))
        .collect(Collectors.joining(",", "[", "]"));
  }

  private void fill(TestServer server) throws Exception {
    done(server, "PUT", PATH, "{\"vectors\":{\"size\":8,\"distance\":\"Cosine\"}}");
    String points =
        IntStream.range(0, POINTS)
            .mapToObj(i ->
                "{\"id\":%d,\"vector\":%s,\"payload\":{\"n\":%d}}".formatted(i, vector(), i % 3))
            .collect(Collectors.joining(",", "{\"points\":[", "]}"));
    done(server, "PUT", PATH + "/points", points);
  }

  private static JsonNode done(TestServer server, String method, String path, String body)
      throws Exception {
    TestServer.Answer answer = server.call(method, path, body);
    assertThat(answer.status()).as("%s", answer.body()).isEqualTo(200);
    return answer.result();
  }

  private void search(TestServer server, String more) throws Exception {
    done(server, "POST", PATH + "/points/search", "{\"vector\":%s%s}".formatted(vector(), more));
  }

  @Test
  void everyKindIsEstimatedAndTold() throws Exception {
    try (TestServer server = TestServer.start(data, options -> options.recallSample(1))) {
      fill(server);
      Collection collection = server.server().collections().get("things");
      RecallFigures figures = RecallFigures.NONE;
      // The thread rests between checks: as many searches as it takes.
      for (int i = 0; i < 200_000 && figures.distanceRatio().isEmpty(); i++) {
        search(server, "");
        search(server, ",\"filter\":{\"must\":[{\"key\":\"n\",\"match\":{\"value\":1}}]}");
        figures = collection.stats().recall();
      }
      assertThat(figures.estimates()).containsOnlyKeys(Kind.values());
      for (RecallCurve.Estimate estimate : figures.estimates().values()) {
        assertThat(estimate.recall()).isGreaterThan(0.95);
      }
      assertThat(figures.distanceRatio().orElseThrow()).isBetween(0.5, 2.0);

      String metrics = server.call("GET", "/metrics", "").body().asString();
      for (Kind kind : Kind.values()) {
        String labels = "{collection=\"things\",of=\"" + kind.label() + "\"}";
        assertThat(metrics)
            .contains("arbalest_recall_estimate" + labels)
            .contains("arbalest_recall_standard_error" + labels);
      }
      assertThat(metrics)
          .contains("arbalest_query_distance_ratio{collection=\"things\"}")
          .containsPattern("arbalest_recall_checks_total\\{collection=\"things\"} [1-9]");
      JsonNode status = server.call("GET", "/status.json", "").body();
      JsonNode told = status.path("collections").path(0).path("recall");
      assertThat(told.path("search").path("samples").asInt()).isPositive();
      assertThat(told.has("query_distance_ratio")).isTrue();
    }
  }

  @Test
  void zeroSwitchesItOff() throws Exception {
    try (TestServer server = TestServer.start(data, options -> options.recallSample(0))) {
      fill(server);
      for (int i = 0; i < 20; i++) {
        search(server, "");
      }
      Collection collection = server.server().collections().get("things");
      for (int i = 0; i < 50; i++) { // a check would have come within a moment
        assertThat(collection.stats().recall()).isEqualTo(RecallFigures.NONE);
        Thread.sleep(10);
      }
      String metrics = server.call("GET", "/metrics", "").body().asString();
      assertThat(metrics).doesNotContain("arbalest_recall_estimate{");
    }
  }
}
