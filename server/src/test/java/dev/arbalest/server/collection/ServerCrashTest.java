// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.collection;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.ServeCommand;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A server process that is killed while clients write: nothing acknowledged is lost. */
class ServerCrashTest {
  private static final int DIMENSION = 24;
  private static final int WRITERS = 3;
  private static final int IDS_PER_WRITER = 200;
  private static final int ROUNDS = Integer.getInteger("server.kills", 4);

  @TempDir private Path data;

  private int port;

  /** What is under an id: a number of the write, negative if it was a removal. */
  private final Map<Integer, Integer> acknowledged = new ConcurrentHashMap<>();

  private final AtomicInteger writes = new AtomicInteger();

  /** The write under way for an id, which may have been done or not. */
  private final Map<Integer, Integer> open = new ConcurrentHashMap<>();

  private static float[] vector(int id, int write) {
    SplittableRandom random = new SplittableRandom(1_000_000L * id + write);
    float[] vector = new float[DIMENSION];
    for (int i = 0; i < DIMENSION; i++) {
      vector[i] = (float) random.nextGaussian();
    }
    return vector;
  }

  private Process start() throws Exception {
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                ServeCommand.class.getName(),
                "--data",
                data.toString(),
                "--flight-port=0",
                "--http-port=" + port,
                "--no-jfr"));
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    for (int i = 0; i < 600; i++) {
      assertThat(process.isAlive()).isTrue();
      try (HttpClient client = HttpClient.newHttpClient()) {
        if (status(client, "GET", "/readyz", "") == 200) {
          return process;
        }
      } catch (IOException e) {
        assertThat(e).isNotNull(); // it does not listen yet
      }
      Thread.sleep(100);
    }
    process.destroyForcibly();
    throw new AssertionError("the server is not ready after a minute");
  }

  private int status(HttpClient client, String method, String path, String body)
      throws IOException, InterruptedException {
    return client
        .send(request(method, path, body), HttpResponse.BodyHandlers.discarding())
        .statusCode();
  }

  private HttpRequest request(String method, String path, String body) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
        .method(method, HttpRequest.BodyPublishers.ofString(body))
        .build();
  }

  private void write(int writer, int round, AtomicBoolean killed) {
    SplittableRandom random = new SplittableRandom(100L * round + writer);
    try (HttpClient client = HttpClient.newHttpClient()) {
      for (int write = 1; !killed.get(); write++) {
        int number = 10_000 * round + write;
        boolean remove = random.nextInt(4) == 0;
        List<Integer> ids =
            random
                .ints(1 + random.nextInt(40), 0, IDS_PER_WRITER)
                .distinct()
                .map(id -> writer * IDS_PER_WRITER + id)
                .boxed()
                .toList();
        ids.forEach(id -> open.put(id, remove ? -number : number));
        int status =
            remove
                ? status(client, "POST", "/collections/c/points/delete", "{\"points\":" + ids + "}")
                : status(client, "PUT", "/collections/c/points", points(ids, number));
        assertThat(status).isEqualTo(200);
        ids.forEach(id -> acknowledged.put(id, remove ? -number : number));
        writes.incrementAndGet();
        ids.forEach(open::remove);
      }
    } catch (IOException e) {
      assertThat(killed).isTrue(); // the answer was lost with the server
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static String points(List<Integer> ids, int number) {
    return ids.stream()
        .map(id ->
            "{\"id\":%d,\"vector\":%s,\"payload\":{\"write\":%d}}"
                .formatted(id, java.util.Arrays.toString(vector(id, number)), number))
        .collect(Collectors.joining(",", "{\"points\":[", "]}"));
  }

  @Test
  void nothingAcknowledgedIsLostByKills() throws Exception {
    SplittableRandom random = new SplittableRandom(5);
    Process process = start();
    try (HttpClient client = HttpClient.newHttpClient()) {
      assertThat(
              status(
                  client,
                  "PUT",
                  "/collections/c",
                  "{\"vectors\":{\"size\":%d,\"distance\":\"Euclid\"}}".formatted(DIMENSION)))
          .isEqualTo(200);
    }
    try {
      for (int round = 1; round <= ROUNDS; round++) {
        AtomicBoolean killed = new AtomicBoolean();
        List<Thread> writers = new ArrayList<>();
        List<Throwable> failures = java.util.Collections.synchronizedList(new ArrayList<>());
        for (int writer = 0; writer < WRITERS; writer++) {
          int which = writer;
          int ofRound = round;
          writers.add(
              Thread.ofPlatform()
                  .uncaughtExceptionHandler((_, e) -> failures.add(e))
                  .start(() -> write(which, ofRound, killed)));
        }
        int wanted = writes.get() + 20 + random.nextInt(100);
        for (int i = 0; i < 6000 && writes.get() < wanted && failures.isEmpty(); i++) {
          Thread.sleep(10);
        }
        killed.set(true);
        process.destroyForcibly(); // SIGKILL
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        for (Thread writer : writers) {
          writer.join();
        }
        assertThat(failures).isEmpty();
        process = start();
        check();
      }
      assertThat(acknowledged).hasSizeGreaterThan(100);
      process.destroy(); // SIGTERM
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
      process = start();
      check();
    } finally {
      process.destroyForcibly();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    }
  }

  private void check() throws Exception {
    List<Integer> all = IntStream.range(0, WRITERS * IDS_PER_WRITER).boxed().toList();
    JsonNode result;
    try (HttpClient client = HttpClient.newHttpClient()) {
      byte[] body =
          client
              .send(
                  request(
                      "POST",
                      "/collections/c/points",
                      "{\"with_vector\":true,\"ids\":" + all + "}"),
                  HttpResponse.BodyHandlers.ofByteArray())
              .body();
      result = JsonBody.JSON.readTree(body).path("result");
      assertThat(result.isArray())
          .as(new String(body, java.nio.charset.StandardCharsets.UTF_8))
          .isTrue();
    }
    Map<Integer, JsonNode> found = new ConcurrentHashMap<>();
    result.forEach(point -> found.put(point.path("id").asInt(), point));
    for (int id : all) {
      int acked = acknowledged.getOrDefault(id, 0);
      boolean wasOpen = open.containsKey(id);
      int under = open.getOrDefault(id, 0);
      JsonNode point = found.get(id);
      int present = point == null ? 0 : writeOf(id, point, acked, under);
      if (!wasOpen) {
        assertThat(present).as("id %d", id).isEqualTo(Math.max(0, acked));
        assertThat(point == null ? 0 : point.path("payload").path("write").asInt())
            .isEqualTo(present);
        continue;
      }
      assertThat(present).isIn(Math.max(0, acked), Math.max(0, under));
      acknowledged.put(id, present);
    }
    // Of writes nobody was told of attributes may be there without vectors: settle them.
    List<Integer> unclear = List.copyOf(open.keySet());
    open.clear();
    try (HttpClient client = HttpClient.newHttpClient()) {
      assertThat(
              status(
                  client, "POST", "/collections/c/points/delete", "{\"points\":" + unclear + "}"))
          .isEqualTo(200);
    }
    unclear.forEach(id -> acknowledged.put(id, 0));
  }

  /** Which write a vector is of. */
  private static int writeOf(int id, JsonNode point, int acked, int under) {
    float[] found = JsonBody.toVector(point.path("vector"));
    for (int write : new int[] {acked, under}) {
      if (write > 0 && java.util.Arrays.equals(found, vector(id, write))) {
        return write;
      }
    }
    throw new AssertionError("id " + id + " has a vector nobody wrote");
  }
}
