// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.Point;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.collections.query.PointQuery.Strategy;
import dev.arbalest.vector.Metric;
import java.util.ArrayList;
import java.util.List;

/** Scores points by examples. Stateless. */
final class Recommendations {
  private Recommendations() {}

  /** The mean of the positive examples, moved by as much as it differs from the negative mean. */
  static float[] average(List<float[]> positive, List<float[]> negative, VectorSpec spec) {
    float[] vector = mean(positive, spec);
    if (!negative.isEmpty()) {
      float[] away = mean(negative, spec);
      for (int i = 0; i < vector.length; i++) {
        vector[i] += vector[i] - away[i];
      }
    }
    return vector;
  }

  private static float[] mean(List<float[]> vectors, VectorSpec spec) {
    double[] sum = new double[spec.dimension()];
    for (float[] vector : vectors) {
      double scale = spec.metric() == Metric.COSINE ? 1 / norm(vector) : 1;
      for (int i = 0; i < sum.length; i++) {
        sum[i] += vector[i] * scale;
      }
    }
    float[] mean = new float[sum.length];
    for (int i = 0; i < mean.length; i++) {
      mean[i] = (float) (sum[i] / vectors.size());
    }
    return mean;
  }

  private static double norm(float[] vector) {
    double squares = 0;
    for (float component : vector) {
      squares += (double) component * component;
    }
    return squares == 0 ? 1 : Math.sqrt(squares);
  }

  /** Scores points with their vectors, best first. */
  static List<Ranked> score(
      List<Point> points,
      List<float[]> positive,
      List<float[]> negative,
      Strategy strategy,
      VectorSpec spec) {
    List<Ranked> ranked = new ArrayList<>();
    List<float[]> rows = new ArrayList<>(positive);
    rows.addAll(negative);
    points.forEach(point -> rows.add(point.dense(spec.name())));
    try (VectorTable table = new VectorTable(rows, spec)) {
      int examples = positive.size() + negative.size();
      for (int i = 0; i < points.size(); i++) {
        double sum = 0;
        double nearest = Double.NEGATIVE_INFINITY;
        double worst = Double.NEGATIVE_INFINITY;
        for (int example = 0; example < examples; example++) {
          double similarity = table.similarity(examples + i, example);
          if (example < positive.size()) {
            sum += similarity;
            nearest = Math.max(nearest, similarity);
          } else {
            sum -= similarity;
            worst = Math.max(worst, similarity);
          }
        }
        double score =
            strategy == Strategy.SUM_SCORES
                ? sum
                : nearest > worst ? sigmoid(nearest) : -sigmoid(worst);
        ranked.add(new Ranked(points.get(i).id(), (float) score, null));
      }
    }
    return Ranked.bestFirst(ranked);
  }

  /** From 0 to 1, so that a point nearest to a positive example beats all the others. */
  private static double sigmoid(double similarity) {
    return 0.5 * (1 + similarity / (1 + Math.abs(similarity)));
  }
}
