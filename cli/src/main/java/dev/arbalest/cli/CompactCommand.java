// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.IndexInfo;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** Gives back the room of deleted vectors. */
@Command(
    name = "compact",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Gives back the room of deleted vectors: moves the last ones to free slots and cuts the file.",
      "An index that is open for writing does so by itself when an eighth of its slots are free."
    })
final class CompactCommand implements Callable<Integer>, Failures.Verbose {
  @Mixin private CommonOptions common;

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path index;

  @Mixin private WritingOptions writing;

  @Override
  public Integer call() throws IOException {
    long start = System.nanoTime();
    long before = vectorBytes();
    try (Progress progress = common.progress();
        LiveIndex opened =
            LiveIndex.openForWriting(index, OpenOptions.defaults(), writing.options(), progress)) {
      opened.compact(progress);
    }
    IndexInfo info = IndexInfo.read(index);
    long after = vectorBytes();
    if (common.json) {
      ObjectNode root = CommonOptions.newObject();
      root.put("vectors", info.vectors());
      root.put("slots", info.slots());
      root.put("vector_bytes_before", before);
      root.put("vector_bytes", after);
      root.put("seconds", (System.nanoTime() - start) / 1e9);
      common.print(root);
    } else {
      common.print(
          String.format(
              Locale.ROOT,
              "%s: %,d vectors in %,d slots, vector file %s (was %s)",
              index,
              info.vectors(),
              info.slots(),
              ByteSize.format(after),
              ByteSize.format(before)));
    }
    return ExitCode.DONE;
  }

  private long vectorBytes() throws IOException {
    return IndexInfo.read(index).file("vectors").bytes();
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
