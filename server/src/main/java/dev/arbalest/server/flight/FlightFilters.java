// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.collections.model.PointId;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Reads the filters of Flight tickets: a list of conditions that must all hold, each {@code
 * {"field","operator"|"op","value"}} or {@code {"logic":"AND|OR|NOT","filters":[...]}}. Stateless.
 */
final class FlightFilters {
  private static final int MAX_DEPTH = 32;

  private final CollectionSettings settings;

  private FlightFilters(CollectionSettings settings) {
    this.settings = settings;
  }

  /** A filter, or null if there is none. */
  static @Nullable Filter parse(JsonNode node, CollectionSettings settings) {
    if (node.isMissingNode() || node.isNull() || (node.isContainer() && node.isEmpty())) {
      return null;
    }
    FlightFilters filters = new FlightFilters(settings);
    return node.isArray() ? new Filter.And(filters.all(node, 0)) : filters.one(node, 0);
  }

  private List<Filter> all(JsonNode nodes, int depth) {
    List<Filter> filters = new ArrayList<>();
    nodes.forEach(node -> filters.add(one(node, depth + 1)));
    return filters;
  }

  private Filter one(JsonNode node, int depth) {
    if (depth > MAX_DEPTH || !node.isObject()) {
      throw CollectionException.invalid("a filter is an object with field, operator and value");
    }
    JsonNode nested = node.path("filters");
    if (nested.isArray() && !nested.isEmpty()) {
      List<Filter> parts = all(nested, depth);
      if (node.hasNonNull("field")) {
        parts.addFirst(comparison(node)); // one more of them
      }
      return switch (logic(node)) {
        case "AND" -> new Filter.And(parts);
        case "OR" -> new Filter.Or(parts);
        case "NOT" -> new Filter.Not(new Filter.Or(parts));
        default -> throw badLogic(node);
      };
    }
    return switch (logic(node)) {
      case "AND" -> comparison(node);
      case "NOT" -> new Filter.Not(comparison(node));
      case "OR" ->
          throw CollectionException.invalid(
              "logic OR joins what is in \"filters\" of the same object; put the alternatives there");
      default -> throw badLogic(node);
    };
  }

  private static String logic(JsonNode node) {
    String logic = node.path("logic").asString("");
    return logic.isEmpty() ? "AND" : logic.toUpperCase(Locale.ROOT);
  }

  private static CollectionException badLogic(JsonNode node) {
    return CollectionException.invalid(
        "logic is AND, OR or NOT, found " + JsonText.shorten(node.path("logic")));
  }

  private Filter comparison(JsonNode node) {
    String field = node.path("field").asString("");
    String operator = node.path("operator").asString(node.path("op").asString(""));
    JsonNode value = node.path("value");
    return field.equals("id")
        ? compareId(operator, PointId.of(value))
        : compare(path(field), operator(operator), JsonBody.value(value));
  }

  /** A column's name may have dots; any other is a path. */
  private Filter.FieldPath path(String field) {
    String columns = settings.schema();
    try {
      boolean isColumn =
          columns != null
              && field.indexOf('.') >= 0
              && Schema.fromJSON(columns).getFields().stream()
                  .anyMatch(column -> column.getName().equals(field));
      return isColumn ? Filter.FieldPath.ofKey(field) : Filter.FieldPath.parse(field);
    } catch (IOException e) {
      throw new CollectionException(
          CollectionException.Kind.INTERNAL, "the collection's schema cannot be read", 0, e);
    }
  }

  private static Filter compareId(String name, PointId id) {
    Filter same = new Filter.HasId(List.of(id));
    return switch (operator(name)) {
      case EQUAL -> same;
      case NOT_EQUAL -> new Filter.Not(same);
      default ->
          throw CollectionException.invalid(
              "ids are compared by eq and neq, found \"" + name + "\"");
    };
  }

  private static Filter.Operator operator(String name) {
    return switch (name.toLowerCase(Locale.ROOT)) {
      case "eq", "==", "=" -> Filter.Operator.EQUAL;
      case "neq", "ne", "!=" -> Filter.Operator.NOT_EQUAL;
      case "gt", ">" -> Filter.Operator.GREATER;
      case "lt", "<" -> Filter.Operator.LESS;
      case "ge", "gte", ">=" -> Filter.Operator.GREATER_OR_EQUAL;
      case "le", "lte", "<=" -> Filter.Operator.LESS_OR_EQUAL;
      default ->
          throw CollectionException.invalid(
              "operator must be eq, neq, gt, lt, ge or le, found \"" + name + "\"");
    };
  }

  private static Filter compare(Filter.FieldPath path, Filter.Operator operator, Object value) {
    // Clients send numbers as text, too.
    if (value instanceof String text && isNumber(text)) {
      return new Filter.Or(
          List.of(
              new Filter.Compare(path, operator, text),
              new Filter.Compare(path, operator, Double.parseDouble(text))));
    }
    return new Filter.Compare(path, operator, value);
  }

  private static boolean isNumber(String text) {
    return text.matches("-?[0-9]{1,18}(\\.[0-9]{1,18})?");
  }
}
