// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.IndexRepair;
import dev.arbalest.IndexVerifier;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Checks every byte of an index. */
@Command(
    name = "verify",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Checks every byte of an index against its checksums, the graph's structure, and that searches",
      "find every vector; of one that was written to, the recall of a sample as well.",
      "Ends with 0 if the index is sound and 3 if it is damaged.",
      "With --data DIR in place of --index it checks all collections of a server's data directory,",
      "their databases of attributes, and that both agree."
    })
final class VerifyCommand implements Callable<Integer>, Failures.Verbose {
  @Mixin private CommonOptions common;

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path index;

  @Option(names = "--threads", description = "Threads. Default: all processors.")
  private @Nullable Integer threads;

  @Option(
      names = "--repair",
      description = {
        "First rebuild graph, codes or codec from the vectors if only those are damaged or missing",
        "and nobody has the index open, and link again what searches do not find."
      })
  private boolean repair;

  @Override
  public Integer call() throws IOException {
    int workers = threads != null ? threads : Runtime.getRuntime().availableProcessors();
    long start = System.nanoTime();
    ObjectNode root = CommonOptions.newObject();
    try (Progress progress = common.progress()) {
      if (repair) {
        ArrayNode repaired = root.putArray("repaired");
        for (String part : IndexRepair.repair(index, workers, progress)) {
          repaired.add(part);
        }
      }
      IndexVerifier.Report report = IndexVerifier.verify(index, workers, progress);
      root.put("ok", true);
      root.put("vectors", report.info().vectors());
      root.put("bytes", report.bytes());
      root.put("reachable", report.reachable());
      if (!Double.isNaN(report.recall())) {
        root.put("recall", report.recall());
      }
      root.put("seconds", (System.nanoTime() - start) / 1e9);
    } catch (CorruptIndexException e) {
      if (common.json) {
        root.put("ok", false);
        root.put("problem", e.getMessage());
        common.print(root);
      }
      throw e;
    }
    if (common.json) {
      common.print(root);
    } else {
      common.print(
          String.format(
              Locale.ROOT,
              "%s is sound%s: %,d vectors, %s checked, %,d reachable%s",
              index,
              root.path("repaired").isEmpty() ? "" : " after repair of " + root.path("repaired"),
              root.path("vectors").asInt(),
              ByteSize.format(root.path("bytes").asLong()),
              root.path("reachable").asInt(),
              root.has("recall")
                  ? String.format(
                      Locale.ROOT,
                      ", recall@10 of its own vectors %.3f",
                      root.path("recall").asDouble())
                  : ""));
    }
    return ExitCode.DONE;
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
