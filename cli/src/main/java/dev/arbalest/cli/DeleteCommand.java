// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BadInputException;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/** Deletes vectors from an index. */
@Command(
    name = "delete",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Deletes vectors from an index by their ids; those not there are passed over.")
final class DeleteCommand implements Callable<Integer>, Failures.Verbose {
  @Mixin private CommonOptions common;

  @Option(names = "--index", required = true, description = "Directory of the index.")
  private Path index;

  @Option(names = "--ids", description = "File with an id per line.")
  private @Nullable Path ids;

  @Option(names = "--id", split = ",", description = "Ids, separated by commas.")
  private @Nullable List<String> id;

  @Mixin private WritingOptions writing;

  @Override
  public Integer call() throws IOException {
    if ((ids == null) == (id == null)) {
      throw new BadInputException("give either --ids or --id");
    }
    long start = System.nanoTime();
    int deleted;
    int wanted;
    int present;
    try (Progress progress = common.progress();
        LiveIndex opened =
            LiveIndex.openForWriting(index, OpenOptions.defaults(), writing.options(), progress)) {
      Ids all = ids == null ? parse(id, opened.idType()) : read(ids, opened.idType());
      wanted = all.size();
      deleted = opened.delete(all).count();
      present = opened.count();
    }
    if (common.json) {
      ObjectNode root = CommonOptions.newObject();
      root.put("deleted", deleted);
      root.put("not_found", wanted - deleted);
      root.put("vectors", present);
      root.put("seconds", (System.nanoTime() - start) / 1e9);
      common.print(root);
    } else {
      common.print(
          String.format(
              Locale.ROOT,
              "deleted %,d vectors (%,d ids not found); the index holds %,d",
              deleted,
              wanted - deleted,
              present));
    }
    return ExitCode.DONE;
  }

  private static Ids read(Path path, IdType type) throws IOException {
    IdFile file = IdFile.read(path, type);
    return file.ids(0, file.size());
  }

  private static Ids parse(List<String> texts, IdType type) {
    if (type == IdType.UTF8) {
      return Ids.of(texts);
    }
    long[] numbers = new long[texts.size()];
    for (int i = 0; i < numbers.length; i++) {
      try {
        numbers[i] = Long.parseLong(texts.get(i).strip());
      } catch (NumberFormatException e) {
        throw new BadInputException("--id '" + texts.get(i) + "' is no 64-bit number");
      }
    }
    return Ids.of(numbers);
  }

  @Override
  public boolean isVerbose() {
    return common.verbose;
  }
}
