// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.VectorInput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Filters of a server: their evaluation, searches with them, opening and writing. */
@Command(
    name = "filter-server",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Serves an index, gives its points attributes, and measures over HTTP: opening the collection",
      "with and without three indexed fields, evaluating filters that were never asked before,",
      "searches with filters of several shares beside the engine's own time, and writing."
    })
// Closing a client may be interrupted; call() closes whichever server runs last.
@SuppressWarnings({"try", "MustBeClosedChecker"})
public final class FilterServerBenchmark implements Callable<Integer> {
  private static final String COLLECTION = "/collections/bench";
  private static final int GROUPS = 100;
  private static final int IDS_PER_REQUEST = 5000;
  private static final int UPSERT = 100;
  private static final List<String> FIELDS = List.of("tenth", "hundredth", "word");

  @Option(
      names = "--server",
      defaultValue = "${sys:arbalest.server}",
      description = "Command that starts a server (the one of this build).")
  private String command;

  @Option(
      names = "--index",
      required = true,
      description = "Directory of an index with the ids 0 to n - 1; it is copied.")
  private Path index;

  @Option(names = "--queries", required = true, description = "File of queries.")
  private Path queries;

  @Option(names = "--work", required = true, description = "New directory for the server's data.")
  private Path work;

  @Option(names = "--count", defaultValue = "300", description = "Queries per case.")
  private int count;

  @Option(names = "--upserts", defaultValue = "4000", description = "Points written per round.")
  private int upserts;

  @Option(names = "--port", defaultValue = "19290", description = "HTTP; Flight takes the next.")
  private int port;

  private FilterServerBenchmark() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new FilterServerBenchmark()).execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    ObjectNode report = HttpLoad.JSON.createObjectNode();
    copy(index, work.resolve("data/collections/bench/index"));
    ServerProcess server = ServerProcess.start(command, work, port, null);
    try (PlainHttp client = new PlainHttp(port);
        VectorInput asked = VectorInput.open(queries)) {
      int points = done(client, "GET", COLLECTION, "").path("points_count").asInt();
      report.put("points", points);
      setAttributes(client, points);
      openings(client, report);
      for (JsonNode field : fields(client)) {
        double bytes = field.path("memory_bytes").asLong() / (double) points;
        report.withArray("bytes_per_point_and_field").add(bytes);
      }
      List<String> vectors = new ArrayList<>();
      float[] vector = new float[asked.rows().dimension()];
      for (int query = 0; query < Math.min(count, asked.rows().count()); query++) {
        asked.rows().copyRow(query, vector);
        vectors.add(Arrays.toString(vector));
      }
      searches(client, vectors, report);
      evaluations(client, vectors.getFirst(), report);
      writes(client, vectors, points, report);
      server.stop();
    } finally {
      server.close();
    }
    System.out.println(HttpLoad.JSON.writerWithDefaultPrettyPrinter().writeValueAsString(report));
    return 0;
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.sorted().toList()) {
        Path target = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(target);
        } else {
          Files.copy(file, target);
        }
      }
    }
  }

  private static JsonNode answer(PlainHttp client, String method, String path, String body)
      throws IOException {
    PlainHttp.Answer answer =
        client.send(method, path, HttpLoad.JSON_TYPE, body.getBytes(StandardCharsets.UTF_8));
    if (answer.status() != 200) {
      throw new IOException(method + " " + path + ": " + answer.text());
    }
    return HttpLoad.JSON.readTree(answer.body());
  }

  private static JsonNode done(PlainHttp client, String method, String path, String body)
      throws IOException {
    return answer(client, method, path, body).path("result");
  }

  private static JsonNode fields(PlainHttp client) throws IOException {
    return done(client, "GET", COLLECTION, "").path("payload_schema");
  }

  private static String payload(int group) {
    return String.format(
        Locale.ROOT,
        "{\"tenth\":%d,\"hundredth\":%d,\"word\":\"w%d\",\"other\":%d}",
        group % 10,
        group,
        group % 7,
        group);
  }

  private static void setAttributes(PlainHttp client, int points) throws IOException {
    for (int group = 0; group < GROUPS; group++) {
      int first = group;
      int[] ids = IntStream.range(0, (points - first + GROUPS - 1) / GROUPS).toArray();
      for (int from = 0; from < ids.length; from += IDS_PER_REQUEST) {
        String some =
            Arrays.stream(ids, from, Math.min(ids.length, from + IDS_PER_REQUEST))
                .mapToObj(i -> Integer.toString(i * GROUPS + first))
                .collect(Collectors.joining(","));
        JsonNode _ =
            done(
                client,
                "PUT",
                COLLECTION + "/points/payload",
                "{\"payload\":" + payload(group) + ",\"points\":[" + some + "]}");
      }
    }
  }

  private static void index(PlainHttp client) throws IOException {
    for (String field : FIELDS) {
      String kind = field.equals("word") ? "keyword" : "integer";
      JsonNode _ =
          done(
              client,
              "PUT",
              COLLECTION + "/index",
              "{\"field_name\":\"" + field + "\",\"field_schema\":\"" + kind + "\"}");
    }
  }

  private static void drop(PlainHttp client) throws IOException {
    for (String field : FIELDS) {
      JsonNode _ = done(client, "DELETE", COLLECTION + "/index/" + field, "");
    }
  }

  /** Closes and opens the collection with and without indexed fields, in turns. */
  private static void openings(PlainHttp client, ObjectNode report) throws IOException {
    for (int round = 0; round < 3; round++) {
      report.withArray("reopen_ms_without_fields").add(reopen(client));
      long start = System.nanoTime();
      index(client);
      report.withArray("index_three_fields_ms").add((System.nanoTime() - start) / 1e6);
      report.withArray("reopen_ms_with_three_fields").add(reopen(client));
      drop(client);
    }
    index(client);
  }

  private static double reopen(PlainHttp client) throws IOException {
    long start = System.nanoTime();
    JsonNode _ = done(client, "POST", COLLECTION + "/reopen", "");
    return (System.nanoTime() - start) / 1e6;
  }

  private record Case(String name, double share, @Nullable String filter) {}

  private static String equal(String field, String value) {
    return "{\"key\":\"" + field + "\",\"match\":{\"value\":" + value + "}}";
  }

  private static String below(String field, int bound) {
    return "{\"key\":\"" + field + "\",\"range\":{\"lt\":" + bound + "}}";
  }

  private static String must(String... conditions) {
    return "{\"must\":[" + String.join(",", conditions) + "]}";
  }

  private void searches(PlainHttp client, List<String> vectors, ObjectNode report)
      throws IOException {
    List<Case> cases =
        List.of(
            new Case("none", 1, null),
            new Case("tenth < 5", 0.5, must(below("tenth", 5))),
            new Case("tenth < 2", 0.2, must(below("tenth", 2))),
            new Case("tenth = 3", 0.1, must(equal("tenth", "3"))),
            new Case(
                "hundredth < 28 and word = w3",
                0.04,
                must(below("hundredth", 28), equal("word", "\"w3\""))),
            new Case("hundredth = 7", 0.01, must(equal("hundredth", "7"))),
            new Case("other = 7, not indexed", 0.01, must(equal("other", "7"))));
    for (Case one : cases) {
      for (String vector : vectors) { // compiles, and evaluates the filter
        JsonNode _ = search(client, vector, one.filter(), false);
      }
      double[] http = new double[vectors.size()];
      double[] engine = new double[vectors.size()];
      for (int query = 0; query < http.length; query++) {
        long start = System.nanoTime();
        JsonNode answer = search(client, vectors.get(query), one.filter(), true);
        http[query] = (System.nanoTime() - start) / 1e3;
        JsonNode costs = answer.path("explanation");
        for (String part : List.of("prepare_us", "walk_us", "wait_us", "rerank_us")) {
          engine[query] += costs.path(part).asDouble();
        }
      }
      report
          .withArray("searches")
          .addObject()
          .put("filter", one.name())
          .put("share", one.share())
          .put("http_p50_us", percentile(http, 0.5))
          .put("http_p99_us", percentile(http, 0.99))
          .put("engine_p50_us", percentile(engine, 0.5));
    }
  }

  private static JsonNode search(
      PlainHttp client, String vector, @Nullable String filter, boolean explain)
      throws IOException {
    return answer(
        client,
        "POST",
        COLLECTION + "/points/search",
        "{\"vector\":"
            + vector
            + ",\"limit\":10"
            + (explain ? ",\"explain\":true" : "")
            + (filter == null ? "" : ",\"filter\":" + filter)
            + "}");
  }

  private static double percentile(double[] values, double share) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[(int) Math.min(sorted.length - 1, share * sorted.length)];
  }

  /** Filters of two conditions, each for the first time. */
  private static void evaluations(PlainHttp client, String vector, ObjectNode report)
      throws IOException {
    List<Double> micros = new ArrayList<>();
    for (int tenth = 0; tenth < 10; tenth++) {
      for (int bound = 30; bound < 100; bound++) {
        String filter = must(equal("tenth", Integer.toString(tenth)), below("hundredth", bound));
        JsonNode costs = search(client, vector, filter, true).path("explanation").path("filter");
        micros.add(costs.path("us").asDouble());
      }
    }
    double[] late =
        micros.subList(micros.size() / 2, micros.size()).stream()
            .mapToDouble(Double::doubleValue)
            .toArray();
    report.put("two_conditions_p50_us", percentile(late, 0.5));
    report.put("two_conditions_p99_us", percentile(late, 0.99));
  }

  /** Replaces points with and without indexed fields, in turns. */
  private void writes(PlainHttp client, List<String> vectors, int points, ObjectNode report)
      throws IOException {
    for (int round = 0; round < 3; round++) {
      report.withArray("upserts_per_second_with_three_fields").add(upsert(client, vectors, points));
      drop(client);
      report.withArray("upserts_per_second_without_fields").add(upsert(client, vectors, points));
      index(client);
    }
  }

  private double upsert(PlainHttp client, List<String> vectors, int points) throws IOException {
    long start = System.nanoTime();
    for (int from = 0; from < upserts; from += UPSERT) {
      StringBuilder body = new StringBuilder("{\"points\":[");
      for (int i = 0; i < UPSERT; i++) {
        int id = points + from + i;
        body.append(i == 0 ? "" : ",").append("{\"id\":").append(id);
        body.append(",\"payload\":").append(payload(id % GROUPS)).append(",\"vector\":");
        body.append(vectors.get(id % vectors.size())).append('}');
      }
      JsonNode _ = done(client, "PUT", COLLECTION + "/points", body.append("]}").toString());
    }
    return upserts * 1e9 / (System.nanoTime() - start);
  }
}
