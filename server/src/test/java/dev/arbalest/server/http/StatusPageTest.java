// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.arbalest.server.TestServer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The status page in a real browser, where there is one. */
class StatusPageTest {
  @TempDir private Path directory;

  private static boolean hasBrowser() {
    return Stream.of(System.getenv("PATH").split(":", -1))
        .anyMatch(path -> Files.isExecutable(Path.of(path, "chromium")));
  }

  @Test
  void aBrowserShowsCollectionsAndCharts() throws Exception {
    assumeTrue(hasBrowser(), "no chromium");
    try (TestServer server = TestServer.start(directory.resolve("data"))) {
      String path = "/collections/things%20%3Cb%3E";
      assertThat(
              server.call("PUT", path, "{\"vectors\":{\"size\":2,\"distance\":\"Dot\"}}").status())
          .isEqualTo(200);
      assertThat(
              server
                  .call("PUT", path + "/points", "{\"points\":[{\"id\":1,\"vector\":[1,2]}]}")
                  .status())
          .isEqualTo(200);
      AtomicBoolean stop = new AtomicBoolean();
      Thread load =
          Thread.ofVirtual()
              .start(() -> {
                while (!stop.get()) {
                  try {
                    TestServer.Answer _ =
                        server.call("POST", path + "/points/search", "{\"vector\":[1,2]}");
                    Thread.sleep(20);
                  } catch (Exception e) {
                    return;
                  }
                }
              });
      String page = dump(server.url() + "/status");
      stop.set(true);
      load.join();
      assertThat(page).contains("Collections: 1, points: 1");
      assertThat(page).contains("<td>things &lt;b&gt;</td><td>1</td><td>2</td>");
      // The browser's clock runs ahead of the load: how many per second is by chance.
      assertThat(page).containsPattern("id=\"qps\">[0-9]+</b>");
      assertThat(page)
          .containsPattern(
              "<td>[1-9][0-9]*</td><td>[0-9.]+</td><td[^>]*>[0-9.]*</td><td[^>]*>ready</td>");
      for (String chart : new String[] {"qps", "latency", "reads", "memory"}) {
        assertThat(page)
            .containsPattern("id=\"" + chart + "-chart\"[^>]*><line.*?<path d=\"M[^\"]*L");
        assertThat(page).containsPattern("id=\"" + chart + "-top\">0 to [0-9.e+-]+; the last");
      }
    }
  }

  /** What a browser has made of a page after some seconds. */
  private String dump(String url) throws Exception {
    Path errors = directory.resolve("errors.txt");
    Process browser =
        new ProcessBuilder(
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--user-data-dir=" + directory.resolve("profile"),
                "--virtual-time-budget=9000",
                "--dump-dom",
                url)
            .redirectError(errors.toFile())
            .start();
    try {
      String page = new String(browser.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(browser.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(browser.exitValue()).as(Files.readString(errors)).isZero();
      return page;
    } finally {
      browser.destroyForcibly();
    }
  }
}
