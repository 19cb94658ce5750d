// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.langchain4j;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.Filter.FieldPath;
import dev.arbalest.collections.filter.Filter.Operator;
import dev.langchain4j.store.embedding.filter.comparison.ContainsString;
import dev.langchain4j.store.embedding.filter.comparison.IsEqualTo;
import dev.langchain4j.store.embedding.filter.comparison.IsGreaterThan;
import dev.langchain4j.store.embedding.filter.comparison.IsGreaterThanOrEqualTo;
import dev.langchain4j.store.embedding.filter.comparison.IsIn;
import dev.langchain4j.store.embedding.filter.comparison.IsLessThan;
import dev.langchain4j.store.embedding.filter.comparison.IsLessThanOrEqualTo;
import dev.langchain4j.store.embedding.filter.comparison.IsNotEqualTo;
import dev.langchain4j.store.embedding.filter.comparison.IsNotIn;
import dev.langchain4j.store.embedding.filter.logical.And;
import dev.langchain4j.store.embedding.filter.logical.Not;
import dev.langchain4j.store.embedding.filter.logical.Or;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Translates LangChain4j's filters on metadata. As in {@code Filter.test}, a missing key satisfies
 * {@code IsNotEqualTo} and {@code IsNotIn} and no other comparison. Stateless.
 */
final class MetadataFilters {
  private MetadataFilters() {}

  /**
   * The filter of a collection, or null for none.
   *
   * @throws IllegalArgumentException if it is of a kind that is not known here
   */
  static @Nullable Filter translate(
      dev.langchain4j.store.embedding.filter.@Nullable Filter filter) {
    return filter == null ? null : of(filter);
  }

  private static Filter of(dev.langchain4j.store.embedding.filter.Filter filter) {
    return switch (filter) {
      case And and -> new Filter.And(List.of(of(and.left()), of(and.right())));
      case Or or -> new Filter.Or(List.of(of(or.left()), of(or.right())));
      case Not not -> new Filter.Not(of(not.expression()));
      case IsEqualTo is -> compare(is.key(), Operator.EQUAL, is.comparisonValue());
      case IsNotEqualTo is ->
          new Filter.Not(compare(is.key(), Operator.EQUAL, is.comparisonValue()));
      case IsGreaterThan is -> compare(is.key(), Operator.GREATER, is.comparisonValue());
      case IsGreaterThanOrEqualTo is ->
          compare(is.key(), Operator.GREATER_OR_EQUAL, is.comparisonValue());
      case IsLessThan is -> compare(is.key(), Operator.LESS, is.comparisonValue());
      case IsLessThanOrEqualTo is ->
          compare(is.key(), Operator.LESS_OR_EQUAL, is.comparisonValue());
      case IsIn is -> oneOf(is.key(), is.comparisonValues());
      case IsNotIn is -> new Filter.Not(oneOf(is.key(), is.comparisonValues()));
      case ContainsString has -> compare(has.key(), Operator.CONTAINS, has.comparisonValue());
      default ->
          throw new IllegalArgumentException(
              "filters of " + filter.getClass().getName() + " are not supported");
    };
  }

  private static Filter compare(String key, Operator operator, Object value) {
    return new Filter.Compare(FieldPath.ofKey(key), operator, MetadataValues.toCompare(value));
  }

  private static Filter oneOf(String key, java.util.Collection<?> values) {
    List<Filter> any = new ArrayList<>();
    for (Object value : values) {
      any.add(compare(key, Operator.EQUAL, value));
    }
    return new Filter.Or(any);
  }
}
