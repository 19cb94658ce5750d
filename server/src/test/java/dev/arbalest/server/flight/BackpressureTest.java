// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.collections.PointBuffer;
import dev.arbalest.collections.SearchPool;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.natives.SystemFacts;
import dev.arbalest.server.TestServer;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightRuntimeException;
import org.apache.arrow.flight.FlightStatusCode;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What clients are told when memory, streams or threads are short, and that nothing is lost. */
@SuppressWarnings({"MustBeClosedChecker", "try"}) // closed after each test; may be interrupted
class BackpressureTest extends FlightTestCase {
  private void restart(long memoryBytes) throws Exception {
    client.close();
    server.close();
    server = TestServer.start(data, options -> options.memoryBytes(memoryBytes));
    client = connect(server.server().flightPort());
  }

  private TestServer.Answer upsert(int id, int attribute) throws Exception {
    return server.call(
        "PUT",
        "/collections/things/points",
        "{\"points\":[{\"id\":%d,\"vector\":%s,\"payload\":{\"a\":%d}}]}"
            .formatted(id, array(vector(id)), attribute));
  }

  private int count(String body) throws Exception {
    return server
        .call("POST", "/collections/things/points/count", body)
        .result()
        .path("count")
        .asInt(-1);
  }

  @Test
  void aboveTheSoftLimitClientsAreToldToSlowDown() throws Exception {
    long used = SystemFacts.budgetedBytes();
    restart(used + used / 25);
    List<JsonNode> replies = put("things", schema(DIMENSION, INT64), 0, 20, 20);
    assertThat(replies).isNotEmpty();
    for (JsonNode reply : replies) {
      assertThat(reply.path("status").asString()).isEqualTo("slow_down");
      assertThat(reply.path("reason").asString()).isEqualTo("memory is short");
      assertThat(reply.path("delay_ms").asLong()).isPositive();
    }
    try (VectorSchemaRoot root = VectorSchemaRoot.create(schema(DIMENSION, INT64), allocator);
        FlightClient.ExchangeReaderWriter exchange =
            client.doExchange(FlightDescriptor.path("ingest", "things"))) {
      exchange.getWriter().start(root);
      fill(root, 40, 10);
      exchange.getWriter().putNext();
      assertThat(exchange.getReader().next()).isTrue();
      JsonNode reply = JsonBody.JSON.readTree(bytes(exchange.getReader()));
      assertThat(reply.path("status").asString()).isEqualTo("acked");
      assertThat(reply.path("slow_down").asBoolean(false)).isTrue();
      exchange.getWriter().completed();
      assertThat(exchange.getReader().next()).isFalse();
    }
    TestServer.Answer answer = upsert(50, 1);
    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.result().path("delay_ms").asLong(-1)).isNotNegative();
    assertThat(count("")).isEqualTo(51);
    String delays = "arbalest_write_delay_seconds_total{collection=\"things\"} ";
    String metrics = server.call("GET", "/metrics", "").body().asString();
    int at = metrics.indexOf(delays) + delays.length();
    assertThat(Double.parseDouble(metrics.substring(at, metrics.indexOf('\n', at)))).isPositive();
  }

  @Test
  void aboveTheHardLimitNothingIsDone() throws Exception {
    put("things", schema(DIMENSION, INT64), 0, 20);
    restart(SystemFacts.budgetedBytes() / 2);
    assertThatThrownBy(() -> put("things", schema(DIMENSION, INT64), 20, 30))
        .isInstanceOfSatisfying(
            FlightRuntimeException.class,
            e -> {
              assertThat(e.status().code()).isEqualTo(FlightStatusCode.RESOURCE_EXHAUSTED);
              assertThat(e.status().metadata().get("retry-delay-ms")).isEqualTo("1000");
            })
        .hasMessageContaining("memory budget");
    TestServer.Answer answer = upsert(100, 5);
    assertThat(answer.status()).isEqualTo(429);
    assertThat(answer.headers().firstValue("Retry-After")).contains("1");
    assertThat(answer.error()).contains("memory budget");
    assertThat(upsert(3, 5).status()).isEqualTo(429); // one that is there, too
    assertThat(count("")).isEqualTo(20);
    assertThat(count("{\"filter\":{\"must\":[{\"key\":\"a\",\"match\":{\"value\":5}}]}}")).isZero();
    assertThat(count("{\"filter\":{\"must_not\":[{\"key\":\"a\",\"match\":{\"value\":5}}]}}"))
        .isEqualTo(20);
    // Room that becomes free is used again.
    assertThat(
            server.call("POST", "/collections/things/points/delete", "{\"points\":[1,2]}").status())
        .isEqualTo(200);
    server.server().collections().get("things").awaitLinked();
    assertThat(upsert(100, 5).status()).isEqualTo(200);
    assertThat(count("")).isEqualTo(19);
    assertThat(server.call("GET", "/metrics", "").body().asString())
        .contains("arbalest_faults_total{collection=\"things\"} 0.0");
  }

  /** What is in buffers is bounded by attributes, too. */
  @Test
  void buffersAreFullOfLargeAttributes() {
    try (PointBuffer buffer = new PointBuffer(2, 1 << 20)) {
      int rows = 0;
      while (!buffer.isFull()) {
        buffer.set(0, 1);
        buffer.add(PointId.of(rows++), "{\"a\":\"" + "x".repeat(10_000) + "\"}");
      }
      assertThat(rows).isBetween(100, 110);
      buffer.clear();
      assertThat(buffer.isFull()).isFalse();
    }
  }

  @Test
  void aFullQueueOfSearchesRefusesMore() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    try (SearchPool pool = new SearchPool(1, 1)) {
      Thread first = Thread.ofVirtual().start(() -> hold(pool, begun, end));
      begun.await();
      Thread second = Thread.ofVirtual().start(() -> hold(pool, begun, end));
      for (int i = 0; i < 10_000 && pool.waiting() == 0; i++) {
        Thread.sleep(1);
      }
      assertThat(pool.waiting()).isEqualTo(1);
      assertThatThrownBy(() -> pool.call(() -> 1))
          .isInstanceOfSatisfying(
              CollectionException.class,
              e -> {
                assertThat(e.kind()).isEqualTo(CollectionException.Kind.EXHAUSTED);
                assertThat(e.retryMillis()).isPositive();
              });
      end.countDown();
      first.join();
      second.join();
      assertThat(pool.call(() -> 1)).isEqualTo(1);
    }
  }

  private static void hold(SearchPool pool, CountDownLatch begun, CountDownLatch end) {
    int _ =
        pool.call(() -> {
          begun.countDown();
          end.await();
          return 0;
        });
  }
}
