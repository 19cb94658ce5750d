// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.collections.query.QueryRequest;

/** How large an answer may be. Stateless. */
public final class AnswerLimits {
  /** Hits of all searches of a batch. */
  public static final int MAX_HITS = 100_000;

  private static final int MAX_BATCH = 1000;

  /** Components of all vectors in an answer: each takes a dozen bytes as JSON. */
  private static final int MAX_COMPONENTS = 4 << 20;

  private AnswerLimits() {}

  /** Refuses to answer with so many points, or with so many vectors of a collection. */
  public static void requireSize(Collection collection, long points, VectorSelector vectors) {
    if (points > 2L * QueryRequest.MAX_LIMIT) {
      throw CollectionException.invalid(
          "an answer has at most " + QueryRequest.MAX_LIMIT + " points, asked for " + points);
    }
    int components =
        collection.settings().vectors().stream()
            .filter(spec -> vectors.wants(spec.name()))
            .mapToInt(VectorSpec::dimension)
            .sum();
    if (points * components > MAX_COMPONENTS) {
      throw CollectionException.invalid(
          "an answer has at most " + MAX_COMPONENTS / components + " vectors, asked for " + points);
    }
  }

  /** Refuses a batch of so many searches. */
  public static void requireBatch(int searches) {
    if (searches > MAX_BATCH) {
      throw CollectionException.invalid("a batch has at most " + MAX_BATCH + " searches");
    }
  }

  /** Refuses a batch that has used up its hits. */
  public static void requireRoom(int left) {
    if (left < 0) {
      throw CollectionException.invalid(
          "a batch asks for at most " + MAX_HITS + " hits, or a hundredth with vectors");
    }
  }
}
