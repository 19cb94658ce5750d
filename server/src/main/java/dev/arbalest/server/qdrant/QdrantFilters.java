// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.server.attributes.Filter;
import dev.arbalest.server.model.JsonBody;
import dev.arbalest.server.model.PointId;
import dev.arbalest.server.model.ServerException;
import dev.arbalest.server.model.TimeText;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Reads filters as Qdrant's REST interface has them. Stateless. */
public final class QdrantFilters {
  private static final int MAX_DEPTH = 32;
  private static final Set<String> CLAUSES = Set.of("must", "should", "must_not", "min_should");

  private QdrantFilters() {}

  /** A filter, or null if there is none. */
  public static @Nullable Filter parse(@Nullable JsonNode node) {
    return node == null || node.isMissingNode() || node.isNull() ? null : filter(node, 0);
  }

  private static Filter filter(JsonNode node, int depth) {
    if (depth > MAX_DEPTH) {
      throw ServerException.invalid("a filter is nested at most " + MAX_DEPTH + " deep");
    }
    if (!node.isObject()) {
      throw ServerException.invalid("a filter is an object, found " + node.getNodeType());
    }
    List<Filter> parts = new ArrayList<>();
    for (String name : node.propertyNames()) {
      JsonNode clause = node.path(name);
      if (!CLAUSES.contains(name)) {
        throw ServerException.invalid(
            "a filter has must, should, must_not and min_should, found \"" + name + "\"");
      }
      if (clause.isNull()) {
        continue;
      }
      switch (name) {
        case "must" -> parts.add(new Filter.And(conditions(clause, depth)));
        case "should" -> {
          List<Filter> any = conditions(clause, depth);
          if (!any.isEmpty()) {
            parts.add(new Filter.Or(any));
          }
        }
        case "must_not" -> parts.add(new Filter.Not(new Filter.Or(conditions(clause, depth))));
        default ->
            parts.add(
                new Filter.AtLeast(
                    JsonBody.integer(
                        clause.path("min_count"), "min_count", 1, 0, Integer.MAX_VALUE),
                    conditions(clause.path("conditions"), depth)));
      }
    }
    return new Filter.And(parts);
  }

  private static List<Filter> conditions(JsonNode node, int depth) {
    List<Filter> conditions = new ArrayList<>();
    if (node.isArray()) {
      node.forEach(one -> conditions.add(condition(one, depth + 1)));
    } else {
      conditions.add(condition(node, depth + 1));
    }
    return conditions;
  }

  private static Filter condition(JsonNode node, int depth) {
    if (node.has("key")) {
      return field(node);
    }
    if (node.has("is_empty")) {
      return new Filter.IsEmpty(path(node.path("is_empty").path("key")));
    }
    if (node.has("is_null")) {
      return new Filter.IsNull(path(node.path("is_null").path("key")));
    }
    if (node.has("has_id")) {
      List<PointId> ids = new ArrayList<>();
      node.path("has_id").forEach(id -> ids.add(PointId.of(id)));
      return new Filter.HasId(ids);
    }
    if (node.has("nested")) {
      JsonNode nested = node.path("nested");
      return new Filter.Nested(path(nested.path("key")), filter(nested.path("filter"), depth));
    }
    if (node.has("filter")) {
      return filter(node.path("filter"), depth);
    }
    return filter(node, depth);
  }

  private static Filter.FieldPath path(JsonNode node) {
    if (!node.isString()) {
      throw ServerException.invalid("a condition needs the \"key\" of a field");
    }
    return Filter.FieldPath.parse(node.stringValue());
  }

  private static Filter field(JsonNode node) {
    Filter.FieldPath path = path(node.path("key"));
    List<Filter> parts = new ArrayList<>();
    for (String name : node.propertyNames()) {
      JsonNode value = node.path(name);
      if (name.equals("key") || value.isNull()) {
        continue;
      }
      switch (name) {
        case "match" -> parts.add(match(path, value));
        case "range", "datetime_range" -> parts.add(range(path, value));
        case "values_count" -> counts(path, value, parts);
        case "is_empty" ->
            parts.add(
                value.asBoolean(true)
                    ? new Filter.IsEmpty(path)
                    : new Filter.Not(new Filter.IsEmpty(path)));
        case "is_null" ->
            parts.add(
                value.asBoolean(true)
                    ? new Filter.IsNull(path)
                    : new Filter.Not(new Filter.IsNull(path)));
        default ->
            throw ServerException.invalid(
                "conditions on a field are match, range, values_count, is_empty and is_null; \""
                    + name
                    + "\" is not supported");
      }
    }
    if (parts.isEmpty()) {
      throw ServerException.invalid("a condition on a field needs match, range or another");
    }
    return parts.size() == 1 ? parts.getFirst() : new Filter.And(parts);
  }

  private static Filter match(Filter.FieldPath path, JsonNode node) {
    if (node.has("value")) {
      return new Filter.Compare(path, Filter.Operator.EQUAL, JsonBody.value(node.path("value")));
    }
    if (node.has("text")) {
      return new Filter.Compare(path, Filter.Operator.CONTAINS, JsonBody.value(node.path("text")));
    }
    boolean any = node.has("any");
    if (!any && !node.has("except")) {
      throw ServerException.invalid("match has value, any, except or text");
    }
    if (any) {
      List<Filter> choices = new ArrayList<>();
      for (JsonNode choice : node.path("any")) {
        choices.add(new Filter.Compare(path, Filter.Operator.EQUAL, JsonBody.value(choice)));
      }
      return new Filter.Or(choices);
    }
    List<Object> values = new ArrayList<>();
    node.path("except").forEach(choice -> values.add(JsonBody.value(choice)));
    long texts = values.stream().filter(String.class::isInstance).count();
    if (values.isEmpty() || (texts > 0 && texts < values.size())) {
      throw ServerException.invalid("\"except\" has texts or numbers, at least one");
    }
    return new Filter.NoneOf(path, values);
  }

  /** All bounds hold for one of the values of a field. */
  private static Filter range(Filter.FieldPath path, JsonNode node) {
    List<Filter.Test> tests = new ArrayList<>();
    for (String name : node.propertyNames()) {
      JsonNode value = node.path(name);
      if (!value.isNull()) {
        if (value.isString() && TimeText.millis(value.stringValue()) < 0) {
          throw ServerException.invalid(
              "the bound "
                  + name
                  + " of a range is a number or a date such as 2024-05-06T07:08:09Z, found \""
                  + value.stringValue()
                  + '"');
        }
        tests.add(new Filter.Test(operator(name), JsonBody.value(value), value.isString()));
      }
    }
    if (tests.isEmpty()) {
      throw ServerException.invalid("a range has gt, gte, lt and lte");
    }
    return new Filter.CompareAll(path, tests);
  }

  private static void counts(Filter.FieldPath path, JsonNode node, List<Filter> parts) {
    for (String name : node.propertyNames()) {
      if (!node.path(name).isNull()) {
        long count = JsonBody.integer(node.path(name), name, 0L, Long.MIN_VALUE, Long.MAX_VALUE);
        parts.add(new Filter.CountValues(path, operator(name), count));
      }
    }
  }

  private static Filter.Operator operator(String name) {
    return switch (name) {
      case "gt" -> Filter.Operator.GREATER;
      case "gte" -> Filter.Operator.GREATER_OR_EQUAL;
      case "lt" -> Filter.Operator.LESS;
      case "lte" -> Filter.Operator.LESS_OR_EQUAL;
      default -> throw ServerException.invalid("a range has gt, gte, lt and lte, found " + name);
    };
  }
}
