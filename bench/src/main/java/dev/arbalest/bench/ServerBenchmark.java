// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.Index;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.VectorInput;
import dev.arbalest.vector.F32Rows;
import io.qdrant.client.QdrantClient;
import io.qdrant.client.QdrantGrpcClient;
import io.qdrant.client.QueryFactory;
import io.qdrant.client.grpc.Points.QueryPoints;
import io.qdrant.client.grpc.Points.ScoredPoint;
import io.qdrant.client.grpc.Points.SearchParams;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** A server process under load. */
@Command(
    name = "serve",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Starts a server, puts vectors by Arrow Flight (and the same into a Flight server that does",
      "nothing with them), searches by HTTP with several clients and inside this process, then has",
      "clients insert, replace, delete and search for a while; at the end the server may be killed.",
      "Every row that was acknowledged is then looked for."
    })
// Closing a client may be interrupted; call() closes whichever server runs last.
@SuppressWarnings({"try", "MustBeClosedChecker"})
public final class ServerBenchmark implements Callable<Integer> {
  /** Memory goes up and down with the collector and with checkpoints. */
  private static final double MAX_GROWTH = 1.15;

  @Option(
      names = "--server",
      defaultValue = "${sys:arbalest.server}",
      description = "Command that starts a server (the one of this build).")
  private String command;

  @Option(names = "--input", required = true, description = "File of vectors.")
  private Path input;

  @Option(names = "--queries", required = true, description = "File of queries.")
  private Path queries;

  @Option(names = "--work", required = true, description = "Directory for the server's data.")
  private Path work;

  @Option(names = "--count", defaultValue = "20000", description = "Vectors put at first.")
  private int count;

  @Option(names = "--clients", defaultValue = "8", description = "Default: ${DEFAULT-VALUE}.")
  private int clients;

  @Option(names = "--seconds", defaultValue = "600", description = "Of mixed load; 0 for none.")
  private int seconds;

  @Option(names = "--search-seconds", defaultValue = "10", description = "Of searches alone.")
  private int searchSeconds;

  @Option(names = "--list", defaultValue = "100", description = "Search list.")
  private int list;

  @Option(names = "--cgroup", description = "Directory of a control group for the server.")
  private @Nullable Path cgroup;

  @Option(names = "--kill", description = "Kill the server at the end of the load, -9.")
  private boolean kill;

  @Option(
      names = "--port",
      defaultValue = "19190",
      description = "HTTP; Flight and gRPC take the next two.")
  private int port;

  private final LoadFigures figures = new LoadFigures();
  private double growth = 1;

  /** The server whose processor time is told, or null. */
  private @Nullable ServerProcess running;

  /** Processor time of the server per search of the last measurement. */
  private double cpuMicros;

  private ServerBenchmark() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new ServerBenchmark()).execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    ObjectNode report = HttpLoad.JSON.createObjectNode();
    try (VectorInput base = VectorInput.open(input);
        VectorInput asked = VectorInput.open(queries)) {
      int vectors = Math.min(count, base.rows().count());
      ServerProcess server = start();
      try {
        report.put(
            "raw_flight_megabytes_per_second", FlightLoad.raw(base.rows(), vectors, HttpLoad.NAME));
        put(base.rows(), vectors, report);
        running = server;
        long[][] servedJson = searches(asked.rows(), report, false);
        long[][] served = searches(asked.rows(), report, true);
        report.put("json_same_neighbors_as_binary", ExactAnswers.agreement(served, servedJson));
        long[][] servedGrpc = grpcSearches(asked.rows(), report);
        report.put("grpc_same_neighbors_as_binary", ExactAnswers.agreement(served, servedGrpc));
        long[][] servedFlight = flightSearches(asked.rows(), report);
        report.put("flight_same_neighbors_as_binary", ExactAnswers.agreement(served, servedFlight));
        running = null;
        server.stop();
        long[][] embedded = embedded(asked.rows(), report);
        report.put("same_neighbors_as_embedded", ExactAnswers.agreement(served, embedded));
        long[][] exact = ExactAnswers.of(base.rows(), vectors, asked.rows());
        report.put("http_recall_at_10", ExactAnswers.agreement(exact, served));
        report.put("embedded_recall_at_10", ExactAnswers.agreement(exact, embedded));
        server = start();
        if (seconds > 0) {
          server = mixed(server, base.rows(), vectors, asked.rows(), report);
        }
        server.stop();
      } finally {
        server.close();
      }
    }
    System.out.println(HttpLoad.JSON.writerWithDefaultPrettyPrinter().writeValueAsString(report));
    boolean sound = figures.searchErrors.get() + figures.writeErrors.get() == 0;
    return sound && report.path("lost").asLong(0) == 0 && growth < MAX_GROWTH ? 0 : 1;
  }

  @MustBeClosed
  private ServerProcess start() throws Exception {
    return ServerProcess.start(command, work, port, cgroup);
  }

  private HttpLoad http() {
    return new HttpLoad(figures, port, list);
  }

  private void put(F32Rows rows, int vectors, ObjectNode report) throws Exception {
    double rate = FlightLoad.put(port + 1, rows, vectors, HttpLoad.NAME);
    report.put("put_megabytes_per_second", rate);
    report.put("put_vectors_per_second", rate * 1e6 / 4 / rows.dimension());
  }

  /** One query after the other by several clients; returns the neighbours of each query. */
  private long[][] searches(F32Rows asked, ObjectNode report, boolean isBinary) throws Exception {
    int size = asked.count();
    byte[][] bodies = new byte[size][];
    for (int i = 0; i < size; i++) {
      bodies[i] = isBinary ? HttpLoad.binary(asked, i) : http().json(asked, i);
    }
    String path =
        "/collections/"
            + HttpLoad.NAME
            + "/points/search"
            + (isBinary ? "?limit=10&list=" + list : "");
    long[][] found = new long[size][];
    String label = isBinary ? "http_binary" : "http_json";
    double qps =
        repeat(
            PlainHttp::new,
            (client, query) -> {
              PlainHttp.Answer response =
                  client.send(
                      "POST",
                      path,
                      isBinary ? HttpLoad.BINARY_TYPE : HttpLoad.JSON_TYPE,
                      bodies[query % size]);
              if (response.status() != 200) {
                throw new IOException(response.text());
              }
              if (found[query % size] == null) {
                found[query % size] = HttpLoad.ids(response.body());
              }
            });
    put(report, label, qps);
    return found;
  }

  /** The same by Qdrant's Java client. */
  private long[][] grpcSearches(F32Rows asked, ObjectNode report) throws Exception {
    int size = asked.count();
    List<QueryPoints> requests = new ArrayList<>();
    for (int row = 0; row < size; row++) {
      float[] vector = new float[asked.dimension()];
      asked.copyRow(row, vector);
      requests.add(
          QueryPoints.newBuilder()
              .setCollectionName(HttpLoad.NAME)
              .setQuery(QueryFactory.nearest(vector))
              .setParams(SearchParams.newBuilder().setHnswEf(list))
              .setLimit(10)
              .build());
    }
    long[][] found = new long[size][];
    double qps =
        repeat(
            http ->
                new QdrantClient(
                    QdrantGrpcClient.newBuilder("127.0.0.1", http + 2, false, false).build()),
            (client, query) -> {
              List<ScoredPoint> hits = client.queryAsync(requests.get(query % size)).get();
              if (found[query % size] == null) {
                found[query % size] =
                    hits.stream().mapToLong(hit -> hit.getId().getNum()).toArray();
              }
            });
    put(report, "grpc", qps);
    return found;
  }

  /** The same by one stream of Flight per client, with the default list. */
  private long[][] flightSearches(F32Rows asked, ObjectNode report) throws Exception {
    int size = asked.count();
    float[][] vectors = new float[size][asked.dimension()];
    for (int i = 0; i < size; i++) {
      asked.copyRow(i, vectors[i]);
    }
    long[][] found = new long[size][];
    double qps =
        repeat(
            http -> new FlightSearches(http + 1, asked.dimension()),
            (client, query) -> {
              long[] ids = client.search(HttpLoad.NAME, vectors[query % size], 10);
              if (found[query % size] == null) {
                found[query % size] = ids;
              }
            });
    put(report, "flight", qps);
    return found;
  }

  private void put(ObjectNode report, String label, double qps) {
    report.put(label + "_qps", qps);
    report.put(label + "_server_cpu_us", cpuMicros);
    report.set(label + "_us", LoadFigures.times(figures.searchTimes));
  }

  /** Something done over and over with what a client has. */
  @FunctionalInterface
  private interface Repeated<C> {
    void run(C client, int turn) throws Exception;
  }

  /** Makes what a client has, for a port. */
  @FunctionalInterface
  private interface Opening<C> {
    C open(int port) throws Exception;
  }

  /** Times per second that clients do something, after warming up. */
  private <C extends AutoCloseable> double repeat(Opening<C> opening, Repeated<C> repeated)
      throws Exception {
    AtomicLong turns = new AtomicLong();
    AtomicLong counted = new AtomicLong();
    long begin = System.nanoTime();
    long measureFrom = begin + searchSeconds * 1_000_000_000L; // as long to warm up
    long end = measureFrom + searchSeconds * 1_000_000_000L;
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < clients; i++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                try (C client = opening.open(port)) {
                  long now = System.nanoTime();
                  while (now < end) {
                    repeated.run(client, (int) (turns.getAndIncrement() % (1 << 30)));
                    long after = System.nanoTime();
                    if (now > measureFrom) {
                      figures.searchTimes.recordValue(after - now);
                      counted.incrementAndGet();
                    }
                    now = after;
                  }
                } catch (Exception e) {
                  figures.failed(figures.searchErrors, e);
                }
              }));
    }
    Thread.sleep(searchSeconds * 1000L);
    ServerProcess server = running;
    long cpuBefore = server == null ? 0 : server.cpuNanos();
    long countBefore = turns.get();
    for (Thread thread : threads) {
      thread.join();
    }
    long done = Math.max(1, turns.get() - countBefore);
    cpuMicros = server == null ? 0 : (server.cpuNanos() - cpuBefore) / 1e3 / done;
    return counted.get() / (double) searchSeconds;
  }

  /** The same searches without a server. */
  private long[][] embedded(F32Rows asked, ObjectNode report) throws Exception {
    int size = asked.count();
    float[][] vectors = new float[size][asked.dimension()];
    for (int i = 0; i < size; i++) {
      asked.copyRow(i, vectors[i]);
    }
    long[][] found = new long[size][];
    Path directory = work.resolve("data/collections/" + HttpLoad.NAME + "/index");
    SearchParameters parameters = SearchParameters.forK(10).withList(list);
    int threads = Runtime.getRuntime().availableProcessors();
    try (Index index =
        Index.open(
            directory, OpenOptions.defaults().withSearchThreads(threads), ProgressListener.NONE)) {
      double qps =
          repeat(
              _ -> () -> {},
              (_, turn) -> {
                SearchResult result = index.search(vectors[turn % size], parameters);
                if (found[turn % size] == null) {
                  long[] ids = new long[result.size()];
                  result.copyIds(ids, 0);
                  found[turn % size] = ids;
                }
              });
      report.put("embedded_qps", qps);
      report.set("embedded_us", LoadFigures.times(figures.searchTimes));
    }
    return found;
  }

  /**
   * Half of the clients write, half search; returns the server process, which is a new one after a
   * kill.
   */
  private ServerProcess mixed(
      ServerProcess server, F32Rows rows, int vectors, F32Rows asked, ObjectNode report)
      throws Exception {
    AtomicIntegerArray sources = new AtomicIntegerArray(vectors); // 1 + row of a vector; 0 deleted
    AtomicIntegerArray underway = new AtomicIntegerArray(vectors);
    for (int id = 0; id < vectors; id++) {
      sources.set(id, 1 + id);
    }
    int writers = Math.max(1, clients / 2);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < clients; i++) {
      int which = i;
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                if (which == 0) {
                  new FlightLoad(figures, port + 1)
                      .write(writers, rows, vectors, sources, underway);
                } else if (which < writers) {
                  http().write(which, writers, rows, vectors, sources, underway);
                } else {
                  http().search(which, asked);
                }
              }));
    }
    List<Double> timeline = server.watch(seconds);
    if (kill) {
      figures.stopForKill();
      server.kill();
    } else {
      figures.stop();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    report.put("mixed_seconds", seconds);
    report.put("search_errors", figures.searchErrors.get());
    report.put("write_errors", figures.writeErrors.get());
    report.put("first_error", figures.firstError());
    report.put("declared_backpressure", figures.backpressure.get());
    report.set("mixed_search_us", LoadFigures.times(figures.searchTimes));
    report.set("mixed_write_us", LoadFigures.times(figures.writeTimes));
    report.put("mixed_put_by_flight", figures.putByFlight.get());
    timeline.forEach(report.putArray("memory_mb_per_half_minute")::add);
    growth = ServerProcess.growth(timeline);
    report.put("memory_growth_after_first_minute", growth);
    ServerProcess next = server;
    if (kill) {
      long begin = System.nanoTime();
      next = start();
      report.put("restart_seconds", (System.nanoTime() - begin) / 1e9);
    }
    http().verify(rows, sources, underway, report);
    return next;
  }
}
