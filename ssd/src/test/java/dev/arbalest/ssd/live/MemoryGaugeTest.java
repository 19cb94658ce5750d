// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.natives.SystemFacts;
import org.junit.jupiter.api.Test;

class MemoryGaugeTest {
  private static final long NODE_BYTES = 1 << 20;

  @Test
  void nodesThatDoNotFitAreNotAllowed() {
    MemoryGauge gauge =
        new MemoryGauge(SystemFacts.budgetedBytes() + 4096 * NODE_BYTES, NODE_BYTES);
    assertThat(gauge.allows(1, 0)).isTrue();
    assertThat(gauge.allows(1_000_000, 0)).isFalse();
    assertThat(gauge.allows(1, 1_000_000 * NODE_BYTES)).isFalse();
    assertThat(gauge.allows(0, Long.MAX_VALUE / 2)).as("no node more").isTrue();
  }

  @Test
  void theDelayGrowsAsMemoryRunsOut() {
    assertThat(new MemoryGauge(1L << 60, 1).delayNanos()).isZero();
    assertThat(new MemoryGauge(1, 1).delayNanos()).isEqualTo(100_000_000);
    long nearlyAll = (long) (SystemFacts.budgetedBytes() / 0.96);
    assertThat(new MemoryGauge(nearlyAll, 1).delayNanos()).isBetween(1L, 100_000_000L);
  }
}
