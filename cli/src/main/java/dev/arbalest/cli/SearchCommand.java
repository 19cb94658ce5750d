// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.Index;
import dev.arbalest.OpenOptions;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.PointSet;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.VectorInput;
import dev.arbalest.cli.formats.InputFiles;
import dev.arbalest.natives.SystemFacts;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.ssd.trial.GroundTruth;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** Runs a file of queries against an index and measures. */
@Command(
    name = "search",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Searches an index for each query of a file and reports recall, reads and latencies.",
      "Latencies are those of a warmed JVM; the first query's is given apart."
    })
final class SearchCommand implements Callable<Integer>, Failures.Verbose {
  /** Default number of candidates whose prefix is read. */
  private static final int PREFIX_RERANK = 32;

  @Mixin private CommonOptions common;

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path index;

  @Option(names = "--queries", required = true, description = "File of queries.")
  private Path queries;

  @Option(names = "--ground-truth", description = "True neighbours (.ibin), to measure recall.")
  private @Nullable Path groundTruth;

  @Option(
      names = "--k",
      defaultValue = "10",
      description = "Neighbours wanted. Default: ${DEFAULT-VALUE}.")
  private int k;

  @Option(
      names = "--list",
      description =
          "Search list (L). Default: 64, more for large k or if the build found that it takes more.")
  private @Nullable Integer list;

  @Option(
      names = "--rerank",
      description = "Read exactly so many candidates. Default: as --confidence needs.")
  private @Nullable Integer rerank;

  @Option(
      names = "--recall",
      description =
          "Search as cheaply as reached this recall when the index was built, or tuned since.")
  private @Nullable Double recall;

  @Option(
      names = "--confidence",
      description =
          "Read a candidate while it may be among the nearest with a probability above one minus"
              + " this, 0.5 to 1. Default: 0.95, or what the index was found to need; with --rerank"
              + " 1.")
  private @Nullable Double confidence;

  @Option(
      names = "--dimensions",
      description =
          "Read only this prefix of the candidates first, then the best 2 k whole (Matryoshka)."
              + " Candidates: --rerank, default 32 or 2 k.")
  private @Nullable Integer dimensions;

  @Option(
      names = "--filter-ids",
      paramLabel = "FILE",
      description =
          "Search within the vectors whose ids this file has, one per line. Recall is then that of a"
              + " ground truth within them.")
  private @Nullable Path filterIds;

  @Option(
      names = "--explain",
      description = "Say how each query came to its answer: plan, expected and real cost, reads.")
  private boolean explain;

  @Option(
      names = "--reader",
      defaultValue = "auto",
      description = "auto, uring, pread or mmap. Default: ${DEFAULT-VALUE}.")
  private String reader;

  @Option(
      names = "--cache",
      defaultValue = "0",
      converter = ByteSize.class,
      description = "Memory for cached vectors. Default: ${DEFAULT-VALUE}.")
  private long cache;

  @Option(
      names = "--threads",
      defaultValue = "1",
      description = "Threads that search. Default: ${DEFAULT-VALUE}.")
  private int threads;

  @Option(
      names = "--repeat",
      defaultValue = "1",
      description = "Times all queries are run. Default: ${DEFAULT-VALUE}.")
  private int repeat;

  @Override
  public Integer call() throws IOException {
    if (repeat < 1) {
      throw new BadInputException("repeat must be at least 1: " + repeat);
    }
    if (threads < 1 || threads > 1024) {
      throw new BadInputException("threads must be in [1, 1024]: " + threads);
    }
    if (recall != null && (list != null || rerank != null || confidence != null)) {
      throw new BadInputException(
          "--recall chooses --list and --confidence; give either it or --list, --rerank,"
              + " --confidence");
    }
    if (dimensions != null && (recall != null || confidence != null)) {
      throw new BadInputException(
          "--dimensions reads a constant number of candidates; give --rerank with it, not --recall"
              + " or --confidence");
    }
    SearchParameters given = parameters();
    OpenOptions options =
        OpenOptions.defaults()
            .withReader(ReaderKind.parse(reader.toLowerCase(Locale.ROOT)))
            .withCacheBytes(cache)
            .withSearchThreads(threads);
    try (VectorInput vectors = InputFiles.open(queries, InputFiles.Role.QUERIES)) {
      GroundTruth truth = groundTruth == null ? null : InputFiles.groundTruth(groundTruth);
      long start = System.nanoTime();
      try (Index opened = openIndex(options)) {
        double openMillis = (System.nanoTime() - start) / 1e6;
        if (dimensions != null && dimensions > opened.dimension()) {
          throw new BadInputException(
              "--dimensions " + dimensions + " is longer than the index's " + opened.dimension());
        }
        if (!opened.stats().readerNote().isEmpty()) {
          common.err().println(opened.stats().readerNote());
          common.err().flush();
        }
        SearchParameters parameters = recall == null ? given : opened.parametersFor(k, recall);
        if (recall == null && parameters.isListDefault()) {
          SearchParameters own = opened.defaultParameters(k);
          parameters = confidence == null ? own : own.withConfidence(confidence);
        }
        PointSet set = filterIds == null ? null : readSet(opened, filterIds);
        QueryRun run = new QueryRun(opened, vectors, truth, parameters, set);
        run.check();
        double firstMillis = run.first();
        run.warmUp(threads);
        KernelWarning.print(
            KernelWarning.of(CodecSpec.parse(opened.info().codec()), opened.metric()),
            opened.dimension(),
            common.err());
        List<ObjectNode> explanations = explain ? run.explain() : List.of();
        QueryRun.Totals totals = run.measure(threads, repeat);
        ObjectNode json = json(opened, parameters, set, totals, openMillis, firstMillis);
        if (explain) {
          json.putArray("explanations").addAll(explanations);
        }
        if (common.json) {
          common.print(json);
        } else {
          printTable(json, parameters);
          for (ObjectNode explanation : explanations) {
            printExplanation(explanation);
          }
        }
      }
    }
    return ExitCode.DONE;
  }

  private static PointSet readSet(Index opened, Path file) throws IOException {
    IdFile ids = IdFile.read(file, opened.idType());
    return opened.pointSet(ids.ids(0, ids.size()));
  }

  @MustBeClosed
  private Index openIndex(OpenOptions options) throws IOException {
    try (Progress progress = common.progress()) {
      return Index.open(index, options, quietUnlessSlow(progress));
    }
  }

  /** Loading shows its progress only on indexes large enough to take a while. */
  private ProgressListener quietUnlessSlow(Progress progress) {
    return new ProgressListener() {
      private static final long SLOW_BYTES = 1L << 30;
      private boolean slow;

      @Override
      public void stage(String name, long total) {
        slow = total >= SLOW_BYTES;
        if (slow) {
          progress.stage(name, total);
        }
      }

      @Override
      public void advanced(long count) {
        if (slow) {
          progress.advanced(count);
        }
      }

      @Override
      public void note(String text) {
        common.err().println(text);
        common.err().flush();
      }
    };
  }

  private SearchParameters parameters() {
    if (k < 1) {
      throw new BadInputException("k must be at least 1: " + k);
    }
    if (list != null && list < k) {
      throw new BadInputException("list must be at least k = " + k + ": " + list);
    }
    if (dimensions != null && dimensions < 1) {
      throw new BadInputException("dimensions must be at least 1: " + dimensions);
    }
    SearchParameters defaults = SearchParameters.forK(k);
    int length = list != null ? list : defaults.searchListSize();
    int depth = rerank != null ? rerank : length;
    if (list == null && rerank != null) {
      length = Math.max(length, 2 * depth);
    }
    int prefix = dimensions == null ? 0 : dimensions;
    if (prefix > 0 && rerank == null) {
      depth = Math.min(length, Math.max(PREFIX_RERANK, 2 * k));
    }
    if (list == null && rerank == null && prefix == 0) { // an index may take a longer list
      return confidence == null ? defaults : defaults.withConfidence(confidence);
    }
    double sure =
        confidence != null ? confidence : rerank != null || prefix > 0 ? 1 : defaults.confidence();
    return SearchParameters.forK(k)
        .withList(length)
        .withRerank(depth)
        .withPrefixDimension(prefix)
        .withConfidence(sure);
  }

  private ObjectNode json(
      Index opened,
      SearchParameters parameters,
      @Nullable PointSet set,
      QueryRun.Totals totals,
      double openMillis,
      double firstMillis) {
    double searches = totals.searches();
    ObjectNode root = CommonOptions.newObject();
    root.put("queries", totals.queries());
    root.put("k", k);
    if (totals.recall() >= 0) {
      root.put("recall", totals.recall());
    } else {
      root.putNull("recall");
    }
    root.put("qps", searches / totals.seconds());
    root.put("threads", threads);
    root.put("reader", opened.stats().reader().label());
    Histogram histogram = totals.nanos();
    ObjectNode latency = root.putObject("latency_us");
    latency.put("mean", histogram.getMean() / 1e3);
    latency.put("p50", histogram.getValueAtPercentile(50) / 1e3);
    latency.put("p95", histogram.getValueAtPercentile(95) / 1e3);
    latency.put("p99", histogram.getValueAtPercentile(99) / 1e3);
    latency.put("p999", histogram.getValueAtPercentile(99.9) / 1e3);
    latency.put("max", histogram.getMaxValue() / 1e3);
    ObjectNode perQuery = root.putObject("per_query");
    perQuery.put("hops", totals.hops() / searches);
    perQuery.put("scored", totals.scored() / searches);
    perQuery.put("reads", totals.reads() / searches);
    perQuery.put("read_bytes", totals.readBytes() / searches);
    perQuery.put("wasted_reads", totals.wastedReads() / searches);
    perQuery.put("cache_hits", totals.cacheHits() / searches);
    if (cache > 0) {
      long wanted = totals.cacheHits() + totals.reads();
      perQuery.put("cache_hit_ratio", wanted == 0 ? 0 : (double) totals.cacheHits() / wanted);
    }
    perQuery.put("prepare_us", totals.prepareNanos() / searches / 1e3);
    perQuery.put("walk_us", totals.walkNanos() / searches / 1e3);
    perQuery.put("wait_us", totals.waitNanos() / searches / 1e3);
    perQuery.put("rerank_us", totals.rerankNanos() / searches / 1e3);
    if (set != null) {
      ObjectNode filter = root.putObject("filter");
      filter.put("vectors", set.count());
      filter.put("share", opened.count() == 0 ? 0 : set.count() / (double) opened.count());
      filter.put("scans", totals.scans());
      filter.put("traversals", totals.searches() - totals.scans());
      filter.put("expected_us", totals.expectedNanos() / searches / 1e3);
      filter.put("looked_through", totals.lookedThrough() / searches);
    }
    ObjectNode memory = root.putObject("memory");
    memory.put("graph_bytes", opened.stats().graphBytes());
    memory.put("codes_bytes", opened.stats().codesBytes());
    memory.put("cache_bytes", opened.stats().cacheBytes());
    memory.put("rss_bytes", SystemFacts.residentBytes());
    root.put("open_ms", openMillis);
    root.put("first_query_ms", firstMillis);
    root.put("ids_sha256", totals.idsDigest());
    ObjectNode used = root.putObject("parameters");
    used.put("list", parameters.searchListSize());
    used.put("rerank", parameters.rerank());
    used.put("confidence", parameters.confidence());
    return root;
  }

  private void printTable(ObjectNode json, SearchParameters parameters) throws IOException {
    common.print(
        String.format(
            Locale.ROOT,
            "%,d queries, k %d, list %d, %s, %s, %d thread(s)",
            json.path("queries").asInt(),
            k,
            parameters.searchListSize(),
            parameters.confidence() < 1
                ? String.format(Locale.ROOT, "confidence %.3g", parameters.confidence())
                : "rerank " + parameters.rerank(),
            json.path("reader").asString(),
            threads));
    if (!json.path("recall").isNull()) {
      common.print(
          String.format(Locale.ROOT, "  recall@%d       %.4f", k, json.path("recall").asDouble()));
    }
    if (json.has("filter")) {
      ObjectNode filter = (ObjectNode) json.path("filter");
      common.print(
          String.format(
              Locale.ROOT,
              "  filter          %,d vectors (%.2f %%); %,d searches scanned them, %,d traversed the"
                  + " graph; expected %.0f us",
              filter.path("vectors").asInt(),
              100 * filter.path("share").asDouble(),
              filter.path("scans").asLong(),
              filter.path("traversals").asLong(),
              filter.path("expected_us").asDouble()));
    }
    ObjectNode perQuery = (ObjectNode) json.path("per_query");
    ObjectNode latency = (ObjectNode) json.path("latency_us");
    ObjectNode memory = (ObjectNode) json.path("memory");
    common.print(
        String.format(
            Locale.ROOT,
            "  reads per query %.1f (%s, %.1f in vain), cache hits %.1f, hops %.1f, codes scored %.0f",
            perQuery.path("reads").asDouble(),
            ByteSize.format(Math.round(perQuery.path("read_bytes").asDouble())),
            perQuery.path("wasted_reads").asDouble(),
            perQuery.path("cache_hits").asDouble(),
            perQuery.path("hops").asDouble(),
            perQuery.path("scored").asDouble()));
    common.print(
        String.format(
            Locale.ROOT,
            "  latency         mean %.0f us, p50 %.0f, p95 %.0f, p99 %.0f, p99.9 %.0f, max %.0f",
            latency.path("mean").asDouble(),
            latency.path("p50").asDouble(),
            latency.path("p95").asDouble(),
            latency.path("p99").asDouble(),
            latency.path("p999").asDouble(),
            latency.path("max").asDouble()));
    common.print(
        String.format(
            Locale.ROOT,
            "  of it           prepare %.0f us, walk %.0f, wait %.0f, rerank %.0f",
            perQuery.path("prepare_us").asDouble(),
            perQuery.path("walk_us").asDouble(),
            perQuery.path("wait_us").asDouble(),
            perQuery.path("rerank_us").asDouble()));
    common.print(
        String.format(
            Locale.ROOT,
            "  throughput      %,.0f queries/s; open %.0f ms, first query %.1f ms",
            json.path("qps").asDouble(),
            json.path("open_ms").asDouble(),
            json.path("first_query_ms").asDouble()));
    common.print(
        String.format(
            Locale.ROOT,
            "  memory          graph %s, codes %s, cache %s, resident %s",
            ByteSize.format(memory.path("graph_bytes").asLong()),
            ByteSize.format(memory.path("codes_bytes").asLong()),
            ByteSize.format(memory.path("cache_bytes").asLong()),
            ByteSize.format(memory.path("rss_bytes").asLong())));
  }

  private void printExplanation(ObjectNode explanation) throws IOException {
    common.print(
        String.format(
            Locale.ROOT,
            "  query %-9d %s, expected %.0f us, took %.0f, list %d, hops %d, looked through %d,"
                + " codes %d, reads %d (%d in vain), expected misses %.3f",
            explanation.path("query").asInt(),
            explanation.path("plan").asString(),
            explanation.path("expected_us").asDouble(),
            explanation.path("us").asDouble(),
            explanation.path("list").asInt(),
            explanation.path("hops").asInt(),
            explanation.path("looked_through").asInt(),
            explanation.path("scored").asInt(),
            explanation.path("reads").asInt(),
            explanation.path("wasted_reads").asInt(),
            explanation.path("expected_misses").asDouble()));
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
