// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BadInputException;
import dev.arbalest.Index;
import dev.arbalest.cli.formats.FbinWriter;
import dev.arbalest.cli.formats.ParquetExport;
import java.io.BufferedWriter;
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

/** Writes the vectors of an index to a file. */
@Command(
    name = "export",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Writes the vectors of an index as they are stored (of unit norm for cosine) to a file, in",
      "the order of their slots: .parquet with columns id and vector, or .fbin, with --ids for the",
      "ids, one per line in the same order."
    })
final class ExportCommand implements Callable<Integer>, Failures.Verbose {
  @Mixin private CommonOptions common;

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path index;

  @Option(names = "--output", required = true, description = "File: .fbin or .parquet.")
  private Path output;

  @Option(names = "--ids", description = "File for the ids, with .fbin.")
  private @Nullable Path ids;

  @Override
  public Integer call() throws IOException {
    String name = output.toString().toLowerCase(Locale.ROOT);
    boolean isParquet = name.endsWith(".parquet");
    if (!isParquet && !name.endsWith(".fbin")) {
      throw new BadInputException("--output must end in .fbin or .parquet: " + output);
    }
    if (isParquet && ids != null) {
      throw new BadInputException("a .parquet file holds the ids itself; leave out --ids");
    }
    for (@Nullable Path file : new @Nullable Path[] {output, ids}) {
      if (file != null && Files.exists(file)) {
        throw new BadInputException(file + " exists already; give another name");
      }
    }
    long start = System.nanoTime();
    int count;
    try (Progress progress = common.progress();
        Index opened = Index.open(index)) {
      count = opened.count();
      progress.stage("export", count);
      if (isParquet) {
        ParquetExport.write(opened, output, progress);
      } else {
        exportFbin(opened, progress);
      }
    }
    if (common.json) {
      ObjectNode root = CommonOptions.newObject();
      root.put("vectors", count);
      root.put("bytes", Files.size(output));
      root.put("seconds", (System.nanoTime() - start) / 1e9);
      common.print(root);
    } else {
      common.print(String.format(Locale.ROOT, "%,d vectors are in %s", count, output));
    }
    return ExitCode.DONE;
  }

  private void exportFbin(Index opened, Progress progress) throws IOException {
    Path part = output.resolveSibling(output.getFileName() + ".part");
    Files.createFile(part);
    try (FbinWriter sink = new FbinWriter(index, part);
        BufferedWriter lines = ids == null ? null : Files.newBufferedWriter(ids)) {
      opened.forEachVector((id, vector) -> {
        sink.accept(vector, 0, vector.length);
        if (lines != null) {
          if (id.indexOf('\n') >= 0 || id.indexOf('\r') >= 0) {
            throw new BadInputException(
                "id '" + id + "' has a line break, and --ids is a file of lines; export .parquet");
          }
          lines.write(id);
          lines.newLine();
        }
        progress.advanced(1);
      });
    } catch (Throwable e) {
      Files.deleteIfExists(part);
      throw e;
    }
    Files.move(part, output);
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
