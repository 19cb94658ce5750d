// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.collections.attributes.FieldIndexes;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;

/** Refuses filters that no index of a field would answer. Stateless. */
final class StrictFilters {
  private StrictFilters() {}

  /**
   * Throws unless all fields of a filter have indexes.
   *
   * @throws CollectionException INVALID, naming the first that has none
   */
  static void require(Filter filter, FieldIndexes indexes) {
    if (filter instanceof Filter.Nested) {
      throw CollectionException.invalid(
          "nested conditions never use an index, and this server refuses filters without"
              + " (--strict-filters)");
    }
    Filter.FieldPath field = Filter.fieldOf(filter);
    if (field != null) {
      require(field, indexes, true);
    }
    Filter.partsOf(filter).forEach(part -> require(part, indexes));
  }

  /**
   * Throws unless a field has an index.
   *
   * @param isStrict whether all filters must have one
   */
  static void require(Filter.FieldPath field, FieldIndexes indexes, boolean isStrict) {
    if (!indexes.has(field)) {
      throw CollectionException.invalid(
          "field \""
              + FieldIndexes.nameOf(String.join("[].", field.jsonPaths()))
              + "\" has no index, and "
              + (isStrict
                  ? "this server refuses filters on such fields (--strict-filters)"
                  : "this needs one")
              + "; create an index of the field first");
    }
  }
}
