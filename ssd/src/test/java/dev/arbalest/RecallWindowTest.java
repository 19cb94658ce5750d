// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RecallWindowTest {
  private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);

  private static RecallCurve.Estimate estimate(RecallWindow window, long now) {
    return window.estimate(now).orElseThrow();
  }

  @Test
  void oldChecksLeaveUnlessFewWouldRemain() {
    RecallWindow window = new RecallWindow();
    assertThat(window.estimate(0)).isEmpty();
    for (int i = 0; i < 100; i++) {
      window.add(0, 0.5, 10, 1);
    }
    assertThat(estimate(window, 5 * MINUTE).samples()).isEqualTo(100);
    assertThat(estimate(window, 6 * MINUTE).samples()).isEqualTo(30);
    for (int i = 0; i < 40; i++) {
      window.add(6 * MINUTE, 1, 10, 3);
    }
    assertThat(estimate(window, 6 * MINUTE).samples()).isEqualTo(40);
    assertThat(estimate(window, 6 * MINUTE).recall()).isEqualTo(1);
    assertThat(window.medianDistance(6 * MINUTE)).hasValue(3);
    for (int i = 0; i < 3000; i++) {
      window.add(7 * MINUTE, 0.9, 10, 2);
    }
    assertThat(estimate(window, 7 * MINUTE).samples()).isEqualTo(1024);
    assertThat(estimate(window, 7 * MINUTE).recall()).isCloseTo(0.9, within(1e-12));
  }

  /** Nineteen of twenty means lie within two standard errors, also where misses are rare. */
  @Test
  void standardErrorsHold() {
    SplittableRandom random = new SplittableRandom(5);
    for (int k : new int[] {1, 10}) {
      for (double truth : new double[] {0.5, 0.9, 0.99, 0.999}) {
        int within = 0;
        for (int round = 0; round < 1000; round++) {
          RecallWindow window = new RecallWindow();
          for (int i = 0; i < 40; i++) {
            int found = 0;
            for (int rank = 0; rank < k; rank++) {
              found += random.nextDouble() < truth ? 1 : 0;
            }
            window.add(0, found / (double) k, k, 1);
          }
          RecallCurve.Estimate estimate = estimate(window, 0);
          within += Math.abs(estimate.recall() - truth) <= 2 * estimate.standardError() ? 1 : 0;
        }
        assertThat(within).as("%.3f of %d", truth, k).isGreaterThan(930);
      }
    }
  }
}
