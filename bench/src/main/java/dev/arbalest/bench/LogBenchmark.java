// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import com.github.luben.zstd.Zstd;
import dev.arbalest.BadInputException;
import dev.arbalest.VectorInput;
import dev.arbalest.ssd.trial.LogTrial;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The write-ahead log with and without compression. */
@Command(
    name = "log",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Appends the vectors of a file to a write-ahead log in batches, each durable before the next,",
      "and replays them: bytes per vector and MB/s, raw and as byte planes through Zstandard. Beside",
      "it what plain Zstandard (level 1) makes of the same batches, which the log does not offer."
    })
public final class LogBenchmark implements Callable<Integer> {
  private static final JsonMapper JSON = new JsonMapper();

  @Option(names = "--input", required = true, description = "File of vectors.")
  private Path input;

  @Option(
      names = "--work",
      required = true,
      description = "Directory for the logs, on the disk to be measured; what is in it is removed.")
  private Path work;

  @Option(
      names = "--batch",
      split = ",",
      defaultValue = "1,64,1024",
      description = "Vectors per block. Default: ${DEFAULT-VALUE}.")
  private List<Integer> batches;

  @Option(names = "--count", defaultValue = "20000", description = "Most vectors logged.")
  private int count;

  @Option(
      names = "--sync-ms",
      defaultValue = "0",
      description = "Milliseconds between syncs; 0: every batch waits for its own.")
  private int syncMillis;

  @Option(names = "--rounds", defaultValue = "3", description = "Default: ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(names = "--json", description = "Print one JSON object on standard output.")
  private boolean json;

  private @Nullable ArrayNode lines;

  private LogBenchmark() {}

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(
        new CommandLine(new LogBenchmark())
            .setExecutionExceptionHandler((e, _, _) -> {
              if (e instanceof BadInputException) {
                System.err.println("error: " + e.getMessage());
                return 2;
              }
              throw e;
            })
            .execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    if (rounds < 1) {
      throw new BadInputException("--rounds must be at least 1: " + rounds);
    }
    ObjectNode report = JSON.createObjectNode();
    lines = report.putArray("runs");
    if (!json) {
      System.out.println(
          "| batch | stored as | bytes per vector | of raw | append MB/s | replay MB/s |");
      System.out.println("| --- | --- | --- | --- | --- | --- |");
    }
    try (VectorInput vectors = VectorInput.open(input)) {
      F32Rows all = vectors.rows();
      int size = Math.min(count, all.count());
      for (int batch : batches) {
        // Single vectors wait for a sync each: fewer do.
        int few = batch == 1 ? Math.min(size, 2000) : size;
        F32Rows some =
            new F32Rows(all.memory(), all.offset(0), all.strideBytes(), few, all.dimension());
        trial(some, batch, false);
        trial(some, batch, true);
        plain(some, batch);
      }
      report.put("dimension", all.dimension());
    }
    if (json) {
      System.out.println(JSON.writeValueAsString(report));
    }
    return 0;
  }

  private void trial(F32Rows rows, int batch, boolean compress) throws IOException {
    LogTrial.Result best = null;
    for (int round = 0; round < rounds; round++) {
      empty();
      LogTrial.Result result = LogTrial.run(work, rows, batch, compress, syncMillis);
      if (best == null || result.appendSeconds() < best.appendSeconds()) {
        best = result;
      }
    }
    empty();
    java.util.Objects.requireNonNull(best, "at least one round");
    line(
        batch,
        compress ? "byte planes" : "raw",
        best.logBytes() / (double) best.vectors(),
        best.logBytes() / (double) best.payloadBytes(),
        best.payloadBytes() / best.appendSeconds() / 1e6,
        best.payloadBytes() / best.replaySeconds() / 1e6);
  }

  private void empty() throws IOException {
    if (Files.isDirectory(work)) {
      try (Stream<Path> files = Files.list(work)) {
        for (Path file : files.toList()) {
          String name = String.valueOf(file.getFileName());
          if (!name.endsWith(".wal") && !name.endsWith(".tmp")) {
            throw new BadInputException(work + " holds " + name + ", which is no log");
          }
          Files.delete(file);
        }
      }
    }
  }

  /** In memory only: a log that compresses so does not exist. */
  private void plain(F32Rows rows, int batch) {
    int rowBytes = 4 * rows.dimension();
    byte[] payload = new byte[batch * (8 + rowBytes)];
    long raw = 0;
    long stored = 0;
    long start = System.nanoTime();
    for (int from = 0; from + batch <= rows.count(); from += batch) {
      for (int i = 0; i < batch; i++) {
        int at = 8 * batch + i * rowBytes;
        MemorySegment.copy(
            rows.memory(), ValueLayout.JAVA_BYTE, rows.offset(from + i), payload, at, rowBytes);
      }
      raw += payload.length;
      stored += Math.min(payload.length, Zstd.compress(payload, 1).length);
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    double vectors = raw / (8.0 + rowBytes);
    line(
        batch,
        "zstd 1, in memory",
        stored / vectors,
        stored / (double) raw,
        raw / seconds / 1e6,
        0);
  }

  private void line(
      int batch, String mode, double bytes, double ofRaw, double append, double replay) {
    if (json) {
      java.util.Objects.requireNonNull(lines)
          .addObject()
          .put("batch", batch)
          .put("stored", mode)
          .put("bytes_per_vector", bytes)
          .put("of_raw", ofRaw)
          .put("append_mb_per_second", append)
          .put("replay_mb_per_second", replay);
    } else {
      System.out.printf(
          Locale.ROOT,
          "| %d | %s | %.0f | %.3f | %.0f | %s |%n",
          batch,
          mode,
          bytes,
          ofRaw,
          append,
          replay == 0 ? "" : String.format(Locale.ROOT, "%.0f", replay));
    }
  }
}
