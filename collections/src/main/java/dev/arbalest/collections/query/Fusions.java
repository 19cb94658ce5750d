// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.query.PointQuery.Fusion;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Makes several rankings one. Stateless. */
final class Fusions {
  private Fusions() {}

  /** The points of all rankings, best first. */
  static List<Ranked> fuse(List<List<Ranked>> rankings, Fusion fusion) {
    List<Double> weights = fusion.weights();
    if (!weights.isEmpty() && weights.size() != rankings.size()) {
      throw CollectionException.invalid(
          "a fusion has a weight per prefetch: expected "
              + rankings.size()
              + ", found "
              + weights.size());
    }
    Map<PointId, Double> sums = new LinkedHashMap<>();
    for (int i = 0; i < rankings.size(); i++) {
      List<Ranked> ranking = rankings.get(i);
      double weight = weights.isEmpty() ? 1 : weights.get(i);
      double[] scores =
          switch (fusion.method()) {
            case RECIPROCAL_RANK -> reciprocalRanks(ranking.size(), fusion.k(), weight);
            case DISTRIBUTION_BASED -> scaled(ranking);
          };
      for (int rank = 0; rank < scores.length; rank++) {
        sums.merge(ranking.get(rank).id(), scores[rank], Double::sum);
      }
    }
    List<Ranked> fused = new ArrayList<>();
    sums.forEach((id, sum) -> fused.add(new Ranked(id, sum.floatValue(), null)));
    return Ranked.bestFirst(fused);
  }

  /** A weight of w counts a ranking as if each of its ranks were w times nearer the top. */
  private static double[] reciprocalRanks(int size, int k, double weight) {
    double[] scores = new double[size];
    for (int rank = 0; rank < size && weight > 0; rank++) {
      scores[rank] = 1 / ((rank + 1) / weight + k - 1);
    }
    return scores;
  }

  /**
   * Scores with three standard deviations below the mean as 0, and above it as 1. Where a smaller
   * score is better, as of distances, its negative counts.
   */
  private static double[] scaled(List<Ranked> ranking) {
    double[] scores = ranking.stream().mapToDouble(Ranked::score).toArray();
    if (scores.length > 1 && scores[0] < scores[scores.length - 1]) { // best first
      for (int i = 0; i < scores.length; i++) {
        scores[i] = -scores[i];
      }
    }
    double mean = java.util.Arrays.stream(scores).average().orElse(0);
    double squares = 0;
    for (double score : scores) {
      squares += (score - mean) * (score - mean);
    }
    double deviation = scores.length < 2 ? 0 : Math.sqrt(squares / (scores.length - 1));
    for (int i = 0; i < scores.length; i++) {
      scores[i] = deviation == 0 ? 0.5 : (scores[i] - mean + 3 * deviation) / (6 * deviation);
    }
    return scores;
  }
}
