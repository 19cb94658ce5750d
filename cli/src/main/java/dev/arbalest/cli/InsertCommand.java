// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BadInputException;
import dev.arbalest.Ids;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.VectorSource;
import dev.arbalest.WriteOptions;
import dev.arbalest.WriteReceipt;
import dev.arbalest.WriteRefusedException;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** Inserts vectors into an index. */
@Command(
    name = "insert",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Inserts vectors into an index, in place of those with the same ids. Each batch is durable",
      "before the next begins; after a failure or a kill go on with --skip."
    })
final class InsertCommand implements Callable<Integer>, Failures.Verbose {
  @Mixin private CommonOptions common;

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path index;

  @Mixin private VectorFiles input;

  @Option(
      names = "--first-id",
      description = "Instead of ids: number of the first vector, which the others follow.")
  private @Nullable Long firstId;

  @Option(
      names = "--skip",
      defaultValue = "0",
      description = "Leave out so many vectors, which were inserted before.")
  private int skip;

  @Option(
      names = "--batch",
      defaultValue = "1000",
      description = "Vectors made durable together. Default: ${DEFAULT-VALUE}.")
  private int batch;

  @Mixin private WritingOptions writing;

  @Override
  public Integer call() throws IOException {
    if (batch < 1) {
      throw new BadInputException("--batch must be at least 1: " + batch);
    }
    if (input.hasIds() == (firstId != null)) {
      throw new BadInputException("give --ids, --id-column or --first-id, one of them");
    }
    WriteOptions options = writing.options();
    long start = System.nanoTime();
    long delay = 0;
    int replaced = 0;
    int count;
    int present;
    try (Progress progress = common.progress();
        VectorSource vectors = input.open();
        SourceBatches batches = new SourceBatches(vectors, batch);
        LiveIndex opened =
            LiveIndex.openForWriting(index, OpenOptions.defaults(), options, progress)) {
      count = vectors.count();
      if (skip < 0 || skip > count) {
        throw new BadInputException("--skip must be in [0, " + count + "]: " + skip);
      }
      IdFile all =
          firstId == null ? input.ids(opened.idType(), count) : IdFile.range(firstId, count);
      progress.stage("insert", count - skip);
      batches.skip(skip);
      for (int from = skip; from < count; from += batch) {
        int to = Math.min(count, from + batch);
        WriteReceipt receipt;
        try {
          receipt = insert(opened, all.ids(from, to), batches.next(to - from), from);
        } catch (IOException | RuntimeException e) {
          progress.note(from + " vectors are inserted; go on with --skip " + from);
          throw e;
        }
        delay += receipt.delayNanos();
        replaced += receipt.replaced();
        progress.advanced(to - from);
      }
      progress.stage("link", 1);
      opened.awaitLinked();
      progress.advanced(1);
      present = opened.count();
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    if (common.json) {
      ObjectNode root = CommonOptions.newObject();
      root.put("inserted", count - skip);
      root.put("replaced", replaced);
      root.put("vectors", present);
      root.put("seconds", seconds);
      root.put("vectors_per_second", (count - skip) / seconds);
      root.put("delay_seconds", delay / 1e9);
      common.print(root);
    } else {
      common.print(
          String.format(
              Locale.ROOT,
              "inserted %,d vectors (%,d in place of others) in %.1f s; the index holds %,d",
              count - skip,
              replaced,
              seconds,
              present));
    }
    return ExitCode.DONE;
  }

  private static WriteReceipt insert(LiveIndex opened, Ids ids, F32Rows part, int from)
      throws IOException {
    try {
      return opened.insert(ids, part);
    } catch (WriteRefusedException e) {
      throw new WriteRefusedException(
          from + " vectors are inserted (go on with --skip " + from + "): " + e.getMessage(), e);
    }
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
