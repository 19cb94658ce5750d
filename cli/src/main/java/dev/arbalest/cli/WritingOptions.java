// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.WriteOptions;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of the commands that write to an index. */
final class WritingOptions {
  @Option(
      names = "--memory",
      converter = ByteSize.class,
      description = "Memory the process may take, such as 8g. Default: half of what there is.")
  private @Nullable Long memory;

  @Option(
      names = "--threads",
      description = "Threads that put vectors into the graph. Default: all processors.")
  private @Nullable Integer threads;

  @Option(
      names = "--sync-millis",
      defaultValue = "0",
      description = {
        "0: what is done is durable. More: what was done within so many milliseconds may be lost",
        "when the machine fails. Default: ${DEFAULT-VALUE}."
      })
  private int syncMillis;

  @Option(names = "--no-compress", description = "Do not compress the log.")
  private boolean noCompress;

  WriteOptions options() {
    WriteOptions options =
        WriteOptions.defaults()
            .withLinkThreads(threads == null ? Runtime.getRuntime().availableProcessors() : threads)
            .withSyncMillis(syncMillis)
            .withCompress(!noCompress);
    return memory == null ? options : options.withMemoryBytes(memory);
  }
}
