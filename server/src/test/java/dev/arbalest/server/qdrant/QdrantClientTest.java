// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.arbalest.server.TestServer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The client that Qdrant publishes, unchanged; {@code scripts/test} installs it. */
class QdrantClientTest {
  @TempDir private Path data;

  @Test
  void qdrantsClientFindsWhatItExpects() throws Exception {
    Path modules = Path.of("target", "qdrant-client").toAbsolutePath();
    assumeTrue(
        Files.isDirectory(modules.resolve("node_modules")),
        "Qdrant's client is not installed; scripts/test does that");
    try (TestServer server = TestServer.start(data)) {
      Process node =
          new ProcessBuilder(
                  "node",
                  Path.of("src", "test", "js", "qdrant-client.mjs").toString(),
                  modules.toString(),
                  server.url())
              .redirectErrorStream(true)
              .start();
      String output = new String(node.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(node.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(output).endsWith("all as expected\n");
      assertThat(node.exitValue()).isZero();
    }
  }
}
