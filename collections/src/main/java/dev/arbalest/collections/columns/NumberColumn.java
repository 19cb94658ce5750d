// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.columns;

import dev.arbalest.collections.columns.NumberRange.Encoding;
import dev.arbalest.collections.filter.Filter;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * The numbers of one field by slot: integers as they are until a fraction comes, then all as
 * doubles, so that every number is kept exactly. Where that is not possible the column gives up,
 * and {@link #problem} says why. Not thread-safe.
 */
final class NumberColumn implements AutoCloseable {
  private static final String MIXED = "integers beyond 2^53 beside fractions";

  private CellColumn cells = new CellColumn();
  private Encoding encoding = Encoding.INTEGERS;
  private String problem = "";
  private final Values found = new Values();

  /** Why the numbers are not in memory, or the empty string. */
  String problem() {
    return problem;
  }

  /** The cells; another object after a change of encoding. */
  CellColumn cells() {
    return cells;
  }

  /** Forgets the numbers that were taken and not put. */
  void begin() {
    found.clear();
  }

  /** Takes a number of a document. */
  void take(JsonNode node) {
    if (!problem.isEmpty()) {
      return;
    }
    boolean isWhole = node.isIntegralNumber() && node.canConvertToLong();
    double value = node.doubleValue();
    long whole = isWhole ? node.longValue() : (long) value;
    boolean isInteger = isWhole || (whole == value && Math.abs(value) < 0x1p63);
    if (!isInteger && encoding == Encoding.INTEGERS) {
      encodeDoubles();
    }
    if (!problem.isEmpty()) {
      return;
    }
    if (isInteger && whole == Long.MIN_VALUE) {
      giveUp("a number is -2^63");
    } else if (encoding == Encoding.INTEGERS) {
      found.add(whole);
    } else if (isWhole && !isExact(whole)) {
      giveUp(MIXED);
    } else {
      found.add(NumberRange.cellOf(isWhole ? (double) whole : value));
    }
  }

  /** Makes the numbers that were taken those of a slot. */
  void put(int slot) {
    found.putTo(cells, slot);
  }

  private static boolean isExact(long whole) {
    double same = (double) whole;
    return same < 0x1p63 && (long) same == whole;
  }

  /** Keeps numbers as doubles from now on. */
  private void encodeDoubles() {
    boolean[] isExact = {true};
    CellColumn doubles = new CellColumn();
    Values values = new Values();
    for (int slot = 0; slot < cells.slots() && isExact[0]; slot++) {
      values.clear();
      cells.forEach(
          slot,
          whole -> {
            isExact[0] &= isExact(whole);
            values.add(NumberRange.cellOf((double) whole));
          });
      values.putTo(doubles, slot);
    }
    for (int i = 0; i < found.count(); i++) { // of the document being read
      isExact[0] &= isExact(found.get(i));
      found.set(i, NumberRange.cellOf((double) found.get(i)));
    }
    if (!isExact[0]) {
      doubles.close();
      giveUp(MIXED);
      return;
    }
    cells.close();
    cells = doubles;
    encoding = Encoding.DOUBLES;
  }

  private void giveUp(String why) {
    problem = "numbers are not in memory: " + why;
    cells.close();
    found.clear();
  }

  /** Adds the slots with a number that compares so with another. */
  void add(Filter.Operator operator, Object number, long[] words) {
    if (operator == Filter.Operator.NOT_EQUAL) {
      add(Filter.Operator.LESS, number, words);
      add(Filter.Operator.GREATER, number, words);
    } else {
      NumberRange range = NumberRange.of(operator, number, encoding);
      cells.addInRange(range.low(), range.high(), words);
    }
  }

  /** Adds the slots with a number that passes all of some tests. */
  void addAll(List<Filter.Test> tests, long[] words) {
    NumberRange range = NumberRange.ALL;
    for (Filter.Test test : tests) {
      range = range.and(NumberRange.of(test.operator(), test.value(), encoding));
    }
    cells.addInRange(range.low(), range.high(), words);
  }

  /** Adds the slots with one of some numbers. */
  void addAny(List<Object> numbers, long[] words) {
    cells.addAny(cellsOf(numbers), words);
  }

  /** Adds the slots with a number that is none of some. */
  void addOthers(List<Object> numbers, long[] words) {
    long[] named = cellsOf(numbers);
    cells.addIf(cell -> Arrays.binarySearch(named, cell) < 0, words);
  }

  private long[] cellsOf(List<Object> numbers) {
    return numbers.stream()
        .map(value -> NumberRange.of(Filter.Operator.EQUAL, value, encoding))
        .filter(range -> range.low() <= range.high())
        .mapToLong(NumberRange::low)
        .sorted()
        .toArray();
  }

  /** Counts the slots of a bitmap by number: Longs, and Doubles with a fraction. */
  void count(long[] words, Map<Object, Integer> counted) {
    cells.count(words).forEach((cell, count) -> counted.put(numberOf(cell), count));
  }

  private Object numberOf(long cell) {
    if (encoding == Encoding.INTEGERS) {
      return cell;
    }
    double value = NumberRange.doubleOf(cell);
    return value == (long) value ? (Object) (long) value : (Object) value;
  }

  void write(ColumnFile.Writer target) throws IOException {
    target.putText(encoding.name());
    target.putText(problem);
    cells.write(target);
  }

  void read(ColumnFile.Reader source) {
    encoding = Encoding.valueOf(source.getText());
    problem = source.getText();
    cells.read(source);
  }

  @Override
  public void close() {
    cells.close();
  }
}
