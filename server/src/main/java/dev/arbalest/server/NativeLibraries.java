// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server;

import dev.arbalest.natives.SystemFacts;
import dev.arbalest.server.model.BadOptionException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Where the native parts of SQLite and zstd are unpacked: the temporary folder, or a folder beside
 * the data if nothing may be executed there.
 */
final class NativeLibraries {
  private NativeLibraries() {}

  /**
   * Chooses the folder, before either library is used.
   *
   * @throws BadOptionException naming both folders, if neither will do
   */
  static void unpackBeside(Path data) throws IOException {
    Path temporary = Path.of(System.getProperty("java.io.tmpdir", "/tmp"));
    if (Files.isWritable(temporary) && !SystemFacts.isNoExec(temporary)) {
      return;
    }
    Path beside = Files.createDirectories(data.resolve(".native"));
    if (SystemFacts.isNoExec(beside)) {
      throw new BadOptionException(
          "native libraries cannot be unpacked: "
              + temporary
              + " (java.io.tmpdir) and "
              + beside
              + " are mounted noexec or cannot be written to; name another folder by "
              + "ARBALEST_JAVA_OPTS=-Djava.io.tmpdir=FOLDER");
    }
    String folder = beside.toAbsolutePath().toString();
    System.setProperty("org.sqlite.tmpdir", folder);
    System.setProperty("ZstdTempFolder", folder);
  }
}
