// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.natives.DirectFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Objects;
import java.util.stream.Stream;

/** What is done to directories as a whole. */
final class Directories {
  private Directories() {}

  /** Makes a directory whose parent is there, unless it is there; durable when this returns. */
  static void make(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      Files.createDirectory(directory);
    }
    // Also if it was there: whoever made it may not have come so far.
    DirectFile.syncDirectory(Objects.requireNonNull(directory.getParent()));
  }

  /** Removes a directory with all it holds, if it is there. */
  static void remove(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
