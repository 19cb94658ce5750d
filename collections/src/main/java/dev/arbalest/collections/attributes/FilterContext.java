// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.IdType;
import dev.arbalest.collections.filter.Filter;
import org.jspecify.annotations.Nullable;

/** What the SQL of a filter depends on. */
interface FilterContext {
  /** Number of an indexed field whose values are kept, or null. */
  @Nullable Integer valuesOf(Filter.FieldPath field);

  /** Number of an indexed field, or null. */
  @Nullable Integer numberOf(Filter.FieldPath field);

  /** Kind of an indexed field, or null. */
  @Nullable String kindOf(Filter.FieldPath field);

  /**
   * Number of a vector that points may have or not, -1 of one that all points have, or null if the
   * collection has none of that name.
   */
  @Nullable Integer spaceOf(String vector);

  /** What ids of the collection are. */
  IdType idType();
}
