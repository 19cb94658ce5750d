// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.filter;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.PointId;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A condition on a point's attributes, a JSON object. A condition on a field that is a list holds
 * if it holds for one of its elements.
 */
public sealed interface Filter {
  /** All of some conditions. */
  record And(List<Filter> parts) implements Filter {}

  /** At least one of some conditions. */
  record Or(List<Filter> parts) implements Filter {}

  /** At least a minimum number of some conditions. */
  record AtLeast(int count, List<Filter> parts) implements Filter {}

  /** The opposite of a condition. */
  record Not(Filter part) implements Filter {}

  /** How a field is compared. */
  enum Operator {
    EQUAL,
    NOT_EQUAL,
    GREATER,
    GREATER_OR_EQUAL,
    LESS,
    LESS_OR_EQUAL,
    CONTAINS
  }

  /**
   * A field compared with a value: a Boolean, Long, Double or String; only values of its kind are
   * compared.
   */
  record Compare(FieldPath field, Operator operator, Object value) implements Filter {}

  /**
   * A test of a value.
   *
   * @param value a Boolean, Long, Double or String; only values of its kind pass
   * @param isTime whether both are moments in ISO 8601
   */
  record Test(Operator operator, Object value, boolean isTime) {}

  /** A field with a value that passes all of several tests. */
  record CompareAll(FieldPath field, List<Test> tests) implements Filter {}

  /** A field with a value that differs from all of some values of one kind. */
  record NoneOf(FieldPath field, List<Object> values) implements Filter {}

  /** A field whose number of values is compared. */
  record CountValues(FieldPath field, Operator operator, long count) implements Filter {}

  /** A field that is missing, null or an empty list. */
  record IsEmpty(FieldPath field) implements Filter {}

  /** A field that is null. */
  record IsNull(FieldPath field) implements Filter {}

  /** A field with a text that matches a query by its words. */
  record MatchText(FieldPath field, String query, TextIndex.Mode mode) implements Filter {}

  /** A field with a place in a shape. */
  record InShape(FieldPath field, GeoShape shape) implements Filter {}

  /** A field with an element, an object, that satisfies a condition. */
  record Nested(FieldPath field, Filter condition) implements Filter {}

  /** A point with one of some ids. */
  record HasId(List<PointId> ids) implements Filter {}

  /** A point that has a vector of a name. */
  record HasVector(String name) implements Filter {}

  /**
   * A field of nested objects, as {@code a.b}; {@code []} behind a list is allowed and means
   * nothing.
   *
   * @param jsonPaths its steps: a new one begins behind each list that is stepped into
   */
  record FieldPath(List<String> jsonPaths) {
    private static final Pattern KEY = Pattern.compile("[^\\x00-\\x1f\"\\\\\\[\\]]{1,200}");

    /** A field of the document itself, dots or not. */
    public static FieldPath ofKey(String key) {
      if (!KEY.matcher(key).matches()) {
        throw CollectionException.invalid("\"" + key + "\" is no name of a field");
      }
      return new FieldPath(List.of("$.\"" + key + '"'));
    }

    public static FieldPath parse(String text) {
      if (text.length() > 2 && text.startsWith("\"") && text.endsWith("\"")) {
        return ofKey(text.substring(1, text.length() - 1)); // a name with dots
      }
      StringBuilder path = new StringBuilder("$");
      java.util.ArrayList<String> paths = new java.util.ArrayList<>();
      for (String step : text.split("\\.", -1)) {
        boolean isList = step.endsWith("[]");
        String key = isList ? step.substring(0, step.length() - 2) : step;
        if (!KEY.matcher(key).matches()) {
          throw CollectionException.invalid("\"" + text + "\" is no name of a field");
        }
        path.append(".\"").append(key).append('"');
        if (isList) {
          paths.add(path.toString());
          path = new StringBuilder("$");
        }
      }
      if (path.length() > 1) {
        paths.add(path.toString());
      }
      return new FieldPath(List.copyOf(paths));
    }
  }

  /** The field that a condition is on, or null if it is on none or on several. */
  static @Nullable FieldPath fieldOf(Filter condition) {
    return switch (condition) {
      case Compare compare -> compare.field();
      case CompareAll all -> all.field();
      case NoneOf none -> none.field();
      case CountValues count -> count.field();
      case IsEmpty empty -> empty.field();
      case IsNull isNull -> isNull.field();
      case Nested nested -> nested.field();
      case MatchText match -> match.field();
      case InShape in -> in.field();
      case And _, Or _, AtLeast _, Not _, HasId _, HasVector _ -> null;
    };
  }

  /** The conditions that a filter is made of directly. */
  static List<Filter> partsOf(Filter filter) {
    return switch (filter) {
      case And and -> and.parts();
      case Or or -> or.parts();
      case AtLeast some -> some.parts();
      case Not not -> List.of(not.part());
      default -> List.of();
    };
  }
}
