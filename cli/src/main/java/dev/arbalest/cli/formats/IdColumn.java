// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import dev.arbalest.BadInputException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Ids read from a column of files: numbers or texts, not both. Not thread-safe. */
public final class IdColumn {
  private final List<String> texts = new ArrayList<>();
  private long[] numbers = new long[1024];
  private int count;

  /** Adds a number. */
  void add(String file, long number) {
    requireOneKind(file, texts.isEmpty());
    if (count == numbers.length) {
      numbers = Arrays.copyOf(numbers, Math.multiplyExact(2, count));
    }
    numbers[count++] = number;
  }

  /** Adds a text. */
  void add(String file, String text) {
    requireOneKind(file, count == 0);
    texts.add(text);
  }

  private static void requireOneKind(String file, boolean isOneKind) {
    if (!isOneKind) {
      throw new BadInputException(
          file + ": its ids and those of earlier files are of two kinds, numbers and texts");
    }
  }

  /** Whether the ids are texts. */
  public boolean isText() {
    return !texts.isEmpty();
  }

  /** The numbers; empty if the ids are texts. */
  public long[] numbers() {
    return Arrays.copyOf(numbers, count);
  }

  /** The texts; empty if the ids are numbers. */
  public List<String> texts() {
    return texts;
  }
}
