// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.columns;

import dev.arbalest.collections.columns.NumberRange.Encoding;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.TextIndex;
import dev.arbalest.collections.model.TextOrder;
import dev.arbalest.collections.model.TimeText;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * The values of one field by slot. Values of different kinds are in columns of their own, as a
 * condition looks at one kind only: Booleans, numbers, texts and, for fields of that kind, moments;
 * and beside them how many values there are, null among them or an object instead.
 *
 * <p>What a column cannot keep it gives up, and {@link #problem} says so; conditions on it are left
 * to the database. Not thread-safe.
 */
final class FieldColumn implements AutoCloseable {
  private static final String DATETIME = "datetime";

  // What a field is when it is not simply values:

  private static final long HAS_NULL = 0;
  private static final long IS_OBJECT = 1;

  private final String path;
  private final String kind;
  private final List<String> keys;
  private final CellColumn bools = new CellColumn();
  private final NumberColumn numbers = new NumberColumn();
  private final TextColumn texts = new TextColumn();
  private final CellColumn moments = new CellColumn();
  private final CellColumn counts = new CellColumn();
  private final CellColumn shapes = new CellColumn();

  // Of the document being read:

  private final Values foundBools = new Values();
  private final Values foundMoments = new Values();
  private final long[] single = new long[1];
  private int foundCount;
  private boolean foundNull;

  /**
   * Makes an empty column.
   *
   * @param path JSON path of the field, one object in another
   * @param kind as the index of the field was created; only {@code datetime} makes a difference
   */
  FieldColumn(String path, String kind) {
    this.path = path;
    this.kind = kind;
    this.keys = keys(path);
  }

  /** The names of a path such as {@code $."a"."b"}. */
  private static List<String> keys(String path) {
    return List.of(path.substring("$.\"".length(), path.length() - 1).split("\"\\.\"", -1));
  }

  String path() {
    return path;
  }

  String kind() {
    return kind;
  }

  /** Why some conditions on the field are left to the database, or the empty string. */
  String problem() {
    List<String> problems = new ArrayList<>(List.of(numbers.problem(), texts.problem()));
    problems.removeIf(String::isEmpty);
    return String.join("; ", problems);
  }

  private List<CellColumn> cells() {
    return List.of(bools, numbers.cells(), texts.cells(), moments, counts, shapes);
  }

  /** Bytes of memory; the dictionary of texts is estimated. */
  long bytes() {
    long bytes = texts.dictionaryBytes();
    for (CellColumn column : cells()) {
      bytes += column.bytes();
    }
    return bytes;
  }

  /** Gives a slot the values of another. */
  void copy(int slot, int from) {
    cells().forEach(column -> column.copy(slot, from));
  }

  /** Takes the values of a slot away. */
  void clear(int slot) {
    cells().forEach(column -> column.clear(slot));
  }

  /** Sets the values of a slot to those of a document, null for none. */
  void set(int slot, @Nullable JsonNode document) {
    JsonNode node = document;
    for (String key : keys) {
      node = node == null || !node.isObject() ? null : node.get(key);
    }
    if (node == null) {
      clear(slot);
      return;
    }
    foundBools.clear();
    numbers.begin();
    texts.begin();
    foundMoments.clear();
    foundCount = 0;
    foundNull = false;
    if (node.isArray()) {
      node.forEach(this::take);
    } else if (!node.isObject()) {
      take(node);
    }
    foundBools.putTo(bools, slot);
    numbers.put(slot);
    texts.put(slot);
    foundMoments.putTo(moments, slot);
    put(counts, slot, foundCount > 0, foundCount);
    put(shapes, slot, foundNull || node.isObject(), node.isObject() ? IS_OBJECT : HAS_NULL);
  }

  private void put(CellColumn column, int slot, boolean isThere, long value) {
    if (isThere) {
      single[0] = value;
      column.set(slot, single, 1);
    } else {
      column.clear(slot);
    }
  }

  private void take(JsonNode node) {
    if (node.isNull()) {
      foundNull = true;
      return;
    }
    foundCount++;
    if (node.isBoolean()) {
      foundBools.add(node.booleanValue() ? 1 : 0);
    } else if (node.isNumber()) {
      numbers.take(node);
    } else if (node.isString()) {
      texts.take(node.stringValue());
      takeMoment(node.stringValue());
    }
  }

  private void takeMoment(String text) {
    if (!kind.equals(DATETIME)) {
      return;
    }
    long moment = TimeText.micros(text);
    if (moment != TimeText.NONE) {
      foundMoments.add(moment);
    }
  }

  /** Whether conditions on values of a kind can be answered. */
  private boolean canTest(Object value) {
    return switch (value) {
      case Boolean _ -> true;
      case String _ -> texts.problem().isEmpty();
      default -> numbers.problem().isEmpty();
    };
  }

  private boolean canTest(Filter.Test test) {
    if (test.operator() == Filter.Operator.NOT_EQUAL
        || test.operator() == Filter.Operator.CONTAINS) {
      return false;
    }
    return test.isTime() ? kind.equals(DATETIME) : canTest(test.value());
  }

  /** Whether a condition on this field can be answered. */
  boolean covers(Filter condition) {
    return switch (condition) {
      case Filter.Compare compare ->
          canTest(compare.value())
              && (compare.operator() != Filter.Operator.CONTAINS
                  || compare.value() instanceof String);
      case Filter.CompareAll all ->
          all.tests().stream().allMatch(this::canTest)
              && all.tests().stream().map(Filter.Test::isTime).distinct().count() == 1;
      case Filter.NoneOf none -> canTest(none.values().getFirst());
      case Filter.MatchText _ -> texts.problem().isEmpty();
      case Filter.CountValues _, Filter.IsEmpty _, Filter.IsNull _ -> true;
      default -> false;
    };
  }

  /**
   * Adds the slots that a condition on this field accepts, one that {@link #covers} says can be
   * answered.
   *
   * @param known slots whose attributes are known
   */
  void add(Filter condition, long[] known, long[] words) {
    switch (condition) {
      case Filter.Compare compare -> compare(compare.operator(), compare.value(), words);
      case Filter.CompareAll all -> compareAll(all.tests(), words);
      case Filter.NoneOf none -> addOthers(none.values(), words);
      case Filter.MatchText match ->
          texts.addIf(TextIndex.test(kind, match.query(), match.mode()), words);
      case Filter.CountValues count -> count(count.operator(), count.count(), known, words);
      case Filter.IsEmpty _ -> {
        long[] filled = filled(words.length);
        shapes.addInRange(IS_OBJECT, IS_OBJECT, filled);
        addAllBut(filled, known, words);
      }
      case Filter.IsNull _ -> shapes.addInRange(HAS_NULL, HAS_NULL, words);
      default -> throw new IllegalArgumentException("no condition on a field: " + condition);
    }
  }

  /** The slots that have a value, as a bitmap of some words. */
  long[] filled(int words) {
    long[] filled = new long[words];
    counts.addInRange(1, Long.MAX_VALUE, filled);
    return filled;
  }

  private static void addAllBut(long[] filled, long[] known, long[] words) {
    long[] empty = Arrays.copyOf(known, words.length);
    Bitmaps.remove(empty, filled);
    Bitmaps.add(words, empty);
  }

  private void compare(Filter.Operator operator, Object value, long[] words) {
    switch (value) {
      case Boolean flag ->
          bools.addIf(cell -> isTrue(operator, Long.compare(cell, flag ? 1 : 0)), words);
      case String text -> {
        switch (operator) {
          case EQUAL -> texts.addAny(List.of(text), words);
          case CONTAINS -> texts.addIf(other -> other.contains(text), words);
          default -> texts.addIf(other -> isTrue(operator, TextOrder.compare(other, text)), words);
        }
      }
      default -> numbers.add(operator, value, words);
    }
  }

  /** Adds the slots with one of some values, all of one kind. */
  void addAny(List<Object> values, long[] words) {
    switch (values.getFirst()) {
      case Boolean _ -> values.forEach(value -> compare(Filter.Operator.EQUAL, value, words));
      case String _ -> texts.addAny(values, words);
      default -> numbers.addAny(values, words);
    }
  }

  /** Adds the slots with a value of their kind that is none of some. */
  private void addOthers(List<Object> values, long[] words) {
    switch (values.getFirst()) {
      case Boolean _ -> bools.addIf(cell -> !values.contains(cell == 1), words);
      case String _ -> texts.addOthers(values, words);
      default -> numbers.addOthers(values, words);
    }
  }

  /** Adds the slots with one value that passes all tests. */
  private void compareAll(List<Filter.Test> tests, long[] words) {
    if (tests.getFirst().isTime()) {
      compareMoments(tests, words);
      return;
    }
    if (tests.stream().map(test -> kindOf(test.value())).distinct().count() > 1) {
      return; // no value is of two kinds
    }
    switch (tests.getFirst().value()) {
      case Boolean _ ->
          bools.addIf(
              cell ->
                  tests.stream()
                      .allMatch(test ->
                          isTrue(
                              test.operator(),
                              Boolean.compare(cell == 1, test.value().equals(true)))),
              words);
      case String _ ->
          texts.addIf(
              text ->
                  tests.stream()
                      .allMatch(test ->
                          isTrue(test.operator(), TextOrder.compare(text, (String) test.value()))),
              words);
      default -> numbers.addAll(tests, words);
    }
  }

  private void compareMoments(List<Filter.Test> tests, long[] words) {
    NumberRange range = NumberRange.ALL;
    for (Filter.Test test : tests) {
      long moment = TimeText.micros((String) test.value());
      range =
          range.and(
              moment == TimeText.NONE
                  ? NumberRange.NOTHING
                  : NumberRange.of(test.operator(), moment, Encoding.INTEGERS));
    }
    moments.addInRange(range.low(), range.high(), words);
  }

  /** Values of one kind are compared with each other. */
  static Class<?> kindOf(Object value) {
    return value instanceof Long || value instanceof Double ? Number.class : value.getClass();
  }

  private void count(Filter.Operator operator, long count, long[] known, long[] words) {
    LongPredicate test = other -> isTrue(operator, Long.compare(other, count));
    counts.addIf(test, words);
    if (test.test(0)) {
      addAllBut(filled(words.length), known, words);
    }
  }

  private static boolean isTrue(Filter.Operator operator, int order) {
    return switch (operator) {
      case EQUAL -> order == 0;
      case NOT_EQUAL -> order != 0;
      case GREATER -> order > 0;
      case GREATER_OR_EQUAL -> order >= 0;
      case LESS -> order < 0;
      case LESS_OR_EQUAL -> order <= 0;
      case CONTAINS -> false;
    };
  }

  /** Whether {@link #countValues} has all values. */
  boolean canCount() {
    return numbers.problem().isEmpty() && texts.problem().isEmpty();
  }

  /** Counts the slots of a bitmap by value: Booleans, Longs, Doubles and Strings. */
  Map<Object, Integer> countValues(long[] words) {
    Map<Object, Integer> counted = new HashMap<>();
    bools.count(words).forEach((cell, count) -> counted.put(cell == 1, count));
    numbers.count(words, counted);
    texts.count(words, counted);
    return counted;
  }

  void write(ColumnFile.Writer target) throws IOException {
    target.putText(path);
    target.putText(kind);
    numbers.write(target);
    texts.write(target);
    for (CellColumn column : List.of(bools, moments, counts, shapes)) {
      column.write(target);
    }
  }

  static FieldColumn read(ColumnFile.Reader source) {
    FieldColumn column = new FieldColumn(source.getText(), source.getText());
    try {
      column.numbers.read(source);
      column.texts.read(source);
      for (CellColumn cells : List.of(column.bools, column.moments, column.counts, column.shapes)) {
        cells.read(source);
      }
      return column;
    } catch (Throwable e) {
      column.close();
      throw e;
    }
  }

  @Override
  public void close() {
    cells().forEach(CellColumn::close);
  }
}
