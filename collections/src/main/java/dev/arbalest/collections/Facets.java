// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.LiveIndex;
import dev.arbalest.PointSet;
import dev.arbalest.collections.columns.AttributeColumns;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.TextOrder;
import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Counts points by the values of an indexed field. */
final class Facets {
  private static final Comparator<FacetValue> MOST_FIRST =
      Comparator.comparingInt(FacetValue::count)
          .reversed()
          .thenComparing(value -> value.value().toString(), TextOrder::compare);

  private Facets() {}

  /** The most frequent values, as {@link Collection#facet}. */
  static List<FacetValue> count(
      CollectionFiles files, Filter.FieldPath field, @Nullable Filter filter, int limit)
      throws IOException {
    files.requireIndexed(field);
    Map<Object, Integer> counts =
        files.isNamed()
            ? files.attributes().countValues(field, filter)
            : byColumns(files, field, filter);
    return counts.entrySet().stream()
        .map(entry -> new FacetValue(entry.getKey(), entry.getValue()))
        .sorted(MOST_FIRST)
        .limit(limit)
        .toList();
  }

  private static Map<Object, Integer> byColumns(
      CollectionFiles files, Filter.FieldPath field, @Nullable Filter filter) throws IOException {
    LiveIndex index = files.only().index();
    AttributeColumns columns = files.columns();
    if (index == null || columns == null) {
      return Map.of();
    }
    PointSet set = filter == null ? null : files.matches(filter).set();
    Map<Object, Integer> counts =
        index.withSlots(
            slots -> columns.countValues(field, slots, set == null ? slots.live() : set.words()));
    if (counts == null) {
      throw CollectionException.invalid(
          "the values of this field cannot be counted: " + columns.problem(field));
    }
    return counts;
  }
}
