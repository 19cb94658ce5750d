// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Where libraries such as zstd, Snappy and SQLite unpack their native parts: the temporary folder,
 * or another if that is missing, full, or mounted so that nothing in it may be executed.
 */
public final class UnpackFolder {
  /** Room for all native parts together. */
  private static final long NEEDED_BYTES = 16L << 20;

  /** Brotli's library knows no other than the temporary folder. */
  private static final List<String> PROPERTIES =
      List.of("java.io.tmpdir", "ZstdTempFolder", "org.xerial.snappy.tempdir", "org.sqlite.tmpdir");

  private static volatile String problem = "";

  private UnpackFolder() {}

  /**
   * Chooses the folder, before any of the libraries is used.
   *
   * @param others tried in order if the temporary folder will not do; created if missing
   * @return what is wrong with all of them, or an empty text
   */
  public static String choose(List<Path> others) {
    Path temporary = Path.of(System.getProperty("java.io.tmpdir", "/tmp"));
    List<String> faults = new ArrayList<>();
    String fault = fault(temporary);
    problem = "";
    if (fault.isEmpty()) {
      return problem;
    }
    faults.add(temporary + " (java.io.tmpdir) " + fault);
    for (Path other : others) {
      String ofOther = faultAfterCreating(other);
      if (ofOther.isEmpty()) {
        String folder = other.toAbsolutePath().toString();
        PROPERTIES.forEach(property -> System.setProperty(property, folder));
        return problem;
      }
      faults.add(other + " " + ofOther);
    }
    problem =
        "native libraries cannot be unpacked: "
            + String.join(", ", faults)
            + "; name another folder by ARBALEST_JAVA_OPTS=-Djava.io.tmpdir=FOLDER";
    return problem;
  }

  /** What {@link #choose} found wrong, or an empty text. */
  public static String problem() {
    return problem;
  }

  private static String faultAfterCreating(Path folder) {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      return "cannot be created";
    }
    return fault(folder);
  }

  private static String fault(Path folder) {
    if (!Files.isDirectory(folder)) {
      return "does not exist";
    }
    if (!Files.isWritable(folder)) {
      return "cannot be written to";
    }
    if (SystemFacts.isNoExec(folder)) {
      return "is mounted noexec";
    }
    try {
      long room = Files.getFileStore(folder).getUsableSpace();
      return room < NEEDED_BYTES ? "is full (" + room + " bytes left)" : "";
    } catch (IOException e) {
      return "cannot be looked at: " + e.getMessage();
    }
  }
}
