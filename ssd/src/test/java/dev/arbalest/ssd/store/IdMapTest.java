// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.testing.ForSeeds;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Compares {@link IdMap} over an {@link IdTable} with a map of the JDK. */
class IdMapTest {
  private static final int NODES = 5000;
  private static final int IDS = 700;

  private static String id(int i) {
    return i % 3 == 0 ? "a" + i : "a longer id, with \u00e9, of " + i;
  }

  private static Ids ids(boolean isText, int i) {
    return isText ? Ids.of(List.of(id(i))) : Ids.of(i * 0x9E3779B97F4A7C15L);
  }

  @ForSeeds(10)
  void itHoldsWhatAMapHolds(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    boolean isText = seed % 2 == 0;
    Map<Integer, Integer> model = new HashMap<>();
    int[] unused = IntStream.range(0, NODES).toArray();
    int left = NODES;
    try (IdTable table = new IdTable(isText ? IdType.UTF8 : IdType.INT64, NODES, 1 << 20);
        IdMap map = new IdMap(table, 1)) {
      table.use(NODES);
      for (int step = 0; step < 3000 && left > 0; step++) {
        int i = random.nextInt(IDS);
        Ids its = ids(isText, i);
        Integer present = model.get(i);
        if (random.nextInt(3) > 0) {
          int at = random.nextInt(left);
          int node = unused[at];
          unused[at] = unused[--left];
          table.set(node, its, 0);
          assertThat(map.put(node, its, 0)).isEqualTo(present == null ? IdMap.NONE : present);
          Integer _ = model.put(i, node);
        } else if (present != null) {
          map.remove(present);
          Integer _ = model.remove(i);
        }
        int other = random.nextInt(IDS);
        Integer expected = model.get(other);
        assertThat(map.find(ids(isText, other), 0))
            .isEqualTo(expected == null ? IdMap.NONE : expected);
        assertThat(map.size()).isEqualTo(model.size());
      }
      model.forEach((i, node) -> {
        assertThat(map.find(ids(isText, i), 0)).isEqualTo(node);
        assertThat(table.only(node).describe(0)).isEqualTo(ids(isText, i).describe(0));
      });
    }
  }

  @ForSeeds(2)
  void aNodeWithAnIdThatExistsIsNotAdded(long seed) {
    boolean isText = seed == 0;
    try (IdTable table = new IdTable(isText ? IdType.UTF8 : IdType.INT64, 10, 1000);
        IdMap map = new IdMap(table, 1)) {
      table.use(10);
      table.set(3, ids(isText, 5), 0);
      table.set(4, ids(isText, 5), 0);
      assertThat(map.add(3)).isTrue();
      assertThat(map.add(4)).isFalse();
      assertThat(map.find(ids(isText, 5), 0)).isEqualTo(3);
    }
  }
}
