// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.collection;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.collections.CollectionState;
import dev.arbalest.natives.SystemFacts;
import dev.arbalest.server.TestServer;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** More collections than can be open at a time. */
class ManyCollectionsTest {
  private static final int COLLECTIONS = 40;

  @TempDir private Path data;

  private static long budget() {
    return SystemFacts.budgetedBytes() + (512L << 20);
  }

  private static TestServer.Answer nearest(TestServer server, int number) throws Exception {
    return server.call(
        "POST", "/collections/c" + number + "/points/search", "{\"vector\":[1,2],\"limit\":3}");
  }

  private static void assertAnswers(TestServer server, int number) throws Exception {
    TestServer.Answer answer = nearest(server, number);
    assertThat(answer.status()).as("%s", answer.body()).isEqualTo(200);
    assertThat(answer.result().path(0).path("id").asInt(-1)).isEqualTo(number);
  }

  @Test
  void thoseNotInUseMakeRoomAndComeBack() throws Exception {
    try (TestServer server =
        TestServer.start(data, options -> options.memoryBytes(budget()).openCollections(8))) {
      int threads = Thread.activeCount();
      for (int i = 0; i < COLLECTIONS; i++) {
        String settings = "{\"vectors\":{\"size\":2,\"distance\":\"Euclid\"}}";
        assertThat(server.call("PUT", "/collections/c" + i, settings).status()).isEqualTo(200);
        String point = "{\"points\":[{\"id\":%d,\"vector\":[1,2]}]}".formatted(i);
        assertThat(server.call("PUT", "/collections/c" + i + "/points", point).status())
            .isEqualTo(200);
      }
      assertThat(idle(server)).isGreaterThan(COLLECTIONS / 3);
      assertThat(Thread.activeCount() - threads).isLessThan(2 * COLLECTIONS);
      for (int i = 0; i < COLLECTIONS; i += 3) {
        assertAnswers(server, i);
      }
      // What is closed is there for those who ask about all.
      assertThat(server.call("GET", "/readyz", "").status()).isEqualTo(200);
      String metrics = server.call("GET", "/metrics", "").body().stringValue();
      assertThat(metrics).contains("arbalest_points{collection=\"c1\"} 1.0");
    }
    try (TestServer server =
        TestServer.start(data, options -> options.memoryBytes(budget()).openCollections(8))) {
      assertThat(idle(server)).isPositive();
      assertThat(server.call("GET", "/metrics", "").body().stringValue())
          .contains("arbalest_points{collection=\"c39\"} 1.0");
      for (int i = 0; i < COLLECTIONS; i++) {
        assertAnswers(server, i);
      }
    }
  }

  private static long idle(TestServer server) {
    return server.server().collections().list().stream()
        .filter(collection -> collection.state() == CollectionState.IDLE)
        .count();
  }

  @Test
  void whatDoesNotFitTheBudgetIsRefusedWithTheReason() throws Exception {
    long tooLittle = SystemFacts.budgetedBytes() - (1 << 20);
    try (TestServer server = TestServer.start(data, options -> options.memoryBytes(tooLittle))) {
      TestServer.Answer refused =
          server.call("PUT", "/collections/c", "{\"vectors\":{\"size\":2,\"distance\":\"Dot\"}}");
      assertThat(refused.status()).isEqualTo(429);
      assertThat(refused.error()).contains("memory").contains("budget");
      assertThat(server.call("GET", "/healthz", "").status()).isEqualTo(200);
    }
  }
}
