// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.springai;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.Filter.FieldPath;
import dev.arbalest.collections.filter.Filter.Operator;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.ai.vectorstore.filter.Filter.Expression;
import org.springframework.ai.vectorstore.filter.Filter.Operand;

/**
 * Translates Spring AI's filter expressions. A missing key satisfies {@code NE}, {@code NIN} and
 * {@code ISNULL} and no other comparison. Stateless.
 */
final class ExpressionFilters {
  private ExpressionFilters() {}

  /**
   * The filter of a collection.
   *
   * @throws IllegalArgumentException if the expression is incomplete, or compares with a value that
   *     is no text, number or Boolean
   */
  static Filter translate(Expression expression) {
    Operand left = expression.left();
    return switch (expression.type()) {
      case AND -> new Filter.And(both(expression));
      case OR -> new Filter.Or(both(expression));
      case NOT -> new Filter.Not(part(left));
      case EQ -> compare(expression, Operator.EQUAL);
      case NE -> new Filter.Not(compare(expression, Operator.EQUAL));
      case GT -> compare(expression, Operator.GREATER);
      case GTE -> compare(expression, Operator.GREATER_OR_EQUAL);
      case LT -> compare(expression, Operator.LESS);
      case LTE -> compare(expression, Operator.LESS_OR_EQUAL);
      case IN -> oneOf(expression);
      case NIN -> new Filter.Not(oneOf(expression));
      case ISNULL -> isNull(left);
      case ISNOTNULL -> new Filter.Not(isNull(left));
    };
  }

  private static List<Filter> both(Expression expression) {
    return List.of(part(expression.left()), part(expression.right()));
  }

  private static Filter part(@Nullable Operand operand) {
    return switch (operand) {
      case Expression expression -> translate(expression);
      case org.springframework.ai.vectorstore.filter.Filter.Group group ->
          translate(group.content());
      case null, default ->
          throw new IllegalArgumentException("expected an expression, found " + operand);
    };
  }

  /** Fields that a key names: with dots, one of that name or one of a nested object. */
  private static List<FieldPath> fields(@Nullable Operand operand) {
    if (!(operand instanceof org.springframework.ai.vectorstore.filter.Filter.Key key)) {
      throw new IllegalArgumentException("expected a key, found " + operand);
    }
    String name = key.key();
    boolean isQuoted =
        name.length() > 2
            && (name.startsWith("\"") || name.startsWith("'"))
            && name.charAt(0) == name.charAt(name.length() - 1);
    if (isQuoted) {
      return List.of(FieldPath.ofKey(name.substring(1, name.length() - 1)));
    }
    return name.contains(".")
        ? List.of(FieldPath.ofKey(name), FieldPath.parse(name))
        : List.of(FieldPath.ofKey(name));
  }

  private static Object valueOf(@Nullable Operand operand) {
    if (!(operand instanceof org.springframework.ai.vectorstore.filter.Filter.Value value)) {
      throw new IllegalArgumentException("expected a value, found " + operand);
    }
    return value.value();
  }

  private static Filter compare(Expression expression, Operator operator) {
    return compare(fields(expression.left()), operator, valueOf(expression.right()));
  }

  private static Filter compare(List<FieldPath> fields, Operator operator, Object value) {
    List<Filter> any = new ArrayList<>();
    for (FieldPath field : fields) {
      any.add(new Filter.Compare(field, operator, toCompare(value)));
    }
    return any.size() == 1 ? any.getFirst() : new Filter.Or(any);
  }

  private static Filter oneOf(Expression expression) {
    Object values = valueOf(expression.right());
    List<FieldPath> fields = fields(expression.left());
    List<Filter> any = new ArrayList<>();
    for (Object value : values instanceof Iterable<?> several ? several : List.of(values)) {
      any.add(compare(fields, Operator.EQUAL, value));
    }
    return new Filter.Or(any);
  }

  private static Filter isNull(Operand operand) {
    List<Filter> all = new ArrayList<>();
    for (FieldPath field : fields(operand)) {
      all.add(new Filter.IsEmpty(field));
    }
    return new Filter.And(all);
  }

  /** A value as collections compare it. */
  private static Object toCompare(@Nullable Object value) {
    return switch (value) {
      case Integer number -> number.longValue();
      case Short number -> number.longValue();
      case Byte number -> number.longValue();
      case Long number -> number;
      case Float number -> Double.parseDouble(number.toString()); // 0.1f is 0.1, as JSON says it
      case Double number -> number;
      case Boolean truth -> truth;
      case String text -> text;
      case null, default ->
          throw new IllegalArgumentException(
              "filters compare with texts, numbers and Booleans, found " + value);
    };
  }
}
