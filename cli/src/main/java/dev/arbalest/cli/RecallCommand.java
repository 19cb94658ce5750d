// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.ProgressListener;
import dev.arbalest.RecallCurve;
import dev.arbalest.Tuner;
import dev.arbalest.VectorInput;
import dev.arbalest.cli.formats.InputFiles;
import java.io.IOException;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import tools.jackson.databind.node.ObjectNode;

/** Measures the recall that searches of an index have now. */
@Command(
    name = "recall",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures the recall of searches with default parameters: of queries from a file and of vectors",
      "of the index, beside what the build measured. Tells queries that are unlike the vectors from",
      "a graph that finds less than it did. Reads all vectors; stores nothing."
    })
final class RecallCommand implements Callable<Integer>, Failures.Verbose {
  /** Differences of fewer standard errors are chance. */
  private static final double CLEAR_ERRORS = 3;

  /** Smaller differences do not matter, however clear they are. */
  private static final double CLEAR_LOSS = 0.02;

  @Mixin private CommonOptions common;

  @Mixin private MeasureOptions measured;

  @Override
  public Integer call() throws IOException {
    int workers = measured.workers();
    Optional<RecallCurve> built = RecallCurve.read(measured.index);
    RecallCurve.Point own;
    RecallCurve.Point asked = null;
    try (Progress progress = common.progress()) {
      if (measured.queries != null) {
        try (VectorInput given = InputFiles.open(measured.queries, InputFiles.Role.QUERIES)) {
          asked = recall(given, workers, progress);
        }
      }
      own = recall(null, workers, progress);
    }
    Optional<String> finding = finding(built, own, asked);
    if (common.json) {
      ObjectNode root = CommonOptions.newObject();
      root.put("k", measured.k);
      if (asked != null) {
        RecallJson.put(asked, root.putObject("queries"));
      }
      RecallJson.put(own, root.putObject("vectors_of_the_index"));
      RecallJson.put(built, root);
      finding.ifPresent(text -> root.put("finding", text));
      common.print(root);
      return ExitCode.DONE;
    }
    if (asked != null) {
      print("of these queries", asked);
    }
    print("of vectors of the index", own);
    if (built.isPresent()) {
      common.print("when it was built or tuned: " + built.get().summary());
    }
    if (finding.isPresent()) {
      common.print(finding.get());
    }
    return ExitCode.DONE;
  }

  private RecallCurve.Point recall(
      @Nullable VectorInput given, int workers, ProgressListener progress) throws IOException {
    return Tuner.recall(measured.index, given, measured.k, measured.sample, workers, progress);
  }

  private void print(String what, RecallCurve.Point point) throws IOException {
    common.print(
        String.format(
            Locale.ROOT,
            "recall@%d %s: %.4f +/- %.4f, %.1f vectors read, %.0f codes",
            measured.k,
            what,
            point.recall(),
            point.standardError(),
            point.reads(),
            point.scored()));
  }

  private Optional<String> finding(
      Optional<RecallCurve> built, RecallCurve.Point own, RecallCurve.@Nullable Point asked) {
    if (built.isPresent() && built.get().k() == measured.k && isLess(own, built.get().defaults())) {
      return Optional.of(
          "the index finds less than when it was measured: 'verify' checks its graph; if it grew or"
              + " changed much, 'tune' measures what searches need now");
    }
    if (asked != null && isLess(asked, own)) {
      return Optional.of(
          "the queries find less than vectors of the index do: they are unlike them, as those of"
              + " another model are; 'tune --queries' measures what they need");
    }
    return Optional.empty();
  }

  private static boolean isLess(RecallCurve.Point found, RecallCurve.Point expected) {
    double error = Math.hypot(found.standardError(), expected.standardError());
    double loss = expected.recall() - found.recall();
    return loss > CLEAR_LOSS && loss > CLEAR_ERRORS * error;
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
