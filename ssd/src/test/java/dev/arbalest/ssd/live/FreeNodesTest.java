// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.testing.ForSeeds;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Compares {@link FreeNodes} with a sorted set. */
class FreeNodesTest {
  @ForSeeds(10)
  void theLowestIsTakenFirst(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    FreeNodes free = new FreeNodes();
    TreeSet<Integer> model = new TreeSet<>();
    for (int step = 0; step < 5000; step++) {
      int node = random.nextInt(2000);
      if (random.nextInt(5) < 3 && model.add(node)) {
        free.add(node);
      } else if (!model.isEmpty()) {
        assertThat(free.next()).isEqualTo(model.first());
        assertThat(free.take()).isEqualTo(model.pollFirst());
      }
      if (random.nextInt(200) == 0) {
        int count = model.isEmpty() ? 5 : model.last() + 1 + random.nextInt(2);
        int left = count;
        while (left > 1 && model.remove(left - 1)) {
          left--;
        }
        assertThat(free.trim(count)).isEqualTo(left);
      }
      assertThat(free.size()).isEqualTo(model.size());
    }
  }

  @Test
  void addingWhatWasReservedNeedsNoMemory() {
    FreeNodes free = new FreeNodes();
    free.reserve(10_000);
    for (int node = 9_999; node >= 0; node--) {
      free.add(node);
    }
    for (int node = 0; node < 10_000; node++) {
      assertThat(free.take()).isEqualTo(node);
    }
  }
}
