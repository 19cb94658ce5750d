// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.collections.model.PointId;
import java.util.List;
import java.util.Map;

/**
 * What a change makes of the vectors that points have.
 *
 * @param present vectors that they have from now on
 * @param absent points that have none from now on, by the number of the vector
 */
public record VectorRows(List<StoredVector> present, Map<Integer, List<PointId>> absent) {
  /** No change. */
  static final VectorRows NONE = new VectorRows(List.of(), Map.of());
}
