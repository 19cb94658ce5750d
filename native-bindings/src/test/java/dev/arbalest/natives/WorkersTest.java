// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;

class WorkersTest {
  @Test
  void everyIterationRunsOnce() throws IOException {
    for (int size = 1; size <= 4; size++) {
      try (Workers workers = Workers.start(size)) {
        for (int count : new int[] {0, 1, 7, 1000}) {
          AtomicIntegerArray runs = new AtomicIntegerArray(count);
          int limit = size;
          workers.forRanges(
              count,
              3,
              (worker, from, to) -> {
                assertThat(worker).isBetween(0, limit - 1);
                for (int i = from; i < to; i++) {
                  runs.incrementAndGet(i);
                }
              });
          for (int i = 0; i < count; i++) {
            assertThat(runs.get(i)).isEqualTo(1);
          }
        }
      }
    }
  }

  @Test
  void theFirstFailureReachesTheCaller() {
    try (Workers workers = Workers.start(3)) {
      assertThatThrownBy(() ->
              workers.forRanges(
                  100,
                  1,
                  (worker, from, to) -> {
                    if (from == 42) {
                      throw new IOException("range 42");
                    }
                  }))
          .isInstanceOf(IOException.class)
          .hasMessage("range 42");
    }
  }
}
