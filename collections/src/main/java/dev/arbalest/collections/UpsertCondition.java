// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.collections.filter.Filter;
import org.jspecify.annotations.Nullable;

/**
 * Which points an upsert writes.
 *
 * @param filter of the points that are there, which may be replaced; null for all
 */
public record UpsertCondition(Mode mode, @Nullable Filter filter) {
  /** All of them. */
  public static final UpsertCondition ALWAYS = new UpsertCondition(Mode.UPSERT, null);

  /** Whether points must be there. */
  public enum Mode {
    UPSERT,
    INSERT_ONLY,
    UPDATE_ONLY
  }

  boolean isAlways() {
    return mode == Mode.UPSERT && filter == null;
  }

  /** Whether a point is written. */
  boolean allows(boolean isThere, boolean passes) {
    return isThere ? mode != Mode.INSERT_ONLY && passes : mode != Mode.UPDATE_ONLY;
  }
}
