// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.model.PointId;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A point's place in a ranking. */
record Ranked(PointId id, float score, @Nullable Number orderValue) {
  /** Best first; equal ones by their ids, so that answers do not depend on chance. */
  static List<Ranked> bestFirst(List<Ranked> ranked) {
    return ranked.stream()
        .sorted(
            Comparator.comparingDouble((Ranked one) -> -one.score())
                .thenComparing(one -> one.id().toString()))
        .toList();
  }
}
