// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.collection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.server.Server;
import dev.arbalest.server.TestServer;
import dev.arbalest.server.model.ServerOptions;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.arrow.flight.Action;
import org.apache.arrow.flight.Criteria;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightRuntimeException;
import org.apache.arrow.flight.FlightStatusCode;
import org.apache.arrow.flight.Location;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damage of one collection is nobody else's. */
class IsolationTest {
  private static final int DIMENSION = 32;
  private static final int POINTS = 400;

  /** Faults in a minute that take a collection out of service (docs/operations.md). */
  private static final int MAX_FAULTS = 5;

  @TempDir private Path data;

  private static String vector(int seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return IntStream.range(0, DIMENSION)
        .mapToObj(_ -> Float.toString((float) random.nextGaussian()))
        .collect(Collectors.joining(",", "[", "]"));
  }

  private static void fill(TestServer server, String name) throws Exception {
    String path = "/collections/" + name;
    assertThat(
            server
                .call(
                    "PUT",
                    path,
                    "{\"vectors\":{\"size\":%d,\"distance\":\"Euclid\"}}".formatted(DIMENSION))
                .status())
        .isEqualTo(200);
    String points =
        IntStream.range(0, POINTS)
            .mapToObj(i -> "{\"id\":%d,\"vector\":%s}".formatted(i, vector(i)))
            .collect(Collectors.joining(",", "{\"points\":[", "]}"));
    assertThat(server.call("PUT", path + "/points", points).status()).isEqualTo(200);
    server.server().collections().get(name).awaitLinked();
  }

  private static TestServer.Answer search(TestServer server, String name, int seed)
      throws Exception {
    return server.call(
        "POST",
        "/collections/" + name + "/points/search",
        "{\"vector\":%s,\"limit\":3}".formatted(vector(seed)));
  }

  private static void garble(Path file, long from) throws IOException {
    try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
      byte[] noise = new byte[(int) (access.length() - from)];
      new SplittableRandom(1).nextBytes(noise);
      access.seek(from);
      access.write(noise);
    }
  }

  @Test
  @SuppressWarnings("try") // closing may be interrupted
  void aDamagedCollectionIsTakenOutOfServiceAndItsNeighboursGoOn() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      fill(server, "damaged");
      fill(server, "sound");
      AtomicBoolean stop = new AtomicBoolean();
      AtomicInteger answered = new AtomicInteger();
      AtomicInteger failed = new AtomicInteger();
      Thread neighbour =
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; !stop.get(); i++) {
                  try {
                    int status = search(server, "sound", i % POINTS).status();
                    answered.incrementAndGet();
                    failed.addAndGet(status == 200 ? 0 : 1);
                  } catch (Exception e) {
                    failed.incrementAndGet();
                  }
                }
              });
      Path vectors = data.resolve("collections/damaged/index/vectors.f32");
      garble(vectors, 4096);
      int internal = 0;
      int unavailable = 0;
      for (int i = 0; i < 20; i++) {
        TestServer.Answer answer = search(server, "damaged", i);
        internal += answer.status() == 500 ? 1 : 0;
        unavailable += answer.status() == 503 ? 1 : 0;
        assertThat(answer.error()).isNotEmpty();
      }
      assertThat(internal).isEqualTo(MAX_FAULTS);
      assertThat(unavailable).isEqualTo(20 - MAX_FAULTS);
      assertThat(search(server, "damaged", 0).error())
          .contains("out of service")
          .contains("checksum");
      assertThat(server.call("GET", "/metrics", "").body().asString())
          .contains("arbalest_quarantined{collection=\"damaged\"} 1.0")
          .contains("arbalest_quarantined{collection=\"sound\"} 0.0")
          .contains("arbalest_faults_total{collection=\"damaged\"} 5.0");
      assertThat(server.call("GET", "/collections/damaged", "").result().path("status").asString())
          .isEqualTo("red");
      assertThat(server.call("GET", "/metrics", "").body().asString())
          .containsPattern("arbalest_quarantine_info.collection=\"damaged\",reason=\".*checksum");
      try (RootAllocator allocator = new RootAllocator();
          FlightClient client =
              FlightClient.builder(
                      allocator,
                      Location.forGrpcInsecure("127.0.0.1", server.server().flightPort()))
                  .build()) {
        assertThatThrownBy(() -> client.getInfo(FlightDescriptor.path("damaged")))
            .isInstanceOfSatisfying(
                FlightRuntimeException.class,
                e -> assertThat(e.status().code()).isEqualTo(FlightStatusCode.UNAVAILABLE))
            .hasMessageContaining("out of service");
        assertThat(client.getInfo(FlightDescriptor.path("sound")).getRecords()).isEqualTo(POINTS);
        // What is asked of all of them is done to the others.
        String reply =
            new String(
                client.doAction(new Action("snapshot", new byte[0])).next().getBody(),
                StandardCharsets.UTF_8);
        assertThat(reply).contains("\"status\":\"partly\"").contains("\"damaged\":");
        List<String> listed = new ArrayList<>();
        client
            .listFlights(Criteria.ALL)
            .forEach(info -> listed.add(info.getDescriptor().getPath().getFirst()));
        assertThat(listed).containsExactly("sound");
      }
      // What vectors are made of cannot be made anew: it stays out, and says so.
      TestServer.Answer reopened =
          server.call("POST", "/collections/damaged/reopen?repair=true", "");
      assertThat(reopened.result().path("ready").asBoolean()).isFalse();
      assertThat(server.call("DELETE", "/collections/damaged", "").status()).isEqualTo(200);
      stop.set(true);
      neighbour.join();
      assertThat(failed).hasValue(0);
      assertThat(answered.get()).isPositive();
    }
  }

  @Test
  void whatCanBeMadeAnewIsRepairedWithoutARestart() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      fill(server, "things");
      fill(server, "sound");
    }
    Path index = data.resolve("collections/things/index");
    try (var files = Files.list(index)) {
      Path graph =
          files
              .filter(file -> String.valueOf(file.getFileName()).startsWith("graph."))
              .findFirst()
              .orElseThrow();
      garble(graph, 5000);
    }
    try (TestServer server = TestServer.start(data)) {
      assertThat(search(server, "things", 3).status()).isEqualTo(503);
      assertThat(search(server, "sound", 3).status()).isEqualTo(200);
      assertThat(server.call("GET", "/readyz", "").body().path("collections").path("things"))
          .hasToString("\"QUARANTINED\"");
      TestServer.Answer answer = server.call("POST", "/collections/things/reopen", "");
      assertThat(answer.result().path("ready").asBoolean()).isFalse();
      answer = server.call("POST", "/collections/things/reopen?repair=true", "");
      assertThat(answer.result().path("ready").asBoolean()).isTrue();
      for (int i = 0; i < 20; i++) {
        assertThat(search(server, "things", i).result().get(0).path("id").asInt()).isEqualTo(i);
      }
    }
  }

  @Test
  void aLostManifestIsNoEmptyCollection() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      fill(server, "things");
    }
    Path index = data.resolve("collections/things/index");
    Files.move(index.resolve("manifest.json"), data.resolve("manifest.json"));
    try (TestServer server = TestServer.start(data)) {
      assertThat(search(server, "things", 3).status()).isEqualTo(503);
      String more = "{\"points\":[{\"id\":1,\"vector\":%s}]}".formatted(vector(1));
      assertThat(server.call("PUT", "/collections/things/points", more).status()).isEqualTo(503);
      Files.move(data.resolve("manifest.json"), index.resolve("manifest.json"));
      assertThat(
              server
                  .call("POST", "/collections/things/reopen", "")
                  .result()
                  .path("ready")
                  .asBoolean())
          .isTrue();
      assertThat(search(server, "things", 3).result().get(0).path("id").asInt()).isEqualTo(3);
    }
  }

  @Test
  void stoppingWhileLoadingLosesNothing() throws Exception {
    Path copy = data.resolveSibling(data.getFileName() + "-killed");
    try (TestServer server = TestServer.start(data)) {
      fill(server, "things");
      // A copy made while it is open is what a kill leaves.
      try (Stream<Path> files = Files.walk(data)) {
        for (Path file : files.toList()) {
          Files.copy(file, copy.resolve(data.relativize(file).toString()));
        }
      }
    }
    for (int i = 0; i < 3; i++) {
      try (Server stopped = Server.start(new ServerOptions.Builder(copy).build())) {
        assertThat(stopped.collections().has("things")).isTrue();
      }
    }
    try (TestServer server = TestServer.start(copy)) {
      assertThat(server.call("GET", "/readyz", "").status()).isEqualTo(200);
      for (int i = 0; i < POINTS; i += 10) {
        assertThat(search(server, "things", i).result().get(0).path("id").asInt()).isEqualTo(i);
      }
    }
  }

  @Test
  void anotherCodecFindsTheSame() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      fill(server, "things");
      for (String codec : List.of("rabitq:2", "sq8", "pq:16")) {
        TestServer.Answer answer =
            server.call("POST", "/collections/things/reopen?codec=" + codec, "");
        assertThat(answer.result().path("ready").asBoolean()).as(answer.error()).isTrue();
        for (int i = 0; i < 40; i++) {
          assertThat(search(server, "things", i).result().get(0).path("id").asInt()).isEqualTo(i);
        }
        String more = "{\"points\":[{\"id\":1000,\"vector\":%s}]}".formatted(vector(1000));
        assertThat(server.call("PUT", "/collections/things/points", more).status()).isEqualTo(200);
        assertThat(search(server, "things", 1000).result().get(0).path("id").asInt())
            .isEqualTo(1000);
      }
      for (String bad : List.of("pq:1000", "zip")) {
        assertThat(server.call("POST", "/collections/things/reopen?codec=" + bad, "").status())
            .isEqualTo(400);
        assertThat(search(server, "things", 5).status()).isEqualTo(200);
      }
    }
  }

  @Test
  void foreignOrTornDatabasesOfAttributesAreRefused() throws Exception {
    try (TestServer server = TestServer.start(data)) {
      fill(server, "things");
      fill(server, "sound");
    }
    garble(data.resolve("collections/things/attributes.db"), 0);
    try (TestServer server = TestServer.start(data)) {
      TestServer.Answer answer = search(server, "things", 3);
      assertThat(answer.status()).isEqualTo(503);
      assertThat(answer.error()).contains("attributes.db");
      assertThat(search(server, "sound", 3).status()).isEqualTo(200);
    }
  }
}
