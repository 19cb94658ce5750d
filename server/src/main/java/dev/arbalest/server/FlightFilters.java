package dev.arbalest.server;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Reads the filters of Flight tickets: a list of which all must hold, each {@code
 * {"field","operator"|"op","value"}} or {@code {"logic":"AND|OR|NOT","filters":[...]}}. Stateless.
 */
final class FlightFilters {
  private static final int MOST_DEPTH = 32;

  private FlightFilters() {}

  /** A filter, or null if there is none. */
  static @Nullable Filter parse(JsonNode node) {
    if (node.isMissingNode() || node.isNull() || (node.isContainer() && node.isEmpty())) {
      return null;
    }
    return node.isArray() ? new Filter.And(all(node, 0)) : one(node, 0);
  }

  private static List<Filter> all(JsonNode nodes, int depth) {
    List<Filter> filters = new ArrayList<>();
    nodes.forEach(node -> filters.add(one(node, depth + 1)));
    return filters;
  }

  private static Filter one(JsonNode node, int depth) {
    if (depth > MOST_DEPTH || !node.isObject()) {
      throw ServerException.invalid("a filter is an object with field, operator and value");
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
          throw ServerException.invalid(
              "logic OR joins what is in \"filters\" of the same object; put the alternatives there");
      default -> throw badLogic(node);
    };
  }

  private static String logic(JsonNode node) {
    String logic = node.path("logic").asString("");
    return logic.isEmpty() ? "AND" : logic.toUpperCase(Locale.ROOT);
  }

  private static ServerException badLogic(JsonNode node) {
    return ServerException.invalid(
        "logic is AND, OR or NOT, found " + JsonBody.shorten(node.path("logic")));
  }

  private static Filter comparison(JsonNode node) {
    String field = node.path("field").asString("");
    String operator = node.path("operator").asString(node.path("op").asString(""));
    Object value = JsonBody.value(node.path("value"));
    return compare(field, operator, value);
  }

  private static Filter compare(String field, String name, Object value) {
    Filter.Operator operator =
        switch (name.toLowerCase(Locale.ROOT)) {
          case "eq", "==", "=" -> Filter.Operator.EQUAL;
          case "neq", "ne", "!=" -> Filter.Operator.NOT_EQUAL;
          case "gt", ">" -> Filter.Operator.GREATER;
          case "lt", "<" -> Filter.Operator.LESS;
          case "ge", "gte", ">=" -> Filter.Operator.GREATER_OR_EQUAL;
          case "le", "lte", "<=" -> Filter.Operator.LESS_OR_EQUAL;
          default ->
              throw ServerException.invalid(
                  "operator must be eq, neq, gt, lt, ge or le, found \"" + name + "\"");
        };
    if (field.equals("id")) {
      PointId id = value instanceof Long number ? PointId.of(number) : PointId.of(value.toString());
      Filter same = new Filter.HasId(List.of(id));
      return switch (operator) {
        case EQUAL -> same;
        case NOT_EQUAL -> new Filter.Not(same);
        default ->
            throw ServerException.invalid("ids are compared by eq and neq, found \"" + name + "\"");
      };
    }
    Filter.FieldPath path = Filter.FieldPath.parse(field);
    if (field.indexOf('.') < 0) {
      return compare(path, operator, value);
    }
    // A column's name may have dots.
    return new Filter.Or(
        List.of(
            compare(path, operator, value),
            compare(Filter.FieldPath.ofKey(field), operator, value)));
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
