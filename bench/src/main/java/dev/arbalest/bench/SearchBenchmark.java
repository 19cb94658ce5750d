// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import dev.arbalest.BadInputException;
import dev.arbalest.Index;
import dev.arbalest.OpenOptions;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.VectorInput;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.SystemFacts;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.trial.GroundTruth;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Recall, reads, throughput and latency of searches over their parameters. */
@Command(
    name = "search",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Searches an index over lists, confidences or numbers of reads, threads, readers and caches:",
      "recall, reads, throughput, latency and where the time goes. Vectors are not in the page cache",
      "at first. With --memory everything runs in a control group of that size (needs root)."
    })
public final class SearchBenchmark implements Callable<Integer> {
  private static final JsonMapper JSON = new JsonMapper();
  private static final double WARM_SHARE = 0.4;

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path index;

  @Option(names = "--queries", required = true, description = "File of queries.")
  private Path queries;

  @Option(names = "--ground-truth", required = true, description = "Their true neighbours.")
  private Path groundTruth;

  @Option(names = "--k", defaultValue = "10", description = "Default: ${DEFAULT-VALUE}.")
  private int k;

  @Option(
      names = "--list",
      split = ",",
      defaultValue = "32,64,100,200",
      description = "Search lists. Default: ${DEFAULT-VALUE}.")
  private List<Integer> lists;

  @Option(
      names = "--confidence",
      split = ",",
      defaultValue = "0.5,0.8,0.95,0.99",
      description = "Confidences of reading. Default: ${DEFAULT-VALUE}.")
  private List<Double> confidences;

  @Option(
      names = "--rerank",
      split = ",",
      defaultValue = "",
      description = "Constant numbers of reads, beside the confidences.")
  private List<String> reranks;

  @Option(
      names = "--threads",
      split = ",",
      defaultValue = "1",
      description = "Default: ${DEFAULT-VALUE}.")
  private List<Integer> threads;

  @Option(
      names = "--reader",
      split = ",",
      defaultValue = "auto",
      description = "auto, uring, pread, mmap. Default: ${DEFAULT-VALUE}.")
  private List<String> readers;

  @Option(
      names = "--cache",
      split = ",",
      defaultValue = "0",
      description = "Bytes of vector cache. Default: ${DEFAULT-VALUE}.")
  private List<Long> caches;

  @Option(names = "--seconds", defaultValue = "3", description = "Per line. ${DEFAULT-VALUE}.")
  private double seconds;

  @Option(names = "--memory", defaultValue = "0", description = "Bytes of the control group.")
  private long memory;

  @Option(names = "--json", description = "Print one JSON object on standard output.")
  private boolean json;

  @Option(names = "--svg", description = "File for a plot of latencies.")
  private @Nullable Path svg;

  private final List<String> arguments;

  private SearchBenchmark(List<String> arguments) {
    this.arguments = arguments;
  }

  /** Runs the command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(
        new CommandLine(new SearchBenchmark(List.of(arguments)))
            .setExecutionExceptionHandler((e, _, _) -> {
              if (e instanceof BadInputException || e instanceof IllegalArgumentException) {
                System.err.println("error: " + e.getMessage());
                return 2;
              }
              throw e;
            })
            .execute(arguments));
  }

  /** One line of the table. */
  private static final class Line {
    private final String reader;
    private final long cache;
    private final int threads;
    private final SearchParameters parameters;
    private final Histogram nanos = new Histogram(3);
    private double recall;
    private double qps;
    private long reads;
    private long wasted;
    private long hits;
    private long scored;
    private long prepare;
    private long walk;
    private long wait;
    private long rerank;

    Line(String reader, long cache, int threads, SearchParameters parameters) {
      this.reader = reader;
      this.cache = cache;
      this.threads = threads;
      this.parameters = parameters;
    }

    synchronized void add(SearchResult result, long elapsed) {
      nanos.recordValue(elapsed);
      reads += result.reads();
      wasted += result.wastedReads();
      hits += result.cacheHits();
      scored += result.scored();
      prepare += result.prepareNanos();
      walk += result.walkNanos();
      wait += result.waitNanos();
      rerank += result.rerankNanos();
    }

    double per(long sum) {
      return (double) sum / nanos.getTotalCount();
    }

    String reading() {
      return parameters.confidence() < 1
          ? String.format(Locale.ROOT, "confidence %.3g", parameters.confidence())
          : "all " + parameters.rerank();
    }
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (memory > 0) {
      return inGroup();
    }
    List<Line> lines = new ArrayList<>();
    try (VectorInput vectors = VectorInput.open(queries)) {
      GroundTruth truth = GroundTruth.read(groundTruth);
      for (String reader : readers) {
        for (long cache : caches) {
          dropCaches();
          OpenOptions options =
              OpenOptions.defaults()
                  .withReader(ReaderKind.parse(reader))
                  .withCacheBytes(cache)
                  .withSearchThreads(threads.stream().mapToInt(t -> t).max().orElse(1));
          try (Index opened = Index.open(index, options, ProgressListener.NONE)) {
            for (int count : threads) {
              for (SearchParameters parameters : parameters()) {
                Line line = new Line(opened.stats().reader().label(), cache, count, parameters);
                measure(opened, vectors.rows(), truth, line);
                lines.add(line);
              }
            }
          }
        }
      }
    }
    if (json) {
      System.out.println(JSON.writeValueAsString(toJson(lines)));
    } else {
      print(lines);
    }
    if (svg != null) {
      Files.writeString(
          svg,
          LatencyPlot.svg(
              lines.stream()
                  .map(line ->
                      new LatencyPlot.Series(
                          line.reader
                              + " x"
                              + line.threads
                              + ", L "
                              + line.parameters.searchListSize()
                              + ", "
                              + line.reading(),
                          line.nanos))
                  .toList()));
    }
    return 0;
  }

  private int inGroup() throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0",
                "-cp",
                System.getProperty("java.class.path"),
                SearchBenchmark.class.getName()));
    for (int i = 0; i < arguments.size(); i++) {
      if (arguments.get(i).equals("--memory")) {
        i++;
      } else if (!arguments.get(i).startsWith("--memory=")) {
        command.add(arguments.get(i));
      }
    }
    try (CgroupLimit group = CgroupLimit.of(memory)) {
      return new ProcessBuilder(group.wrap(command)).inheritIO().start().waitFor();
    }
  }

  private List<SearchParameters> parameters() {
    List<SearchParameters> all = new ArrayList<>();
    for (int list : lists) {
      for (double confidence : confidences) {
        all.add(SearchParameters.forK(k).withList(list).withConfidence(confidence));
      }
      for (String rerank : reranks) {
        if (!rerank.isEmpty() && Integer.parseInt(rerank) <= list) {
          all.add(
              SearchParameters.forK(k)
                  .withList(list)
                  .withRerank(Integer.parseInt(rerank))
                  .withConfidence(1));
        }
      }
    }
    return all;
  }

  private void dropCaches() throws IOException {
    try (Stream<Path> files = Files.list(index)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        try (DirectFile opened = DirectFile.open(file, DirectFile.Mode.READ)) {
          opened.dropCache();
        }
      }
    }
  }

  private void measure(Index opened, F32Rows rows, GroundTruth truth, Line line)
      throws IOException {
    SearchResult result = new SearchResult();
    float[] query = new float[rows.dimension()];
    long[] ids = new long[k];
    long found = 0;
    for (int i = 0; i < rows.count(); i++) {
      rows.copyRow(i, query);
      opened.search(query, line.parameters, result);
      result.copyIds(ids, 0);
      found += truth.hits(i, ids, k);
    }
    line.recall = (double) found / k / rows.count();
    double unused = run(opened, rows, line.threads, WARM_SHARE * seconds, null, line.parameters);
    assert unused >= 0;
    line.qps = run(opened, rows, line.threads, seconds, line, line.parameters);
  }

  private static double run(
      Index opened,
      F32Rows rows,
      int threads,
      double seconds,
      @Nullable Line line,
      SearchParameters parameters)
      throws IOException {
    AtomicInteger next = new AtomicInteger();
    long start = System.nanoTime();
    long end = start + (long) (seconds * 1e9);
    try (Workers workers = Workers.start(threads)) {
      workers.forRanges(
          threads,
          1,
          (worker, from, to) -> {
            SearchResult result = new SearchResult();
            float[] query = new float[rows.dimension()];
            while (System.nanoTime() < end) {
              rows.copyRow(Math.floorMod(next.getAndIncrement(), rows.count()), query);
              long before = System.nanoTime();
              opened.search(query, parameters, result);
              if (line != null) {
                line.add(result, System.nanoTime() - before);
              }
            }
          });
    }
    return next.get() / ((System.nanoTime() - start) / 1e9);
  }

  private static void print(List<Line> lines) {
    System.out.println(
        "| reader | cache MB | threads | list | reading | recall | reads | in vain | cache hits |"
            + " queries/s | mean us | p50 | p99 | prepare | walk | wait | rerank | ns per code |");
    System.out.println("|" + " --- |".repeat(18));
    for (Line line : lines) {
      System.out.println(
          String.format(
              Locale.ROOT,
              "| %s | %d | %d | %d | %s | %.4f | %.2f | %.2f | %.2f | %.0f | %.0f | %.0f | %.0f |"
                  + " %.0f | %.0f | %.0f | %.0f | %.0f |",
              line.reader,
              line.cache >> 20,
              line.threads,
              line.parameters.searchListSize(),
              line.reading(),
              line.recall,
              line.per(line.reads),
              line.per(line.wasted),
              line.per(line.hits),
              line.qps,
              line.nanos.getMean() / 1e3,
              line.nanos.getValueAtPercentile(50) / 1e3,
              line.nanos.getValueAtPercentile(99) / 1e3,
              line.per(line.prepare) / 1e3,
              line.per(line.walk) / 1e3,
              line.per(line.wait) / 1e3,
              line.per(line.rerank) / 1e3,
              (double) line.walk / line.scored));
    }
  }

  private static ObjectNode toJson(List<Line> lines) {
    ObjectNode root = JSON.createObjectNode();
    root.put("rss_bytes", SystemFacts.residentBytes());
    ArrayNode array = root.putArray("lines");
    for (Line line : lines) {
      ObjectNode node = array.addObject();
      node.put("reader", line.reader);
      node.put("cache_bytes", line.cache);
      node.put("threads", line.threads);
      node.put("list", line.parameters.searchListSize());
      node.put("rerank", line.parameters.rerank());
      node.put("confidence", line.parameters.confidence());
      node.put("recall", line.recall);
      node.put("reads", line.per(line.reads));
      node.put("wasted_reads", line.per(line.wasted));
      node.put("cache_hits", line.per(line.hits));
      node.put("qps", line.qps);
      node.put("mean_us", line.nanos.getMean() / 1e3);
      node.put("p50_us", line.nanos.getValueAtPercentile(50) / 1e3);
      node.put("p99_us", line.nanos.getValueAtPercentile(99) / 1e3);
      node.put("prepare_us", line.per(line.prepare) / 1e3);
      node.put("walk_us", line.per(line.walk) / 1e3);
      node.put("wait_us", line.per(line.wait) / 1e3);
      node.put("rerank_us", line.per(line.rerank) / 1e3);
      node.put("ns_per_code", (double) line.walk / line.scored);
    }
    return root;
  }
}
