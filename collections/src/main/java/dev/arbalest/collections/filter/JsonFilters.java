// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.filter;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonPointIds;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.collections.model.TimeText;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** Reads filters as Qdrant's REST interface has them. Stateless. */
public final class JsonFilters {
  private static final int MAX_DEPTH = 32;

  private static final Map<String, TextIndex.Mode> MODES =
      Map.of(
          "text",
          TextIndex.Mode.ALL,
          "text_any",
          TextIndex.Mode.ANY,
          "phrase",
          TextIndex.Mode.PHRASE,
          "prefix",
          TextIndex.Mode.PREFIX);

  /** Conditions that are not on the values of a field. */
  private static final List<String> CONDITIONS =
      List.of("is_empty", "is_null", "has_id", "has_vector", "nested", "filter", "slice");

  private static final List<String> FIELD_CONDITIONS =
      List.of(
          "match",
          "range",
          "datetime_range",
          "values_count",
          "geo_radius",
          "geo_bounding_box",
          "geo_polygon");

  private static final Set<String> CLAUSES = Set.of("must", "should", "must_not", "min_should");

  private JsonFilters() {}

  /**
   * A filter, or null for an empty text.
   *
   * @throws CollectionException INVALID if it is no JSON or no filter
   */
  public static @Nullable Filter parse(String json) {
    if (json.isEmpty()) {
      return null;
    }
    try {
      return parse(JsonBody.JSON.readTree(json));
    } catch (JacksonException e) {
      throw JsonBody.malformed(e);
    }
  }

  /** A filter, or null if there is none. */
  public static @Nullable Filter parse(@Nullable JsonNode node) {
    return node == null || node.isMissingNode() || node.isNull() ? null : filter(node, 0);
  }

  private static Filter filter(JsonNode node, int depth) {
    if (depth > MAX_DEPTH) {
      throw CollectionException.invalid("a filter is nested at most " + MAX_DEPTH + " deep");
    }
    if (!node.isObject()) {
      throw CollectionException.invalid("a filter is an object, found " + node.getNodeType());
    }
    List<Filter> parts = new ArrayList<>();
    for (String name : node.propertyNames()) {
      JsonNode clause = node.path(name);
      if (!CLAUSES.contains(name)) {
        throw CollectionException.invalid(
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
                new Filter.AtLeast(minCount(clause), conditions(clause.path("conditions"), depth)));
      }
    }
    return new Filter.And(parts);
  }

  private static int minCount(JsonNode clause) {
    JsonBody.allow(clause, "min_should", Set.of("min_count", "conditions"));
    return JsonBody.integer(clause.path("min_count"), "min_count", 1, 0, Integer.MAX_VALUE);
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
    String kind = CONDITIONS.stream().filter(node::has).findFirst().orElse("");
    if (kind.isEmpty()) {
      for (String name : FIELD_CONDITIONS) {
        if (node.has(name)) {
          throw CollectionException.invalid(
              "a condition " + name + " needs the \"key\" of a field");
        }
      }
      return filter(node, depth);
    }
    JsonBody.allow(node, "a condition", Set.of(kind));
    JsonNode value = node.path(kind);
    return switch (kind) {
      case "is_empty" -> new Filter.IsEmpty(path(value.path("key")));
      case "is_null" -> new Filter.IsNull(path(value.path("key")));
      case "has_id" -> {
        if (!value.isArray()) {
          throw CollectionException.invalid(
              "has_id is a list of ids, found " + value.getNodeType());
        }
        yield new Filter.HasId(JsonPointIds.list(value));
      }
      case "has_vector" -> {
        if (!value.isString()) {
          throw CollectionException.invalid(
              "has_vector is the name of a vector, found " + value.getNodeType());
        }
        yield new Filter.HasVector(value.stringValue());
      }
      case "nested" -> {
        JsonBody.allow(value, "nested", Set.of("key", "filter"));
        yield new Filter.Nested(path(value.path("key")), filter(value.path("filter"), depth));
      }
      case "filter" -> filter(value, depth);
      default ->
          throw new CollectionException(
              CollectionException.Kind.UNSUPPORTED,
              "the condition \"" + kind + "\" is not supported");
    };
  }

  private static Filter.FieldPath path(JsonNode node) {
    if (!node.isString()) {
      throw CollectionException.invalid("a condition needs the \"key\" of a field");
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
        case "geo_radius", "geo_bounding_box", "geo_polygon" ->
            parts.add(new Filter.InShape(path, shape(name, value)));
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
            throw CollectionException.invalid(
                "conditions on a field are match, range, values_count, geo_radius, "
                    + "geo_bounding_box, geo_polygon, is_empty and is_null; found \""
                    + name
                    + '"');
      }
    }
    if (parts.isEmpty()) {
      throw CollectionException.invalid("a condition on a field needs match, range or another");
    }
    return parts.size() == 1 ? parts.getFirst() : new Filter.And(parts);
  }

  private static Filter match(Filter.FieldPath path, JsonNode node) {
    if (!node.isObject() || node.size() != 1) {
      throw CollectionException.invalid(
          "match has one of value, any, except, text, text_any, phrase and prefix, found "
              + JsonText.shorten(node));
    }
    if (node.has("value")) {
      return new Filter.Compare(path, Filter.Operator.EQUAL, JsonBody.value(node.path("value")));
    }
    String name = node.propertyNames().iterator().next();
    TextIndex.Mode mode = MODES.get(name);
    if (mode != null) {
      JsonNode query = node.path(name);
      if (!query.isString()) {
        throw CollectionException.invalid(name + " is a text, found " + JsonText.shorten(query));
      }
      return new Filter.MatchText(path, query.stringValue(), mode);
    }
    boolean any = node.has("any");
    if (!any && !node.has("except")) {
      throw CollectionException.invalid(
          "match has one of value, any, except, text, text_any, phrase and prefix, found \""
              + name
              + '"');
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
      throw CollectionException.invalid("\"except\" has texts or numbers, at least one");
    }
    return new Filter.NoneOf(path, values);
  }

  /** Refuses a text that is no moment. */
  public static void requireMoment(String what, String text) {
    if (TimeText.micros(text) == TimeText.NONE) {
      throw CollectionException.invalid(
          what + " is a number or a date such as 2024-05-06T07:08:09Z, found \"" + text + '"');
    }
  }

  private static GeoShape shape(String name, JsonNode node) {
    return switch (name) {
      case "geo_radius" -> {
        JsonBody.allow(node, name, Set.of("center", "radius"));
        yield new GeoShape.Circle(
            place(node.path("center")), number(node.path("radius"), "radius"));
      }
      case "geo_bounding_box" -> {
        JsonBody.allow(node, name, Set.of("top_left", "bottom_right"));
        yield new GeoShape.Box(place(node.path("top_left")), place(node.path("bottom_right")));
      }
      default -> {
        JsonBody.allow(node, name, Set.of("exterior", "interiors"));
        List<List<GeoShape.Place>> holes = new ArrayList<>();
        node.path("interiors").forEach(ring -> holes.add(ring(ring)));
        yield new GeoShape.Polygon(ring(node.path("exterior")), holes);
      }
    };
  }

  private static List<GeoShape.Place> ring(JsonNode node) {
    JsonBody.allow(node, "a ring", Set.of("points"));
    List<GeoShape.Place> places = new ArrayList<>();
    node.path("points").forEach(place -> places.add(place(place)));
    return places;
  }

  private static GeoShape.Place place(JsonNode node) {
    JsonBody.allow(node, "a place", Set.of("lon", "lat"));
    return new GeoShape.Place(number(node.path("lon"), "lon"), number(node.path("lat"), "lat"));
  }

  private static double number(JsonNode node, String name) {
    if (!node.isNumber()) {
      throw CollectionException.invalid(
          name + " must be a number, found " + JsonText.shorten(node));
    }
    return node.doubleValue();
  }

  /** All bounds hold for one of the values of a field. */
  private static Filter range(Filter.FieldPath path, JsonNode node) {
    List<Filter.Test> tests = new ArrayList<>();
    for (String name : node.propertyNames()) {
      JsonNode value = node.path(name);
      if (!value.isNull()) {
        if (value.isString()) {
          requireMoment("the bound " + name + " of a range", value.stringValue());
        }
        tests.add(new Filter.Test(operator(name), JsonBody.value(value), value.isString()));
      }
    }
    if (tests.isEmpty()) {
      throw CollectionException.invalid("a range has gt, gte, lt and lte");
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
      default ->
          throw CollectionException.invalid("a range has gt, gte, lt and lte, found " + name);
    };
  }
}
