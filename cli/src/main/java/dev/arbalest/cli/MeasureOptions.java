// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BadInputException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of the commands that measure recall. */
final class MeasureOptions {
  @Option(names = "--index", required = true, description = "Directory of the index.")
  Path index;

  @Option(
      names = "--queries",
      description = "File of queries like those to come. Default: vectors of the index.")
  @Nullable Path queries;

  @Option(
      names = "--k",
      defaultValue = "10",
      description = "Neighbours wanted. Default: ${DEFAULT-VALUE}.")
  int k;

  @Option(
      names = "--sample",
      defaultValue = "500",
      description = "Most queries used. Default: ${DEFAULT-VALUE}.")
  int sample;

  @Option(names = "--threads", description = "Threads. Default: all processors.")
  private @Nullable Integer threads;

  /** Threads to measure with. */
  int workers() {
    int workers = threads == null ? Runtime.getRuntime().availableProcessors() : threads;
    if (workers < 1 || workers > 1024) {
      throw new BadInputException("threads must be in [1, 1024]: " + workers);
    }
    return workers;
  }
}
