// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.collection;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.server.TestServer;
import dev.arbalest.server.attributes.AttributeStore;
import dev.arbalest.server.model.PointId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Attributes and vectors that disagree are made to agree, also if that was begun and given up. */
class ReconciliationTest {
  @TempDir private Path data;

  private TestServer.Answer ids(TestServer server) throws Exception {
    return server.call("POST", "/collections/things/points/scroll", "{\"limit\":20}");
  }

  @Test
  void whatWasGivenUpIsDoneTheNextTime() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      server.call(
          "PUT", "/collections/things", "{\"vectors\":{\"size\":2,\"distance\":\"Euclid\"}}");
      StringBuilder points = new StringBuilder("{\"points\":[");
      for (int id = 0; id < 10; id++) {
        points.append(id == 0 ? "" : ",").append("{\"id\":%d,\"vector\":[%d,1]}".formatted(id, id));
      }
      assertThat(server.call("PUT", "/collections/things/points", points + "]}").status())
          .isEqualTo(200);
    }
    Path directory = data.resolve("collections").resolve("things");
    // As many rows without vectors as vectors without rows: their numbers do not tell.
    try (AttributeStore store = AttributeStore.open(directory)) {
      store.remove(List.of(PointId.of(3)));
      store.put(List.of(PointId.of(99)), java.util.Collections.singletonList(null));
    }
    Files.createFile(directory.resolve("reconciling"));
    try (TestServer server = TestServer.start(data)) {
      assertThat(ids(server).body().toString()).contains("\"id\":3,").doesNotContain("\"id\":99");
      assertThat(directory.resolve("reconciling")).doesNotExist();
    }
  }
}
