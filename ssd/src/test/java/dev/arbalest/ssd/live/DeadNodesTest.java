// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.testing.ForSeeds;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.SplittableRandom;

/** Compares {@link DeadNodes} with a queue; positions of the unlinked rows wrap around. */
class DeadNodesTest {
  @ForSeeds(10)
  void nodesLeaveInTheirOrderWhenTheRowsOfTheirTimeHaveLeft(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    DeadNodes dead = new DeadNodes();
    Deque<int[]> model = new ArrayDeque<>();
    int end = Integer.MAX_VALUE - 500; // overflows
    int head = end;
    long added = 0;
    for (int step = 0; step < 4000; step++) {
      if (random.nextInt(3) > 0) {
        end += random.nextInt(3);
        int node = random.nextInt(1_000_000);
        dead.add(node, end);
        model.addLast(new int[] {node, end});
        added++;
      }
      if (random.nextInt(4) == 0) {
        head += random.nextInt(end - head + 1);
      }
      int now = head;
      int ready = (int) model.stream().takeWhile(entry -> now - entry[1] >= 0).count();
      assertThat(dead.ready(head)).isEqualTo(ready);
      if (ready > 0 && random.nextBoolean()) {
        int count = 1 + random.nextInt(ready);
        int[] taken = dead.take(count);
        for (int i = 0; i < count; i++) {
          assertThat(taken[i]).isEqualTo(model.removeFirst()[0]);
        }
      }
      assertThat(dead.size()).isEqualTo(model.size());
      assertThat(dead.added()).isEqualTo(added);
    }
  }
}
