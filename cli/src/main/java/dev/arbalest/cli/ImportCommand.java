// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BadInputException;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.VectorSource;
import dev.arbalest.cli.remote.PointFile;
import dev.arbalest.cli.remote.ServerClient;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Sends a file of vectors, or of points, to a collection of a running server. */
@Command(
    name = "import",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Sends a file to a collection of a running server, in place of points with the same ids: a",
      "file of vectors as for build, whose points get no payload, or of points, one JSON object",
      "per line (.ndjson, .jsonl). Two batches are on their way at a time, each durable when the",
      "server answers; after a failure it says how to go on. To send points again is harmless."
    })
final class ImportCommand implements Callable<Integer>, Failures.Verbose {
  /** Batches on their way: one is written while the next is sent. */
  private static final int AHEAD = 2;

  private static final int BATCH_BYTES = 8 << 20;

  @Mixin private CommonOptions common;

  @Mixin private RemoteOptions server;

  @Option(names = "--collection", required = true, description = "Name of the collection.")
  private String collection;

  @Mixin private VectorFiles input;

  @Option(
      names = "--first-id",
      description = "Instead of ids: number of the first vector, which the others follow.")
  private @Nullable Long firstId;

  @Option(
      names = "--metric",
      description = "Creates the collection, if it is missing: cosine, dot or l2.")
  private @Nullable Metric metric;

  @Option(
      names = "--skip",
      defaultValue = "0",
      description = "Leave out so many points, which were sent before.")
  private int skip;

  @Option(
      names = "--batch",
      defaultValue = "1000",
      description =
          "Most points of a request; at most 8 MiB of vectors. Default: ${DEFAULT-VALUE}.")
  private int batch;

  /** Points of the file that were skipped or are written. */
  private int done;

  /** A batch on its way, and how many points were sent with it and those before. */
  private record Sent(Future<JsonNode> answer, int upTo) {}

  @Override
  public Integer call() throws IOException {
    if (batch < 1) {
      throw new BadInputException("--batch must be at least 1: " + batch);
    }
    if (skip < 0) {
      throw new BadInputException("--skip must be at least 0: " + skip);
    }
    done = skip;
    long start = System.nanoTime();
    int count;
    try (Progress progress = common.progress();
        ServerClient client = server.open();
        ExecutorService senders = Executors.newFixedThreadPool(AHEAD)) {
      count =
          isPoints()
              ? sendPoints(client, senders, progress)
              : sendVectors(client, senders, progress);
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    if (common.json) {
      ObjectNode root = CommonOptions.newObject();
      root.put("imported", count);
      root.put("seconds", seconds);
      root.put("points_per_second", count / seconds);
      common.print(root);
    } else {
      common.print(
          String.format(
              Locale.ROOT,
              "sent %,d points to %s in %.1f s (%,.0f per second)",
              count,
              collection,
              seconds,
              count / seconds));
    }
    return ExitCode.DONE;
  }

  /** Most vectors of a request. */
  private int size(VectorSource vectors) {
    return Math.clamp(BATCH_BYTES / (4L * vectors.dimension()), 1, batch);
  }

  private boolean isPoints() {
    Path only = input.only();
    return only != null && PointFile.isOne(only);
  }

  /** Makes the collection if it is to be made. */
  private void requireCollection(ServerClient client, int dimension) throws IOException {
    Metric wanted = metric;
    JsonNode there = client.describe(collection);
    if (there != null) {
      JsonNode params = there.path("config").path("params");
      JsonNode vectors = params.path("vectors");
      boolean isNamed = !vectors.path("size").isNumber() || params.has("sparse_vectors");
      if (isNamed && wanted == null && isPoints()) {
        return; // the server says what does not fit
      }
      if (dimension == 0) {
        throw new BadInputException(
            "collection "
                + collection
                + " has one vector, without a name, and those of "
                + input.name()
                + " have names");
      }
      String distance = vectors.path("distance").asString("");
      if (wanted != null && !distance.equals(distance(wanted))) {
        throw new BadInputException(
            "collection " + collection + " has distance " + distance + ", not " + distance(wanted));
      }
      if (vectors.path("size").asInt(0) != dimension) {
        throw new BadInputException(
            "collection "
                + collection
                + " has vectors of dimension "
                + vectors.path("size")
                + ", "
                + input.name()
                + " of "
                + dimension);
      }
      return;
    }
    if (dimension == 0) {
      throw new BadInputException(
          "there is no collection "
              + collection
              + "; create it on the server, with the vectors that "
              + input.name()
              + " names");
    }
    if (wanted == null) {
      throw new BadInputException(
          "there is no collection " + collection + "; create it, or give --metric");
    }
    ObjectNode body = CommonOptions.newObject();
    body.putObject("vectors").put("size", dimension).put("distance", distance(wanted));
    JsonNode _ = client.json("PUT", ServerClient.path(collection), body.toString());
  }

  private static String distance(Metric metric) {
    return switch (metric) {
      case COSINE -> "Cosine";
      case DOT -> "Dot";
      case L2 -> "Euclid";
    };
  }

  private int sendPoints(ServerClient client, ExecutorService senders, Progress progress)
      throws IOException {
    if (input.hasIds() || firstId != null) {
      throw new BadInputException(
          "--ids, --id-column and --first-id are for vectors; " + input.name() + " has points");
    }
    if (input.hasVectorOptions()) {
      throw new BadInputException(
          "--vector-column and --input-format are for vectors; " + input.name() + " has points");
    }
    String path = ServerClient.path(collection) + "/points?wait=true";
    Deque<Sent> sent = new ArrayDeque<>();
    try (PointFile points = new PointFile(java.util.Objects.requireNonNull(input.only()))) {
      requireCollection(client, points.dimension());
      progress.stage("import", points.count());
      points.skip(skip);
      for (String body = points.nextUpsert(batch, BATCH_BYTES);
          !body.isEmpty();
          body = points.nextUpsert(batch, BATCH_BYTES)) {
        String next = body;
        await(sent, AHEAD - 1, progress);
        sent.addLast(
            new Sent(senders.submit(() -> client.json("PUT", path, next)), points.points()));
      }
      await(sent, 0, progress);
      return points.points() - skip;
    }
  }

  private int sendVectors(ServerClient client, ExecutorService senders, Progress progress)
      throws IOException {
    if (input.hasIds() == (firstId != null)) {
      throw new BadInputException("give --ids, --id-column or --first-id, one of them");
    }
    Deque<Sent> sent = new ArrayDeque<>();
    try (VectorSource vectors = input.open();
        SourceBatches batches = new SourceBatches(vectors, size(vectors))) {
      int count = vectors.count();
      if (firstId != null && firstId < 0) {
        throw new BadInputException("--first-id must be at least 0: " + firstId);
      }
      IdFile all = firstId == null ? input.ids(IdType.INT64, count) : IdFile.range(firstId, count);
      if (skip > count) {
        throw new BadInputException("--skip must be in [0, " + count + "]: " + skip);
      }
      requireCollection(client, vectors.dimension());
      int size = size(vectors);
      String path = ServerClient.path(collection) + "/points?ids=true";
      progress.stage("import", count - skip);
      batches.skip(skip);
      for (int from = skip; from < count; from += size) {
        int to = Math.min(count, from + size);
        byte[] body;
        try {
          body = body(batches.next(to - from), all.ids(from, to));
        } catch (IOException | RuntimeException e) {
          await(sent, 0, progress);
          progress.note(done + " points are written; go on with --skip " + done);
          throw e;
        }
        await(sent, AHEAD - 1, progress);
        sent.addLast(new Sent(senders.submit(() -> client.bytes("PUT", path, body)), to));
      }
      await(sent, 0, progress);
      return count - skip;
    }
  }

  /** Ids, then vectors, as the server takes them. */
  private static byte[] body(F32Rows rows, Ids ids) {
    int count = rows.count();
    long rowBytes = 4L * rows.dimension();
    byte[] body = new byte[Math.toIntExact(count * (8 + rowBytes))];
    MemorySegment target = MemorySegment.ofArray(body);
    ValueLayout.OfLong id = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      if (ids.number(i) < 0) {
        throw new BadInputException("ids are numbers from 0 on, found " + ids.number(i));
      }
      target.set(id, 8L * i, ids.number(i));
      MemorySegment.copy(
          rows.memory(), rows.offset(i), target, 8L * count + i * rowBytes, rowBytes);
    }
    return body;
  }

  /** Waits until at most so many batches are on their way. */
  private void await(Deque<Sent> sent, int most, Progress progress) throws IOException {
    while (sent.size() > most) {
      Sent first = sent.removeFirst();
      try {
        JsonNode _ = first.answer().get();
      } catch (ExecutionException e) {
        progress.note(done + " points are written; go on with --skip " + done);
        switch (e.getCause()) {
          case IOException io -> throw io;
          case RuntimeException runtime -> throw runtime;
          case null, default -> throw new IOException(e.getCause());
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted; go on with --skip " + done, e);
      }
      progress.advanced(first.upTo() - done);
      done = first.upTo();
    }
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
