// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.columns;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;

/**
 * The texts of one field by slot, as numbers of a dictionary. With too many different ones the
 * column gives up, and {@link #problem} says so: the database's index finds the few points that one
 * of many texts has. Not thread-safe.
 */
final class TextColumn implements AutoCloseable {
  private static final int MAX_TEXTS = 65_000;

  /** Characters of all texts. */
  private static final int MAX_CHARACTERS = 4 << 20;

  /** Estimated memory of an entry of the dictionary, without its characters. */
  private static final long ENTRY_BYTES = 150;

  private final CellColumn cells = new CellColumn();
  private final Map<String, Integer> numberOfText = new HashMap<>();
  private final List<String> textOfNumber = new ArrayList<>();
  private int characters;
  private String problem = "";
  private final Values found = new Values();

  /** Why the texts are not in memory, or the empty string. */
  String problem() {
    return problem;
  }

  CellColumn cells() {
    return cells;
  }

  /** Bytes of memory of the dictionary. */
  long dictionaryBytes() {
    return ENTRY_BYTES * textOfNumber.size() + 2L * characters;
  }

  /** Forgets the texts that were taken and not put. */
  void begin() {
    found.clear();
  }

  /** Takes a text of a document. */
  void take(String text) {
    if (!problem.isEmpty()) {
      return;
    }
    Integer known = numberOfText.get(text);
    if (known == null) {
      if (textOfNumber.size() >= MAX_TEXTS || characters + text.length() > MAX_CHARACTERS) {
        giveUp();
        return;
      }
      known = enter(text);
    }
    found.add(known);
  }

  private int enter(String text) {
    int number = textOfNumber.size();
    numberOfText.put(text, number);
    textOfNumber.add(text);
    characters += text.length();
    return number;
  }

  private void giveUp() {
    problem = "texts are not in memory: there are too many different ones";
    cells.close();
    numberOfText.clear();
    textOfNumber.clear();
    characters = 0;
    found.clear();
  }

  /** Makes the texts that were taken those of a slot. */
  void put(int slot) {
    found.putTo(cells, slot);
  }

  /** Adds the slots with one of some texts. */
  void addAny(List<Object> texts, long[] words) {
    cells.addAny(numbersOf(texts), words);
  }

  /** Adds the slots with a text that is none of some. */
  void addOthers(List<Object> texts, long[] words) {
    long[] named = numbersOf(texts);
    cells.addIf(number -> Arrays.binarySearch(named, number) < 0, words);
  }

  private long[] numbersOf(List<Object> texts) {
    return texts.stream()
        .map(text -> numberOfText.get((String) text))
        .filter(Objects::nonNull)
        .mapToLong(Integer::longValue)
        .sorted()
        .toArray();
  }

  /** Adds the slots with a text that passes a test, which is made once per different text. */
  void addIf(Predicate<String> test, long[] words) {
    boolean[] accepted = new boolean[textOfNumber.size()];
    long[] few = new long[CellColumn.MAX_SCANS];
    int count = 0;
    for (int number = 0; number < accepted.length; number++) {
      if (test.test(textOfNumber.get(number))) {
        accepted[number] = true;
        few[count % few.length] = number;
        count++;
      }
    }
    if (count <= few.length) {
      cells.addAny(Arrays.copyOf(few, count), words);
    } else {
      cells.addIf(number -> accepted[(int) number], words);
    }
  }

  /** Counts the slots of a bitmap by text. */
  void count(long[] words, Map<Object, Integer> counted) {
    cells
        .count(words)
        .forEach((number, count) -> counted.put(textOfNumber.get(number.intValue()), count));
  }

  void write(ColumnFile.Writer target) throws IOException {
    target.putText(problem);
    target.putInt(textOfNumber.size());
    for (String text : textOfNumber) {
      target.putText(text);
    }
    cells.write(target);
  }

  void read(ColumnFile.Reader source) {
    problem = source.getText();
    for (int left = source.getInt(); left > 0; left--) {
      enter(source.getText());
    }
    cells.read(source);
  }

  @Override
  public void close() {
    cells.close();
  }
}
