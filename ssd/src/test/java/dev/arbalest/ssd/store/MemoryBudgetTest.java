// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.MemoryBudgetExceededException;
import org.junit.jupiter.api.Test;

/** A plan of memory against its limit. */
class MemoryBudgetTest {
  @Test
  void aBudgetNamesTheSmallestThatWorks() {
    MemoryBudget budget = new MemoryBudget(10 << 20);
    budget.require("graph", 6 << 20);
    assertThat(budget.addIfFits("vectors", 5 << 20)).isFalse();
    assertThat(budget.addIfFits("buffers", 4 << 20)).isTrue();
    budget.check();
    budget.require("codes", (2 << 20) + 1);
    assertThatThrownBy(budget::check)
        .isInstanceOf(MemoryBudgetExceededException.class)
        .hasMessageContaining("memory budget of 10.0 MiB is too small")
        .hasMessageContaining("graph 6.0 MiB")
        .hasMessageContaining("raise it to at least 13m");
  }
}
