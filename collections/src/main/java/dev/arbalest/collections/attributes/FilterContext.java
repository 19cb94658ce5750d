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

  /** What ids of the collection are. */
  IdType idType();
}
