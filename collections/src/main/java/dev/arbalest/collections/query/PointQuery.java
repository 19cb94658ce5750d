// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What points are ranked by. */
public sealed interface PointQuery {
  /** A vector, or the id of a point whose vector is meant. */
  sealed interface Example {
    /** A vector that was sent. */
    record Vector(PointVector vector) implements Example {}

    /** The vector of a point. */
    record Id(PointId id) implements Example {}
  }

  /**
   * Points nearest to an example.
   *
   * @param diversity chooses among the nearest, or null
   */
  record Nearest(Example example, @Nullable Diversity diversity) implements PointQuery {
    /** Points nearest to a vector. */
    public static Nearest to(float[] vector) {
      return to(new PointVector.Dense(vector));
    }

    /** The same of a vector of any kind. */
    public static Nearest to(PointVector vector) {
      return new Nearest(new Example.Vector(vector), null);
    }
  }

  /**
   * Maximal marginal relevance (Carbonell and Goldstein 1998): of the nearest points, those that
   * are unlike the ones chosen before.
   *
   * @param share weight of being unlike others, in [0, 1]; the rest is that of being near
   * @param candidates nearest points to choose from
   */
  record Diversity(double share, int candidates) {
    public Diversity {
      if (!(share >= 0 && share <= 1)) {
        throw CollectionException.invalid("diversity must be in [0, 1], found " + share);
      }
    }
  }

  /** How examples are combined. */
  enum Strategy {
    /** One query: the mean of the positive examples, moved away from the mean of the negative. */
    AVERAGE_VECTOR,
    /** A point's score is that of the example it is nearest to, against it if that is negative. */
    BEST_SCORE,
    /** A point's score is the sum over positive examples less the sum over negative ones. */
    SUM_SCORES
  }

  /** Points like some examples and unlike others. The examples themselves are not found. */
  record Recommend(List<Example> positive, List<Example> negative, Strategy strategy)
      implements PointQuery {
    /** Most examples: each is looked up or compared with every candidate. */
    private static final int MAX_EXAMPLES = 1000;

    public Recommend {
      if (positive.size() + negative.size() > MAX_EXAMPLES) {
        throw CollectionException.invalid(
            "recommend has at most "
                + MAX_EXAMPLES
                + " examples, found "
                + (positive.size() + negative.size()));
      }
      if (positive.isEmpty() && negative.isEmpty()) {
        throw CollectionException.invalid("recommend needs at least one example");
      }
      if (positive.isEmpty()) {
        throw CollectionException.invalid(
            "recommend needs a positive example: no index finds points that are merely far from "
                + "others");
      }
    }
  }

  /**
   * Points in the order of an indexed field.
   *
   * @param startFrom first value: a Long, a Double, or a String that is a moment; null for all
   */
  record OrderBy(Filter.FieldPath field, boolean descending, @Nullable Object startFrom)
      implements PointQuery {}

  /** How rankings become one. */
  enum FusionMethod {
    /** Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009). */
    RECIPROCAL_RANK,
    /** The sum of scores, each ranking's scaled by its mean and three standard deviations. */
    DISTRIBUTION_BASED
  }

  /**
   * The rankings of all prefetches as one.
   *
   * @param k of reciprocal rank fusion
   * @param weights one per prefetch, or none
   */
  record Fusion(FusionMethod method, int k, List<Double> weights) implements PointQuery {
    /** Least that a first rank is divided by, as clients know it. */
    public static final int DEFAULT_K = 2;

    public Fusion {
      if (k < 1) {
        throw CollectionException.invalid("k of a fusion must be at least 1, found " + k);
      }
      for (double weight : weights) {
        if (!(weight >= 0 && weight < Double.POSITIVE_INFINITY)) {
          throw CollectionException.invalid(
              "weights of a fusion must be at least 0, found " + weight);
        }
      }
    }
  }

  /**
   * Points by the words of a field they share with a query, ranked by BM25.
   *
   * @param field with a text index, or null for the only one there is
   */
  record Words(Filter.@Nullable FieldPath field, String text) implements PointQuery {}

  /** Points by chance. */
  record Sample() implements PointQuery {}
}
