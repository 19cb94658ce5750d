// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.Index;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.VectorInput;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.Recorder;
import org.apache.arrow.flight.AsyncPutListener;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightProducer;
import org.apache.arrow.flight.FlightRuntimeException;
import org.apache.arrow.flight.FlightServer;
import org.apache.arrow.flight.FlightStatusCode;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.Location;
import org.apache.arrow.flight.NoOpFlightProducer;
import org.apache.arrow.flight.PutResult;
import org.apache.arrow.flight.SyncPutListener;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
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
@SuppressWarnings("try") // closing a client may be interrupted
public final class ServerBenchmark implements Callable<Integer> {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String NAME = "bench";
  private static final int BATCH = 500;
  private static final int UPSERT = 32;
  private static final int MAX_WAIT_MILLIS = 60_000;
  private static final int RECALL_QUERIES = 200;

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

  @Option(names = "--port", defaultValue = "19190", description = "HTTP; Flight takes the next.")
  private int port;

  private final AtomicLong searchErrors = new AtomicLong();
  private final AtomicLong writeErrors = new AtomicLong();
  private final AtomicLong backpressure = new AtomicLong();
  private final Recorder searchTimes = new Recorder(2);
  private final Recorder writeTimes = new Recorder(2);
  private final AtomicLong putByFlight = new AtomicLong();
  private double growth = 1;
  private volatile boolean stopped;
  private volatile String firstError = "";

  private ServerBenchmark() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new ServerBenchmark()).execute(arguments));
  }

  @Override
  public Integer call() throws Exception {
    ObjectNode report = JSON.createObjectNode();
    try (VectorInput base = VectorInput.open(input);
        VectorInput asked = VectorInput.open(queries)) {
      int vectors = Math.min(count, base.rows().count());
      Process server = start();
      try {
        rawFlight(base.rows(), vectors, report);
        put(base.rows(), vectors, report);
        long[][] servedJson = searches(asked.rows(), report, false);
        long[][] served = searches(asked.rows(), report, true);
        report.put("json_same_neighbors_as_binary", agreement(served, servedJson));
        stop(server);
        long[][] embedded = embedded(asked.rows(), report);
        report.put("same_neighbors_as_embedded", agreement(served, embedded));
        long[][] exact = exact(base.rows(), vectors, asked.rows());
        report.put("http_recall_at_10", agreement(exact, served));
        report.put("embedded_recall_at_10", agreement(exact, embedded));
        server = start();
        if (seconds > 0) {
          server = mixed(server, base.rows(), vectors, asked.rows(), report);
        }
        stop(server);
      } finally {
        server.descendants().forEach(ProcessHandle::destroyForcibly);
        server.destroyForcibly();
      }
    }
    System.out.println(JSON.writerWithDefaultPrettyPrinter().writeValueAsString(report));
    boolean sound = searchErrors.get() + writeErrors.get() == 0;
    return sound && report.path("lost").asLong(0) == 0 && growth < MAX_GROWTH ? 0 : 1;
  }

  private Process start() throws Exception {
    String enter = cgroup == null ? "" : "echo $$ > " + cgroup.resolve("cgroup.procs") + " && ";
    String line =
        "%sexec %s --data %s --http-port %d --flight-port %d"
            .formatted(enter, command, work.resolve("data"), port, port + 1);
    Process process =
        new ProcessBuilder("sh", "-c", line)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(Files.createDirectories(work).resolve("server.log").toFile())
            .start();
    for (int i = 0; i < 3000 && process.isAlive(); i++) {
      try (PlainHttp client = new PlainHttp(port)) {
        if (client.send("GET", "/readyz", JSON_TYPE, new byte[0]).status() == 200) {
          return process;
        }
      } catch (IOException e) {
        assert e.getMessage() != null || i >= 0; // it does not listen yet
      }
      Thread.sleep(100);
    }
    throw new IOException("the server did not start; see " + work.resolve("server.log"));
  }

  private static void stop(Process server) throws Exception {
    server.destroy();
    if (!server.waitFor(120, TimeUnit.SECONDS)) {
      throw new IOException("the server did not stop within two minutes");
    }
  }

  private static final String JSON_TYPE = "application/json";
  private static final String BINARY_TYPE = "application/octet-stream";

  // Ingest:

  private static Schema schema(int dimension) {
    return new Schema(
        List.of(
            Field.nullable("id", new ArrowType.Int(64, true)),
            new Field(
                "vector",
                FieldType.nullable(new ArrowType.FixedSizeList(dimension)),
                List.of(
                    Field.nullable(
                        "item", new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE))))));
  }

  /** Megabytes of vectors per second that a client sends until all is acknowledged. */
  private static double put(int port, F32Rows rows, int count, String name) throws Exception {
    int dimension = rows.dimension();
    float[] row = new float[dimension];
    try (BufferAllocator allocator = new RootAllocator();
        FlightClient client =
            FlightClient.builder(allocator, Location.forGrpcInsecure("127.0.0.1", port)).build();
        VectorSchemaRoot root = VectorSchemaRoot.create(schema(dimension), allocator)) {
      AsyncPutListener listener = new AsyncPutListener();
      long begin = System.nanoTime();
      FlightClient.ClientStreamListener stream =
          client.startPut(FlightDescriptor.path(name), root, listener);
      for (int from = 0; from < count; from += BATCH) {
        int size = Math.min(BATCH, count - from);
        root.allocateNew();
        FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("vector");
        Float4Vector items = (Float4Vector) vectors.getDataVector();
        while (items.getValueCapacity() < size * dimension) {
          items.reAlloc();
        }
        for (int i = 0; i < size; i++) {
          ((BigIntVector) root.getVector("id")).setSafe(i, from + i);
          rows.copyRow(from + i, row);
          for (int j = 0; j < dimension; j++) {
            items.set(i * dimension + j, row[j]);
          }
          vectors.setNotNull(i);
        }
        root.setRowCount(size);
        for (int waited = 0; !stream.isReady(); waited++) {
          if (waited == MAX_WAIT_MILLIS) {
            throw new IOException(
                "the server takes no vectors for a minute; its log or memory may tell why");
          }
          Thread.sleep(1);
        }
        stream.putNext();
      }
      stream.completed();
      listener.getResult();
      return 4.0 * count * dimension / 1e6 / ((System.nanoTime() - begin) / 1e9);
    }
  }

  private void put(F32Rows rows, int vectors, ObjectNode report) throws Exception {
    double rate = put(port + 1, rows, vectors, NAME);
    report.put("put_megabytes_per_second", rate);
    report.put("put_vectors_per_second", rate * 1e6 / 4 / rows.dimension());
  }

  /** The same into a server that only reads and acknowledges. */
  private static void rawFlight(F32Rows rows, int vectors, ObjectNode report) throws Exception {
    try (BufferAllocator allocator = new RootAllocator();
        FlightServer raw =
            FlightServer.builder(
                    allocator,
                    Location.forGrpcInsecure("127.0.0.1", 0),
                    new NoOpFlightProducer() {
                      @Override
                      public Runnable acceptPut(
                          FlightProducer.CallContext context,
                          FlightStream stream,
                          FlightProducer.StreamListener<PutResult> acknowledge) {
                        return () -> {
                          while (stream.next()) {
                            acknowledge.onNext(PutResult.empty());
                          }
                          acknowledge.onCompleted();
                        };
                      }
                    })
                .build()) {
      raw.start();
      double _ = put(raw.getPort(), rows, vectors, NAME); // to warm up
      report.put("raw_flight_megabytes_per_second", put(raw.getPort(), rows, vectors, NAME));
    }
  }

  // Searches:

  private static byte[] binary(F32Rows rows, int row) {
    float[] vector = new float[rows.dimension()];
    rows.copyRow(row, vector);
    ByteBuffer bytes = ByteBuffer.allocate(4 * vector.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(vector);
    return bytes.array();
  }

  private byte[] json(F32Rows rows, int row) {
    float[] vector = new float[rows.dimension()];
    rows.copyRow(row, vector);
    return "{\"vector\":%s,\"limit\":10,\"params\":{\"hnsw_ef\":%d}}"
        .formatted(Arrays.toString(vector), list)
        .getBytes(StandardCharsets.UTF_8);
  }

  /** One query after the other by several clients; returns the neighbours of each query. */
  private long[][] searches(F32Rows asked, ObjectNode report, boolean isBinary) throws Exception {
    int size = asked.count();
    byte[][] bodies = new byte[size][];
    for (int i = 0; i < size; i++) {
      bodies[i] = isBinary ? binary(asked, i) : json(asked, i);
    }
    String path =
        "/collections/" + NAME + "/points/search" + (isBinary ? "?limit=10&list=" + list : "");
    long[][] found = new long[size][];
    String label = isBinary ? "http_binary" : "http_json";
    double qps =
        repeat(
            PlainHttp::new,
            (client, query) -> {
              PlainHttp.Answer response =
                  client.send(
                      "POST", path, isBinary ? BINARY_TYPE : JSON_TYPE, bodies[query % size]);
              if (response.status() != 200) {
                throw new IOException(response.text());
              }
              if (found[query % size] == null) {
                found[query % size] = ids(response.body());
              }
            });
    report.put(label + "_qps", qps);
    report.set(label + "_us", times(searchTimes));
    return found;
  }

  private static long[] ids(byte[] body) {
    JsonNode result = JSON.readTree(body).path("result");
    long[] ids = new long[result.size()];
    Arrays.setAll(ids, i -> result.get(i).path("id").asLong());
    return ids;
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
                      searchTimes.recordValue(after - now);
                      counted.incrementAndGet();
                    }
                    now = after;
                  }
                } catch (Exception e) {
                  searchErrors.incrementAndGet();
                  firstError = firstError.isEmpty() ? e.toString() : firstError;
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    return counted.get() / (double) searchSeconds;
  }

  private static ObjectNode times(Recorder recorder) {
    Histogram histogram = recorder.getIntervalHistogram();
    ObjectNode node = JSON.createObjectNode();
    node.put("count", histogram.getTotalCount());
    node.put("p50", histogram.getValueAtPercentile(50) / 1e3);
    node.put("p99", histogram.getValueAtPercentile(99) / 1e3);
    node.put("max", histogram.getMaxValue() / 1e3);
    return node;
  }

  /** The same searches without a server. */
  private long[][] embedded(F32Rows asked, ObjectNode report) throws Exception {
    int size = asked.count();
    float[][] vectors = new float[size][asked.dimension()];
    for (int i = 0; i < size; i++) {
      asked.copyRow(i, vectors[i]);
    }
    long[][] found = new long[size][];
    Path directory = work.resolve("data/collections/" + NAME + "/index");
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
      report.set("embedded_us", times(searchTimes));
    }
    return found;
  }

  /** The ten nearest of some queries by cosine; null for the others. */
  private static long[][] exact(F32Rows base, int vectors, F32Rows asked) {
    long[][] nearest = new long[asked.count()][];
    int queryCount = Math.min(RECALL_QUERIES, asked.count());
    float[][] asks = new float[queryCount][asked.dimension()];
    double[][] scores = new double[queryCount][vectors];
    for (int query = 0; query < queryCount; query++) {
      asked.copyRow(query, asks[query]);
    }
    float[] row = new float[base.dimension()];
    for (int id = 0; id < vectors; id++) {
      base.copyRow(id, row);
      double norm = Math.sqrt(dot(row, row));
      for (int query = 0; query < queryCount; query++) {
        scores[query][id] = dot(asks[query], row) / norm;
      }
    }
    for (int query = 0; query < queryCount; query++) {
      double[] own = scores[query];
      nearest[query] =
          IntStream.range(0, vectors)
              .boxed()
              .sorted(Comparator.comparingDouble(id -> -own[id]))
              .limit(10)
              .mapToLong(Integer::longValue)
              .toArray();
    }
    return nearest;
  }

  private static double dot(float[] a, float[] b) {
    float sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum = Math.fma(a[i], b[i], sum);
    }
    return sum;
  }

  private static double agreement(long[][] one, long[][] other) {
    long same = 0;
    long all = 0;
    for (int i = 0; i < one.length; i++) {
      if (one[i] != null && other[i] != null) {
        long[] ids = other[i];
        same +=
            Arrays.stream(one[i]).filter(id -> Arrays.stream(ids).anyMatch(o -> o == id)).count();
        all += one[i].length;
      }
    }
    return all == 0 ? 0 : same / (double) all;
  }

  // Mixed load:

  /** Half of the clients write, half search; returns the server process, which may be another. */
  private Process mixed(Process server, F32Rows rows, int vectors, F32Rows asked, ObjectNode report)
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
                  writeByFlight(writers, rows, vectors, sources, underway);
                } else if (which < writers) {
                  write(which, writers, rows, vectors, sources, underway);
                } else {
                  search(which, asked);
                }
              }));
    }
    List<Double> timeline = watch(server);
    if (kill) {
      server.descendants().forEach(ProcessHandle::destroyForcibly);
      server.destroyForcibly();
    }
    stopped = true;
    for (Thread thread : threads) {
      thread.join();
    }
    report.put("mixed_seconds", seconds);
    report.put("search_errors", searchErrors.get());
    report.put("write_errors", writeErrors.get());
    report.put("first_error", firstError);
    report.put("declared_backpressure", backpressure.get());
    report.set("mixed_search_us", times(searchTimes));
    report.set("mixed_write_us", times(writeTimes));
    report.put("mixed_put_by_flight", putByFlight.get());
    timeline.forEach(report.putArray("memory_mb_per_half_minute")::add);
    growth = growth(timeline);
    report.put("memory_growth_after_first_minute", growth);
    Process next = server;
    if (kill) {
      if (!server.waitFor(30, TimeUnit.SECONDS)) {
        throw new IOException("the killed server is still there");
      }
      long begin = System.nanoTime();
      next = start();
      report.put("restart_seconds", (System.nanoTime() - begin) / 1e9);
    }
    verify(rows, sources, underway, report);
    return next;
  }

  /** Anonymous memory of the server, twice a minute. */
  private List<Double> watch(Process server) throws Exception {
    List<Double> readings = new ArrayList<>();
    Path status = Path.of("/proc", Long.toString(server.pid()), "status");
    for (int second = 0; second < seconds; second++) {
      Thread.sleep(1000);
      if (second % 30 == 29) {
        for (String line : Files.readAllLines(status)) {
          if (line.startsWith("RssAnon:")) {
            long kilobytes = Long.parseLong(line.replaceAll("[^0-9]", ""));
            readings.add(Math.round(kilobytes / 102.4) / 10.0);
          }
        }
      }
    }
    return readings;
  }

  /** Mean of the last third of the readings behind the first minute, as a share of the first's. */
  private static double growth(List<Double> readings) {
    List<Double> later = readings.subList(Math.min(2, readings.size()), readings.size());
    int third = later.size() / 3;
    if (third == 0) {
      return 1;
    }
    return mean(later.subList(later.size() - third, later.size())) / mean(later.subList(0, third));
  }

  private static double mean(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).average().orElse(0);
  }

  /** As {@link #write} without deletes, over one stream of DoPut: a batch, its answer, the next. */
  private void writeByFlight(
      int writers,
      F32Rows rows,
      int vectors,
      AtomicIntegerArray sources,
      AtomicIntegerArray underway) {
    SplittableRandom random = new SplittableRandom(0);
    int[][] sent = new int[1][0];
    try (BufferAllocator allocator = new RootAllocator();
        FlightClient client =
            FlightClient.builder(allocator, Location.forGrpcInsecure("127.0.0.1", port + 1))
                .build();
        VectorSchemaRoot root = VectorSchemaRoot.create(schema(rows.dimension()), allocator)) {
      while (!stopped) {
        try (SyncPutListener listener = new SyncPutListener()) {
          FlightClient.ClientStreamListener stream =
              client.startPut(FlightDescriptor.path(NAME), root, listener);
          while (!stopped) {
            int[] ids =
                random
                    .ints(UPSERT, 0, vectors / writers)
                    .map(id -> id * writers)
                    .distinct()
                    .toArray();
            int[] from = random.ints(ids.length, 1, rows.count() + 1).toArray();
            sent[0] = ids;
            for (int id : ids) {
              underway.set(id, 1);
            }
            fill(root, rows, ids, from);
            long begin = System.nanoTime();
            stream.putNext();
            awaitAnswer(listener, ids.length);
            writeTimes.recordValue(System.nanoTime() - begin);
            putByFlight.addAndGet(ids.length);
            for (int i = 0; i < ids.length; i++) {
              sources.set(ids[i], from[i]);
              underway.set(ids[i], 0);
            }
          }
          stream.completed();
          listener.getResult();
        } catch (ExecutionException | FlightRuntimeException e) {
          requireBackpressure(e instanceof ExecutionException ? e.getCause() : e);
          for (int id : sent[0]) {
            underway.set(id, 0); // nothing of it is done
          }
        }
      }
    } catch (Exception e) {
      failed(writeErrors, e);
    }
  }

  private void requireBackpressure(@Nullable Throwable e) throws Exception {
    boolean refused =
        e instanceof FlightRuntimeException failure
            && failure.status().code() == FlightStatusCode.RESOURCE_EXHAUSTED;
    if (!refused) {
      throw new IOException("DoPut failed: " + e, e);
    }
    backpressure.incrementAndGet();
    Thread.sleep(1000);
  }

  private void awaitAnswer(SyncPutListener listener, int rows) throws Exception {
    int left = rows;
    while (left > 0) {
      try (PutResult result = listener.read()) {
        if (result == null) {
          throw new IOException("the server ended the stream");
        }
        byte[] bytes = new byte[(int) result.getApplicationMetadata().readableBytes()];
        result.getApplicationMetadata().readBytes(bytes);
        JsonNode answer = JSON.readTree(bytes);
        left -= answer.path("rows").asInt(0);
        if (answer.path("status").asString("").equals("slow_down")) {
          backpressure.incrementAndGet();
        }
      }
    }
  }

  private static void fill(VectorSchemaRoot root, F32Rows rows, int[] ids, int[] from) {
    int dimension = rows.dimension();
    float[] row = new float[dimension];
    root.allocateNew();
    FixedSizeListVector vectors = (FixedSizeListVector) root.getVector("vector");
    Float4Vector items = (Float4Vector) vectors.getDataVector();
    for (int i = 0; i < ids.length; i++) {
      ((BigIntVector) root.getVector("id")).setSafe(i, ids[i]);
      rows.copyRow(from[i] - 1, row);
      for (int j = 0; j < dimension; j++) {
        items.setSafe(i * dimension + j, row[j]);
      }
      vectors.setNotNull(i);
    }
    root.setRowCount(ids.length);
  }

  private void write(
      int which,
      int writers,
      F32Rows rows,
      int vectors,
      AtomicIntegerArray sources,
      AtomicIntegerArray underway) {
    SplittableRandom random = new SplittableRandom(which);
    float[] vector = new float[rows.dimension()];
    try (PlainHttp client = new PlainHttp(port)) {
      while (!stopped) {
        int[] ids =
            random
                .ints(UPSERT, 0, vectors / writers)
                .map(id -> id * writers + which)
                .distinct()
                .toArray();
        boolean delete = random.nextInt(8) == 0;
        int[] from = new int[ids.length];
        StringBuilder body = new StringBuilder("{\"points\":[");
        for (int i = 0; i < ids.length; i++) {
          from[i] = delete ? 0 : 1 + random.nextInt(rows.count());
          underway.set(ids[i], 1);
          body.append(i == 0 ? "" : ",");
          if (delete) {
            body.append(ids[i]);
          } else {
            rows.copyRow(from[i] - 1, vector);
            body.append("{\"id\":").append(ids[i]).append(",\"payload\":{\"row\":");
            body.append(from[i]).append("},\"vector\":").append(Arrays.toString(vector));
            body.append('}');
          }
        }
        byte[] bytes = body.append("]}").toString().getBytes(StandardCharsets.UTF_8);
        String path = "/collections/" + NAME + "/points" + (delete ? "/delete" : "");
        long begin = System.nanoTime();
        PlainHttp.Answer response = client.send(delete ? "POST" : "PUT", path, JSON_TYPE, bytes);
        if (response.status() == 429) {
          backpressure.incrementAndGet(); // nothing of it is done
          for (int id : ids) {
            underway.set(id, 0);
          }
          Thread.sleep(1000);
          continue;
        }
        if (response.status() != 200) {
          throw new IOException(response.text());
        }
        writeTimes.recordValue(System.nanoTime() - begin);
        for (int i = 0; i < ids.length; i++) {
          sources.set(ids[i], from[i]);
          underway.set(ids[i], 0);
        }
      }
    } catch (Exception e) {
      failed(writeErrors, e);
    }
  }

  private void failed(AtomicLong errors, Exception e) {
    if (!(kill && stopped)) {
      errors.incrementAndGet();
      firstError = firstError.isEmpty() ? e.toString() : firstError;
    }
  }

  private void search(int which, F32Rows asked) {
    String path = "/collections/" + NAME + "/points/search?limit=10&list=" + list;
    try (PlainHttp client = new PlainHttp(port)) {
      for (int query = which; !stopped; query++) {
        byte[] body = binary(asked, query % asked.count());
        long begin = System.nanoTime();
        PlainHttp.Answer response = client.send("POST", path, BINARY_TYPE, body);
        if (response.status() == 429) {
          backpressure.incrementAndGet();
          continue;
        }
        if (response.status() != 200 || ids(response.body()).length != 10) {
          throw new IOException(response.text());
        }
        searchTimes.recordValue(System.nanoTime() - begin);
      }
    } catch (Exception e) {
      failed(searchErrors, e);
    }
  }

  /** Looks for every row acknowledged; those of a write nobody was told of may be either way. */
  private void verify(
      F32Rows rows, AtomicIntegerArray sources, AtomicIntegerArray underway, ObjectNode report)
      throws Exception {
    long checked = 0;
    long lost = 0;
    float[] vector = new float[rows.dimension()];
    try (PlainHttp client = new PlainHttp(port)) {
      for (int from = 0; from < sources.length(); from += 100) {
        int to = Math.min(sources.length(), from + 100);
        StringBuilder body = new StringBuilder("{\"with_vector\":true,\"ids\":[");
        for (int id = from; id < to; id++) {
          body.append(id == from ? "" : ",").append(id);
        }
        byte[] bytes = body.append("]}").toString().getBytes(StandardCharsets.UTF_8);
        JsonNode[] points = new JsonNode[to - from];
        byte[] answer =
            client.send("POST", "/collections/" + NAME + "/points", JSON_TYPE, bytes).body();
        for (JsonNode point : JSON.readTree(answer).path("result")) {
          points[point.path("id").asInt() - from] = point;
        }
        for (int id = from; id < to; id++) {
          if (underway.get(id) != 0) {
            continue;
          }
          checked++;
          int source = sources.get(id);
          JsonNode point = points[id - from];
          if (source == 0 || point == null) {
            lost += source == 0 == (point == null) ? 0 : 1;
            continue;
          }
          rows.copyRow(source - 1, vector);
          lost += isSame(point.path("vector"), vector) ? 0 : 1;
        }
      }
    }
    report.put("checked", checked);
    report.put("lost", lost);
  }

  /** The same direction: what is stored has unit norm. */
  private static boolean isSame(JsonNode stored, float[] vector) {
    double dot = 0;
    double norm = 0;
    for (int i = 0; i < vector.length; i++) {
      dot += stored.path(i).asDouble(0) * vector[i];
      norm += (double) vector[i] * vector[i];
    }
    return Math.abs(dot / Math.sqrt(norm) - 1) < 1e-5;
  }
}
