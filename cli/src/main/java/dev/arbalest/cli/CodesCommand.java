// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.VectorInput;
import dev.arbalest.cli.codes.CodecTrial;
import dev.arbalest.cli.codes.CodecTrialData;
import dev.arbalest.cli.codes.RankingPlot;
import dev.arbalest.cli.formats.InputFiles;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.ssd.trial.GroundTruth;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Compares codecs on a user's own vectors. */
@Command(
    name = "codes",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Compares codecs on a file of vectors by exhaustive scans: bytes, speed, how well codes rank,",
      "errors of distances, coverage of error bounds. Beside each set a scan of the floats.",
      "Without --queries, 200 of the vectors are taken out and used as queries."
    })
final class CodesCommand implements Callable<Integer>, Failures.Verbose {
  @Mixin private CommonOptions common;

  @Option(names = "--input", required = true, description = "File of vectors.")
  private Path input;

  @Option(names = "--queries", description = "File of queries.")
  private @Nullable Path queries;

  @Option(
      names = "--ground-truth",
      description = "True neighbours (.ibin) of the queries; computed if absent.")
  private @Nullable Path groundTruth;

  @Option(
      names = "--codec",
      split = ",",
      description =
          "Codecs, separated by commas. Default: saq:2, rabitq:1, :2 and :4, pq with a byte for 8"
              + " dimensions, sq8, f16.")
  private @Nullable List<String> codecs;

  @Option(
      names = "--metric",
      defaultValue = "cosine",
      description = "l2, dot or cosine. Default: ${DEFAULT-VALUE}.")
  private String metric;

  @Option(
      names = "--dimensions",
      split = ",",
      description = "Prefix lengths to compare as well (Matryoshka), separated by commas.")
  private @Nullable List<Integer> dimensions;

  @Option(
      names = "--threads",
      defaultValue = "1",
      description = "Threads that train and encode. Default: ${DEFAULT-VALUE}.")
  private int threads;

  @Option(names = "--seed", defaultValue = "1", description = "Seed. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(names = "--svg", description = "File for a plot of the ranking curves.")
  private @Nullable Path svg;

  @Override
  public Integer call() throws IOException {
    Metric chosen = Metric.parse(metric.toLowerCase(Locale.ROOT));
    List<CodecTrial.Result> results = new ArrayList<>();
    try (VectorInput vectors = InputFiles.open(input, InputFiles.Role.BASE);
        Workers workers = Workers.start(threads)) {
      int full = vectors.rows().dimension();
      for (int prefix : prefixes(full)) {
        for (CodecSpec spec : specs(prefix)) {
          spec.requireFits(prefix);
        }
      }
      try (CodecTrialData data = loadData(vectors, chosen, workers)) {
        for (int prefix : prefixes(full)) {
          measure(data, prefix, specs(prefix), workers, results);
        }
      }
    }
    if (svg != null) {
      Files.writeString(svg, RankingPlot.svg(results));
    }
    if (common.json) {
      common.print(json(results));
    } else {
      printTable(results);
    }
    return ExitCode.DONE;
  }

  private List<CodecSpec> specs(int dimension) {
    List<CodecSpec> specs = new ArrayList<>();
    List<String> names =
        codecs != null
            ? codecs
            : List.of(
                "saq:2",
                "rabitq:1",
                "rabitq:2",
                "rabitq:4",
                "pq:" + Math.max(1, dimension / 8),
                "sq8",
                "f16");
    for (String name : names) {
      specs.add(CodecSpec.parse(name));
    }
    return specs;
  }

  private List<Integer> prefixes(int full) {
    List<Integer> prefixes = new ArrayList<>();
    for (int prefix : dimensions == null ? List.of(full) : dimensions) {
      if (prefix < 1 || prefix > full) {
        throw new BadInputException(
            "--dimensions must be in [1, " + full + "], the vectors' length: " + prefix);
      }
      prefixes.add(prefix);
    }
    return prefixes;
  }

  @MustBeClosed
  private CodecTrialData loadData(VectorInput vectors, Metric chosen, Workers workers)
      throws IOException {
    if (queries == null) {
      if (groundTruth != null) {
        throw new BadInputException("--ground-truth needs the --queries it belongs to");
      }
      return CodecTrialData.holdOut(vectors, chosen, workers);
    }
    try (VectorInput queryVectors = InputFiles.open(queries, InputFiles.Role.QUERIES)) {
      GroundTruth truth = groundTruth == null ? null : InputFiles.groundTruth(groundTruth);
      return CodecTrialData.of(vectors, queryVectors, truth, chosen, workers);
    }
  }

  private void measure(
      CodecTrialData data,
      int prefix,
      List<CodecSpec> specs,
      Workers workers,
      List<CodecTrial.Result> results)
      throws IOException {
    try (NativeMemory memory = data.newPrefixMemory(prefix);
        Progress progress = common.progress()) {
      CodecTrialData.Prefix cut = data.cut(prefix, memory);
      CodecTrial trial = new CodecTrial(data, cut, seed, workers);
      progress.stage("f32", 1);
      results.add(trial.floats());
      progress.advanced(1);
      for (CodecSpec spec : specs) {
        progress.stage(spec.toString(), 1);
        results.add(trial.run(spec));
        progress.advanced(1);
      }
    }
  }

  private static ObjectNode json(List<CodecTrial.Result> results) {
    ObjectNode root = CommonOptions.newObject();
    ArrayNode list = root.putArray("codecs");
    for (CodecTrial.Result result : results) {
      ObjectNode node = list.addObject();
      node.put("codec", result.codec());
      node.put("dimensions", result.dimensions());
      node.put("bytes_per_vector", result.bytesPerVector());
      node.put("encode_per_second", result.encodePerSecond());
      node.put("train_seconds", result.trainSeconds());
      node.put("ns_per_candidate", result.nanosPerCandidate());
      node.put("recall", result.within(10));
      ObjectNode within = node.putObject("within");
      within.put("20", result.within(20));
      within.put("50", result.within(50));
      within.put("100", result.within(100));
      ObjectNode error = node.putObject("error");
      error.put("bias", result.bias());
      error.put("p50", result.errorQuantile(0.5));
      error.put("p95", result.errorQuantile(0.95));
      error.put("p99", result.errorQuantile(0.99));
      error.put("max", result.errorQuantile(1));
      putOrNull(node, "bound_coverage", result.boundCoverage());
      putOrNull(node, "bound_confidence", result.boundConfidence());
      putOrNull(node, "clipped_share", result.clippedShare());
    }
    return root;
  }

  private static void putOrNull(ObjectNode node, String name, double value) {
    if (Double.isNaN(value)) {
      node.putNull(name);
    } else {
      node.put(name, value);
    }
  }

  private void printTable(List<CodecTrial.Result> results) throws IOException {
    common.print(
        String.format(
            Locale.ROOT,
            "%-10s %6s %6s %10s %8s %8s %8s %8s %8s %9s %9s",
            "codec",
            "dims",
            "bytes",
            "encode/s",
            "ns",
            "top 10",
            "in 20",
            "in 50",
            "in 100",
            "err p99",
            "bound"));
    for (CodecTrial.Result result : results) {
      common.print(
          String.format(
              Locale.ROOT,
              "%-10s %6d %6d %10.0f %8.1f %8.4f %8.4f %8.4f %8.4f %9.5f %9s",
              result.codec(),
              result.dimensions(),
              result.bytesPerVector(),
              result.encodePerSecond(),
              result.nanosPerCandidate(),
              result.within(10),
              result.within(20),
              result.within(50),
              result.within(100),
              result.errorQuantile(0.99),
              Double.isNaN(result.boundCoverage())
                  ? "-"
                  : String.format(Locale.ROOT, "%.4f", result.boundCoverage())));
    }
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
