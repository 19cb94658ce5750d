// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.arbalest.testing.FaultFs;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The life of an index with the i-th system call failing once, for i = 1, 2, 3 ... until a run
 * meets no failure, and for every kind of failure. {@code -Dstride=1} tries every call; by default
 * each run of the tests tries one in some.
 */
class FailingCallsTest {
  private static final int STRIDE = Integer.getInteger("stride", 61);

  @TempDir private Path directory;

  @Test
  void whatWasAcknowledgedSurvivesAFailureOfAnyCall() throws Exception {
    String missing = FaultFs.missing();
    assumeTrue(missing.isEmpty(), missing);
    int file = FaultFs.OPEN | FaultFs.LIST;
    Map<String, int[]> failures = new LinkedHashMap<>();
    failures.put("EIO", new int[] {FaultFs.EIO, FaultFs.ALL});
    failures.put("ENOSPC", new int[] {FaultFs.ENOSPC, FaultFs.ALL});
    failures.put("EMFILE", new int[] {FaultFs.EMFILE, file});
    failures.put("EINTR", new int[] {FaultFs.EINTR, FaultFs.ALL});
    failures.put("short write", new int[] {FaultFs.SHORT, FaultFs.WRITE});
    StringBuilder report = new StringBuilder();
    int runs = 0;
    try (FaultFs disk = FaultFs.mount(directory)) {
      for (Map.Entry<String, int[]> failure : failures.entrySet()) {
        int errno = failure.getValue()[0];
        int kinds = failure.getValue()[1];
        int injected = 0;
        int told = 0;
        int stride = failure.getKey().equals("EMFILE") ? Math.max(1, STRIDE / 8) : STRIDE;
        for (int number = 1; ; number += stride) {
          // Files that are closed go later: each run has a directory of its own.
          Path path = disk.path().resolve("index" + runs++);
          FailureScenario scenario = new FailureScenario(path, number % 2 == 0);
          disk.failStep(errno, number, kinds);
          scenario.run();
          boolean wasInjected = disk.failed() > 0;
          disk.heal();
          String which = failure.getKey() + " at call " + number;
          try {
            scenario.assertHolds();
          } catch (IOException | AssertionError | RuntimeException e) {
            throw new AssertionError(which + " (told: " + scenario.failure() + "): " + e, e);
          }
          if (!wasInjected) {
            assertThat(scenario.failure()).as(which).isNull();
            break;
          }
          injected++;
          told += scenario.failure() == null ? 0 : 1;
        }
        report.append(String.format(" %s %d (%d of them told)", failure.getKey(), injected, told));
        assertThat(injected).as(failure.getKey()).isPositive();
      }
    }
    System.out.printf("failures injected, each in a run of its own, all held:%s%n", report);
  }
}
