// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BadInputException;
import dev.arbalest.cli.generate.DataSetWriter;
import dev.arbalest.cli.generate.EmbeddingModel;
import dev.arbalest.natives.Workers;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** Makes embedding-like data. */
@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Makes vectors that resemble OpenAI embeddings, queries off them, and exact ground truth:",
      "PREFIX.base.fbin, PREFIX.query.fbin and PREFIX.gt.ibin (100 neighbours by L2).",
      "The same arguments give the same files for any number of threads."
    })
final class GenerateCommand implements Callable<Integer>, Failures.Verbose {
  @Mixin private CommonOptions common;

  @Option(names = "--output", required = true, description = "Prefix of the files.")
  private Path output;

  @Option(
      names = "--base",
      paramLabel = "-",
      description = {
        "- sends the vectors to standard output as .fbin, for a pipe, instead of a file; queries",
        "and ground truth are still written."
      })
  private @Nullable String base;

  @Option(names = "--count", required = true, description = "Number of vectors.")
  private int count;

  @Option(names = "--dimension", required = true, description = "Components per vector.")
  private int dimension;

  @Option(
      names = "--queries",
      defaultValue = "1000",
      description = "Number of queries. Default: ${DEFAULT-VALUE}.")
  private int queries;

  @Option(names = "--seed", defaultValue = "1", description = "Seed. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--style",
      defaultValue = "small3",
      description =
          "small3 (text-embedding-3), ada (ada-002, with outlier coordinates) or cross-modal"
              + " (queries by another encoder, as text that looks for pictures)."
              + " Default: ${DEFAULT-VALUE}.")
  private String style;

  @Option(names = "--threads", description = "Threads. Default: all processors.")
  private @Nullable Integer threads;

  @Override
  public Integer call() throws IOException {
    EmbeddingModel.Style chosen =
        switch (style.toLowerCase(Locale.ROOT)) {
          case "small3" -> EmbeddingModel.Style.SMALL3;
          case "ada" -> EmbeddingModel.Style.ADA;
          case "cross-modal" -> EmbeddingModel.Style.CROSS_MODAL;
          default ->
              throw new BadInputException("style must be small3, ada or cross-modal: " + style);
        };
    if (count < 1 || queries < 1) {
      throw new BadInputException(
          "count and queries must be at least 1: " + count + ", " + queries);
    }
    if (base != null && !base.equals("-")) {
      throw new BadInputException("--base must be - (standard output): " + base);
    }
    if (base != null && common.json) {
      throw new BadInputException("--json and --base - both need standard output");
    }
    Path parent = output.toAbsolutePath().getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    long start = System.nanoTime();
    int workerCount = threads != null ? threads : Runtime.getRuntime().availableProcessors();
    try (Workers workers = Workers.start(workerCount);
        FileOutputStream stream = base == null ? null : new FileOutputStream(FileDescriptor.out);
        Progress progress = common.progress()) {
      EmbeddingModel model = new EmbeddingModel(count, dimension, seed, chosen);
      new DataSetWriter(model, queries, workers, progress)
          .write(output, stream == null ? null : stream.getChannel());
    }
    ObjectNode root = CommonOptions.newObject();
    root.put("vectors", count);
    root.put("dimension", dimension);
    root.put("queries", queries);
    root.put("seconds", (System.nanoTime() - start) / 1e9);
    if (common.json) {
      common.print(root);
    } else if (base == null) {
      common.print(
          String.format(
              Locale.ROOT,
              "%,d vectors of dimension %d and %,d queries in %.1f s -> %s.*",
              count,
              dimension,
              queries,
              root.path("seconds").asDouble(),
              output));
    }
    return ExitCode.DONE;
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
