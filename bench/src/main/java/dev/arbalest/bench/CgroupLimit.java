// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A control group that bounds the memory of a process, its page cache included. */
final class CgroupLimit implements AutoCloseable {
  private static final Path VERSION_1 = Path.of("/sys/fs/cgroup/memory");
  private static final Path VERSION_2 = Path.of("/sys/fs/cgroup");

  private final Path directory;

  private CgroupLimit(Path directory) {
    this.directory = directory;
  }

  /** Makes a group with a limit. */
  static CgroupLimit of(long bytes) throws IOException {
    boolean first = Files.isDirectory(VERSION_1);
    Path directory =
        (first ? VERSION_1 : VERSION_2).resolve("arbalest-bench-" + ProcessHandle.current().pid());
    try {
      Path group = Files.createDirectories(directory);
      Files.writeString(
          group.resolve(first ? "memory.limit_in_bytes" : "memory.max"), Long.toString(bytes));
      return new CgroupLimit(group);
    } catch (IOException e) {
      throw new IOException(
          "--memory needs a memory control group, which cannot be made here: " + e.getMessage(), e);
    }
  }

  /** The command that runs another inside the group. */
  List<String> wrap(List<String> command) {
    List<String> wrapped =
        new ArrayList<>(
            List.of(
                "/bin/sh", "-c", "echo $$ > " + directory + "/cgroup.procs && exec \"$@\"", "sh"));
    wrapped.addAll(command);
    return wrapped;
  }

  /** Removes the group, which must be empty. */
  @Override
  public void close() throws IOException {
    Files.delete(directory);
  }
}
