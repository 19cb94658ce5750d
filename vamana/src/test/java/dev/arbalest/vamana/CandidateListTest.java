// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.testing.ForSeeds;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

class CandidateListTest {
  private record Candidate(int node, float distance) {}

  @ForSeeds(100)
  void keepsTheNearestAsASortedListWould(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int capacity = 1 + random.nextInt(40);
    CandidateList list = new CandidateList(1);
    list.reset(capacity);
    List<Candidate> model = new ArrayList<>();
    for (int node : random.ints(200, 0, 1_000_000).distinct().toArray()) {
      float distance = random.nextInt(-20, 20) / 4f;
      boolean entered = list.offer(node, distance);
      Candidate candidate = new Candidate(node, distance);
      model.add(candidate);
      model.sort(Comparator.comparingDouble(Candidate::distance).thenComparingInt(Candidate::node));
      if (model.size() > capacity) {
        model.removeLast();
      }
      assertThat(entered).isEqualTo(model.contains(candidate));
      assertThat(list.size()).isEqualTo(model.size());
      for (int rank = 0; rank < model.size(); rank++) {
        assertThat(list.node(rank)).isEqualTo(model.get(rank).node());
        assertThat(list.distance(rank)).isEqualTo(model.get(rank).distance());
      }
    }
    for (Candidate candidate : model) {
      assertThat(list.expandNearest()).isEqualTo(candidate.node());
    }
    assertThat(list.expandNearest()).isEqualTo(-1);
  }

  @ForSeeds(50)
  void visitedSetActsAsASet(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    VisitedSet visited = new VisitedSet(8);
    for (int walk = 0; walk < 5; walk++) {
      visited.clear();
      Set<Integer> model = new HashSet<>();
      int range = 1 + random.nextInt(2000);
      for (int i = 0; i < 1500; i++) {
        int node = random.nextInt(range);
        assertThat(visited.add(node)).isEqualTo(model.add(node));
      }
    }
  }
}
