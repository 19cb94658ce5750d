// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.collection;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.collections.DataVerifier;
import dev.arbalest.server.TestServer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A damaged index of a field is told, never answered from, and made anew on request. */
class DamagedFieldIndexTest {
  @TempDir private Path directory;

  @Test
  void damagedIndexesOfFieldsAreMadeAnew() throws Exception {
    Path data = directory.resolve("data");
    try (TestServer server = TestServer.start(data)) {
      String vectors = "{\"vectors\":{\"size\":2,\"distance\":\"Euclid\"}}";
      server.call("PUT", "/collections/things", vectors);
      String field = "{\"field_name\":\"owner\",\"field_schema\":\"integer\"}";
      server.call("PUT", "/collections/things/index", field);
      StringBuilder points = new StringBuilder("{\"points\":[");
      for (int id = 0; id < 300; id++) {
        points
            .append(id == 0 ? "" : ",")
            .append(
                "{\"id\":%d,\"vector\":[%d,1],\"payload\":{\"owner\":%d}}".formatted(id, id, id));
      }
      assertThat(server.call("PUT", "/collections/things/points", points + "]}").status())
          .isEqualTo(200);
    }
    assertThat(DataVerifier.verify(data, 1))
        .containsExactly(new DataVerifier.Finding("things", 300, ""));
    Path database = data.resolve("collections/things/attributes.db");
    byte[] bytes = Files.readAllBytes(database);
    byte[] entry = {4, 9, 2, 2, 1, 43, 1, 43}; // field 1, value 299, point 299
    int at = 0;
    while (!java.util.Arrays.equals(bytes, at, at + 8, entry, 0, 8)) {
      at++;
    }
    bytes[at + 5] ^= 1;
    Files.write(database, bytes);
    assertThat(DataVerifier.verify(data, 1).getFirst().problem()).contains("is damaged");
    String count =
        "{\"filter\":{\"must\":[{\"key\":\"owner\",\"match\":{\"value\":299}}]},\"exact\":true}";
    try (TestServer server = TestServer.start(data)) {
      TestServer.Answer refused = server.call("POST", "/collections/things/points/count", count);
      assertThat(refused.status()).isEqualTo(503);
      assertThat(refused.error()).contains("is damaged").contains("repair");
      server.call("POST", "/collections/things/reopen?repair=true", "");
      TestServer.Answer answer = server.call("POST", "/collections/things/points/count", count);
      assertThat(answer.result().path("count").asInt(-1)).isEqualTo(1);
    }
    assertThat(DataVerifier.verify(data, 1).getFirst().problem()).isEmpty();
  }
}
