// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.List;

/** What the operating system says about this process and its limits. */
public final class SystemFacts {
  private SystemFacts() {}

  /** Resident memory of this process in bytes, page cache mappings included; 0 if unknown. */
  public static long residentBytes() {
    return statusBytes("VmRSS:");
  }

  /** Highest resident memory this process has had, in bytes; 0 if unknown. */
  public static long peakResidentBytes() {
    return statusBytes("VmHWM:");
  }

  /** Resident memory that is not backed by files, in bytes; 0 if unknown. */
  public static long anonymousBytes() {
    return statusBytes("RssAnon:");
  }

  private static long statusBytes(String key) {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith(key)) {
          return 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
        }
      }
    } catch (IOException | NumberFormatException e) {
      return 0; // not Linux or no /proc: a missing fact, not a failure
    }
    return 0;
  }

  /** Memory this process may use in bytes: physical, or its control group's limit if smaller. */
  public static long memoryLimitBytes() {
    long limit = Long.MAX_VALUE;
    try {
      for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
        if (line.startsWith("MemTotal:")) {
          limit = 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
        }
      }
      for (String line : Files.readAllLines(Path.of("/proc/self/cgroup"))) {
        String[] parts = line.split(":", 3);
        if (parts.length == 3 && parts[1].isEmpty()) {
          limit = Math.min(limit, limitFile("/sys/fs/cgroup" + parts[2] + "/memory.max"));
        } else if (parts.length == 3 && parts[1].equals("memory")) {
          limit =
              Math.min(
                  limit, limitFile("/sys/fs/cgroup/memory" + parts[2] + "/memory.limit_in_bytes"));
        }
      }
    } catch (IOException | NumberFormatException e) {
      return limit; // the part that could be read
    }
    return limit;
  }

  /**
   * Whether a folder's file system is mounted so that nothing in it may be executed, native
   * libraries included; false if that is not known.
   */
  public static boolean isNoExec(Path folder) {
    try {
      Path real = folder.toRealPath();
      int longest = -1;
      boolean noExec = false;
      for (String line : Files.readAllLines(Path.of("/proc/self/mountinfo"))) {
        String[] fields = line.split(" ", 7);
        Path mount = Path.of(fields[4].replace("\\040", " "));
        if (real.startsWith(mount) && mount.getNameCount() >= longest) { // a later one is on top
          longest = mount.getNameCount();
          noExec = List.of(fields[5].split(",", -1)).contains("noexec");
        }
      }
      return noExec;
    } catch (IOException e) {
      return false; // not Linux or no /proc: a missing fact, not a failure
    }
  }

  private static long limitFile(String path) throws IOException {
    Path file = Paths.get(path);
    if (!Files.isReadable(file)) {
      return Long.MAX_VALUE;
    }
    String text = Files.readString(file).trim();
    return text.equals("max") ? Long.MAX_VALUE : Long.parseLong(text);
  }

  /**
   * What counts against a memory budget: {@link #anonymousBytes}, with the heap as large as it may
   * become, as it grows when it likes.
   */
  public static long budgetedBytes() {
    Runtime runtime = Runtime.getRuntime();
    return anonymousBytes() + runtime.maxMemory() - runtime.totalMemory();
  }
}
