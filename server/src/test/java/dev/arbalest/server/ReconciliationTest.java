package dev.arbalest.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
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
    try (Connection connection =
            DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("attributes.db"));
        Statement statement = connection.createStatement()) {
      assertThat(statement.executeUpdate("UPDATE points SET id = 99 WHERE id = 3")).isEqualTo(1);
    }
    Files.createFile(directory.resolve("reconciling"));
    try (TestServer server = TestServer.start(data)) {
      assertThat(ids(server).body().toString()).contains("\"id\":3,").doesNotContain("\"id\":99");
      assertThat(directory.resolve("reconciling")).doesNotExist();
    }
  }
}
