// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BadInputException;
import dev.arbalest.RecallCurve;
import dev.arbalest.Tuner;
import dev.arbalest.VectorInput;
import dev.arbalest.cli.formats.InputFiles;
import java.io.IOException;
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

  @Mixin private MeasureOptions measured;

  @Option(
      names = "--learn",
      description = {
        "First add edges to the graph that lead between the neighbours of queries, for queries",
        "unlike the vectors. Learns from those of --queries that are not measured: give thousands."
      })
  private boolean learns;

  @Override
  public Integer call() throws IOException {
    int workers = measured.workers();
    RecallCurve curve;
    long learnt = 0;
    try (Progress progress = common.progress();
        VectorInput given =
            measured.queries == null
                ? null
                : InputFiles.open(measured.queries, InputFiles.Role.QUERIES)) {
      if (learns) {
        learnt = learn(given, workers, progress);
      }
      curve = Tuner.tune(measured.index, given, measured.k, measured.sample, workers, progress);
    }
    if (common.json) {
      common.print(json(curve, learnt));
      return ExitCode.DONE;
    }
    if (learns) {
      common.print(String.format(Locale.ROOT, "learnt %,d edges", learnt));
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

  private long learn(@Nullable VectorInput given, int workers, Progress progress)
      throws IOException {
    if (given == null) {
      throw new BadInputException("--learn needs --queries: edges are learnt from queries");
    }
    return Tuner.learn(measured.index, given, measured.k, measured.sample, workers, progress);
  }

  private static ObjectNode json(RecallCurve curve, long learnt) {
    ObjectNode root = CommonOptions.newObject();
    root.put("learnt_edges", learnt);
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
