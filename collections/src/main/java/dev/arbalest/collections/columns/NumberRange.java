// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.columns;

import dev.arbalest.collections.filter.Filter;
import java.math.BigDecimal;
import java.math.RoundingMode;

/**
 * The cells of numbers that a comparison accepts, from {@code low} to {@code high}; none if {@code
 * low} is larger. Cells are the integers themselves, or doubles in an order-preserving encoding.
 */
record NumberRange(long low, long high) {
  static final NumberRange NOTHING = new NumberRange(1, 0);

  private static final BigDecimal LEAST = BigDecimal.valueOf(-Long.MAX_VALUE);
  private static final BigDecimal MOST = BigDecimal.valueOf(Long.MAX_VALUE);

  /** Everything. */
  static final NumberRange ALL = new NumberRange(-Long.MAX_VALUE, Long.MAX_VALUE);

  /** How numbers are kept. */
  enum Encoding {
    /** As they are: all are integers of 64 bits. */
    INTEGERS,
    /** As doubles: each is one exactly. */
    DOUBLES
  }

  /** A double as an integer; the order is the same. */
  static long cellOf(double value) {
    long bits = Double.doubleToLongBits(value + 0.0); // no negative zero
    return bits ^ ((bits >> 63) & Long.MAX_VALUE);
  }

  /** The double that {@link #cellOf} encoded. */
  static double doubleOf(long cell) {
    return Double.longBitsToDouble(cell ^ ((cell >> 63) & Long.MAX_VALUE));
  }

  NumberRange and(NumberRange other) {
    return new NumberRange(Math.max(low, other.low), Math.min(high, other.high));
  }

  /** The numbers that compare so with one: any operator but NOT_EQUAL and CONTAINS. */
  static NumberRange of(Filter.Operator operator, Object number, Encoding encoding) {
    BigDecimal bound =
        number instanceof Long whole
            ? BigDecimal.valueOf(whole)
            : new BigDecimal((Double) number); // exact
    return encoding == Encoding.INTEGERS ? integers(operator, bound) : doubles(operator, bound);
  }

  private static NumberRange integers(Filter.Operator operator, BigDecimal bound) {
    BigDecimal floor = bound.setScale(0, RoundingMode.FLOOR);
    BigDecimal ceiling = bound.setScale(0, RoundingMode.CEILING);
    return switch (operator) {
      case GREATER -> between(floor.add(BigDecimal.ONE), MOST);
      case GREATER_OR_EQUAL -> between(ceiling, MOST);
      case LESS -> between(LEAST, ceiling.subtract(BigDecimal.ONE));
      case LESS_OR_EQUAL -> between(LEAST, floor);
      case EQUAL -> floor.compareTo(ceiling) == 0 ? between(floor, floor) : NOTHING;
      default -> throw new IllegalArgumentException(operator + " has no range");
    };
  }

  private static NumberRange between(BigDecimal low, BigDecimal high) {
    if (low.compareTo(MOST) > 0 || high.compareTo(LEAST) < 0) {
      return NOTHING;
    }
    return new NumberRange(low.max(LEAST).longValueExact(), high.min(MOST).longValueExact());
  }

  private static NumberRange doubles(Filter.Operator operator, BigDecimal bound) {
    double nearest = bound.doubleValue(); // finite: the bound is a long or a double
    int order = new BigDecimal(nearest).compareTo(bound);
    double floor = order > 0 ? Math.nextDown(nearest) : nearest;
    double ceiling = order < 0 ? Math.nextUp(nearest) : nearest;
    return switch (operator) {
      case GREATER -> new NumberRange(cellOf(Math.nextUp(floor)), ALL.high);
      case GREATER_OR_EQUAL -> new NumberRange(cellOf(ceiling), ALL.high);
      case LESS -> new NumberRange(ALL.low, cellOf(Math.nextDown(ceiling)));
      case LESS_OR_EQUAL -> new NumberRange(ALL.low, cellOf(floor));
      case EQUAL -> order == 0 ? new NumberRange(cellOf(nearest), cellOf(nearest)) : NOTHING;
      default -> throw new IllegalArgumentException(operator + " has no range");
    };
  }
}
