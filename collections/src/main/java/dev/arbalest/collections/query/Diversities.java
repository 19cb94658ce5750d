// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.collections.query.PointQuery.Diversity;
import dev.arbalest.vector.Metric;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Chooses points by maximal marginal relevance. Stateless. */
final class Diversities {
  private Diversities() {}

  /**
   * Chooses some of the nearest points, the nearest of all first; each keeps its score.
   *
   * @param using name of the dense vector that they were found by
   * @param found nearest first
   */
  static List<Ranked> choose(
      Collection collection, String using, List<Ranked> found, Diversity diversity, int limit) {
    VectorSpec spec = collection.settings().dense(using);
    Map<String, Point> points = new HashMap<>();
    collection
        .retrieve(found.stream().map(Ranked::id).toList(), VectorSelector.of(List.of(using)))
        .forEach(point -> points.put(point.id().toString(), point));
    List<Ranked> left = new ArrayList<>();
    List<float[]> rows = new ArrayList<>();
    for (Ranked ranked : found) {
      Point point = points.get(ranked.id().toString());
      float[] vector = point == null ? null : point.dense(using);
      if (vector != null) {
        left.add(ranked);
        rows.add(vector);
      }
    }
    try (VectorTable table = new VectorTable(rows, spec)) {
      return choose(left, table, spec.metric(), diversity.share(), limit);
    }
  }

  private static List<Ranked> choose(
      List<Ranked> candidates, VectorTable table, Metric metric, double share, int limit) {
    int count = candidates.size();
    double[] relevance = new double[count];
    double[] closest = new double[count]; // how like the chosen ones each is
    boolean[] taken = new boolean[count];
    for (int i = 0; i < count; i++) {
      double score = candidates.get(i).score();
      relevance[i] = metric == Metric.L2 ? -score * score : score;
      closest[i] = Double.NEGATIVE_INFINITY;
    }
    List<Ranked> chosen = new ArrayList<>();
    while (chosen.size() < Math.min(limit, count)) {
      int best = -1;
      double most = Double.NEGATIVE_INFINITY;
      for (int i = 0; i < count; i++) {
        double value =
            chosen.isEmpty() ? relevance[i] : (1 - share) * relevance[i] - share * closest[i];
        if (!taken[i] && (best < 0 || value > most)) {
          best = i;
          most = value;
        }
      }
      taken[best] = true;
      chosen.add(candidates.get(best));
      for (int i = 0; i < count; i++) {
        closest[i] = taken[i] ? closest[i] : Math.max(closest[i], table.similarity(i, best));
      }
    }
    return chosen;
  }
}
