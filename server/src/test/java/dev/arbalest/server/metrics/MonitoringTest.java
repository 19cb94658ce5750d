// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.TestServer;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** What is shipped for Prometheus and Grafana, against a real Prometheus. */
class MonitoringTest {
  private static final Path SHIPPED = Path.of("..", "docs", "monitoring").toAbsolutePath();

  @TempDir private Path directory;

  private static boolean isInstalled() {
    return Files.isExecutable(Path.of("/usr/bin/prometheus"))
        && Files.isExecutable(Path.of("/usr/bin/promtool"));
  }

  private static String run(Path directory, String... command) throws Exception {
    Process process =
        new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }

  @Test
  void rulesAreValidAndFireWhenTheyShould() throws Exception {
    assumeTrue(isInstalled(), "Prometheus is not installed; scripts/test does that");
    assertThat(run(SHIPPED, "promtool", "check", "rules", "alerts.yml")).contains("8 rules found");
    assertThat(run(SHIPPED, "promtool", "test", "rules", "alerts.test.yml")).contains("SUCCESS");
  }

  @Test
  void everyPanelAndRuleHasData() throws Exception {
    assumeTrue(isInstalled(), "Prometheus is not installed; scripts/test does that");
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    try (TestServer server =
            TestServer.start(directory.resolve("data"), options -> options.recallSample(1));
        HttpClient client = HttpClient.newHttpClient()) {
      load(server);
      Path metrics = directory.resolve("metrics.txt");
      Files.writeString(metrics, server.call("GET", "/metrics", "").body().asString());
      run(directory, "sh", "-c", "promtool check metrics < metrics.txt");
      Files.writeString(
          directory.resolve("prometheus.yml"),
          """
          global: {scrape_interval: 1s, evaluation_interval: 1s}
          rule_files: [%s]
          scrape_configs:
            - job_name: arbalest
              static_configs: [{targets: ['127.0.0.1:%d']}]
          """
              .formatted(SHIPPED.resolve("alerts.yml"), server.server().httpPort()));
      Process prometheus =
          new ProcessBuilder(
                  "prometheus",
                  "--config.file=prometheus.yml",
                  "--storage.tsdb.path=tsdb",
                  "--web.listen-address=127.0.0.1:" + port)
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(directory.resolve("prometheus.log").toFile())
              .start();
      try {
        List<String> expressions = expressions();
        assertThat(expressions).hasSizeGreaterThan(20);
        List<String> empty = expressions;
        for (int i = 0; i < 90 && !empty.isEmpty(); i++) {
          load(server);
          Thread.sleep(500);
          List<String> still = new ArrayList<>();
          for (String expression : empty) {
            if (!hasData(client, port, expression)) {
              still.add(expression);
            }
          }
          empty = still;
        }
        assertThat(empty).isEmpty();
      } finally {
        prometheus.destroy();
        assertThat(prometheus.waitFor(30, TimeUnit.SECONDS)).isTrue();
      }
    }
  }

  /** Of all panels, and of all rules with their thresholds left out. */
  private static List<String> expressions() throws IOException {
    List<String> expressions = new ArrayList<>();
    JsonNode dashboard =
        JsonBody.JSON.readTree(Files.readAllBytes(SHIPPED.resolve("grafana-dashboard.json")));
    for (JsonNode panel : dashboard.path("panels")) {
      panel.path("targets").forEach(target -> expressions.add(target.path("expr").asString()));
    }
    for (String line : Files.readAllLines(SHIPPED.resolve("alerts.yml"))) {
      String text = line.strip();
      if (text.startsWith("expr:")) {
        expressions.add(text.substring(5).replaceAll("(==|>|<) [0-9.e]+( \\*.*)?$", "").strip());
      }
    }
    return expressions;
  }

  private static void load(TestServer server) throws Exception {
    String path = "/collections/things";
    TestServer.Answer created =
        server.call("PUT", path, "{\"vectors\":{\"size\":3,\"distance\":\"Dot\"}}");
    assertThat(created.status()).isIn(200, 409);
    for (int i = 0; i < 5; i++) {
      String points =
          "{\"points\":[{\"id\":%d,\"vector\":[1,2,%d]},{\"id\":900,\"vector\":[1,1,1]}]}"
              .formatted(i, i);
      assertThat(server.call("PUT", path + "/points", points).status()).isEqualTo(200);
      assertThat(server.call("POST", path + "/points/search", "{\"vector\":[1,0,1]}").status())
          .isEqualTo(200);
    }
    assertThat(server.call("POST", path + "/points/delete", "{\"points\":[900]}").status())
        .isEqualTo(200);
  }

  private static boolean hasData(HttpClient client, int port, String expression) throws Exception {
    try {
      HttpResponse<String> response =
          client.send(
              HttpRequest.newBuilder(
                      URI.create(
                          "http://127.0.0.1:"
                              + port
                              + "/api/v1/query?query="
                              + URLEncoder.encode(expression, StandardCharsets.UTF_8)))
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      JsonNode result = JsonBody.JSON.readTree(response.body()).path("data").path("result");
      for (JsonNode series : result) {
        if (!series.path("value").path(1).asString("NaN").equals("NaN")) {
          return true;
        }
      }
      return false;
    } catch (IOException e) {
      return false; // it does not listen yet
    }
  }
}
