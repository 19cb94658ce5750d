// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.testing.ForSeeds;
import java.util.Arrays;
import java.util.SplittableRandom;

class EdgeSortTest {
  @ForSeeds(30)
  void sortsAsTheLibraryDoes(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    EdgeSort sort = new EdgeSort();
    for (int round = 0; round < 5; round++) {
      long bound = 1L << (1 + random.nextInt(62));
      long[] keys = random.longs(1 + random.nextInt(2000), 0, bound).toArray();
      int count = random.nextInt(keys.length + 1);
      long[] expected = keys.clone();
      Arrays.sort(expected, 0, count);
      sort.sort(keys, count);
      assertThat(keys).isEqualTo(expected);
    }
  }
}
