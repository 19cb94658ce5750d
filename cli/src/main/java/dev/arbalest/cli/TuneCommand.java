// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BadInputException;
import dev.arbalest.RecallCurve;
import dev.arbalest.Tuner;
import dev.arbalest.VectorInput;
import dev.arbalest.cli.formats.InputFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** Measures what search parameters give which recall. */
@Command(
    name = "tune",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures which search list and confidence give which recall on an index, and stores the",
      "cheapest of them beside it, for search --recall. Needs one pass over the vectors."
    })
final class TuneCommand implements Callable<Integer>, Failures.Verbose {
  @Mixin private CommonOptions common;

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path index;

  @Option(
      names = "--queries",
      description = "File of queries like those to come. Default: vectors of the index.")
  private @Nullable Path queries;

  @Option(
      names = "--k",
      defaultValue = "10",
      description = "Neighbours wanted. Default: ${DEFAULT-VALUE}.")
  private int k;

  @Option(
      names = "--sample",
      defaultValue = "500",
      description = "Most queries used. Default: ${DEFAULT-VALUE}.")
  private int sample;

  @Option(names = "--threads", description = "Threads. Default: all processors.")
  private @Nullable Integer threads;

  @Override
  public Integer call() throws IOException {
    int workers = threads == null ? Runtime.getRuntime().availableProcessors() : threads;
    if (workers < 1 || workers > 1024) {
      throw new BadInputException("threads must be in [1, 1024]: " + workers);
    }
    RecallCurve curve;
    try (Progress progress = common.progress();
        VectorInput given =
            queries == null ? null : InputFiles.open(queries, InputFiles.Role.QUERIES)) {
      curve = Tuner.tune(index, given, k, sample, workers, progress);
    }
    if (common.json) {
      common.print(json(curve));
      return ExitCode.DONE;
    }
    common.print(
        String.format(
            Locale.ROOT, "recall@%d of %d queries, by cost:", curve.k(), curve.queries()));
    common.print("  recall   list  confidence   reads   codes scored");
    for (RecallCurve.Point point : curve.points()) {
      common.print(
          String.format(
              Locale.ROOT,
              "  %.4f  %5d  %10.3f  %6.1f  %13.0f",
              point.recall(),
              point.searchListSize(),
              point.confidence(),
              point.reads(),
              point.scored()));
    }
    common.print(curve.summary());
    return ExitCode.DONE;
  }

  private static ObjectNode json(RecallCurve curve) {
    ObjectNode root = CommonOptions.newObject();
    root.put("k", curve.k());
    root.put("queries", curve.queries());
    RecallJson.putPoints(curve, root);
    return root;
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
