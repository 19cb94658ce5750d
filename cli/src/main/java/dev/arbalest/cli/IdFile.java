// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BadInputException;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.cli.formats.ByteOrderMark;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Ids of vectors: from a file with one per line, or numbers in a row. */
final class IdFile {
  private final long first;
  private final int count;
  private final long[] numbers;
  private final List<String> texts;

  private IdFile(long first, int count, long[] numbers, List<String> texts) {
    this.first = first;
    this.count = count;
    this.numbers = numbers;
    this.texts = texts;
  }

  /** Numbers from {@code first} on. */
  static IdFile range(long first, int count) {
    return new IdFile(first, count, new long[0], List.of());
  }

  /** Numbers. */
  static IdFile of(long[] numbers) {
    return new IdFile(0, numbers.length, numbers, List.of());
  }

  /** Texts. */
  static IdFile of(List<String> texts) {
    return new IdFile(0, texts.size(), new long[0], texts);
  }

  /**
   * Reads a file.
   *
   * @throws BadInputException if it is missing, no UTF-8, or a line is not a number that should be
   */
  static IdFile read(Path path, IdType type) throws IOException {
    List<String> lines;
    try {
      lines = Files.readAllLines(path);
    } catch (NoSuchFileException e) {
      throw new BadInputException(path + " does not exist");
    } catch (MalformedInputException e) {
      throw new BadInputException(path + " is not UTF-8 text; give one id per line");
    }
    if (!lines.isEmpty()) {
      lines = new ArrayList<>(lines);
      lines.set(0, ByteOrderMark.strip(lines.getFirst()));
    }
    if (type == IdType.UTF8) {
      for (int i = 0; i < lines.size(); i++) {
        if (lines.get(i).indexOf('\0') >= 0) {
          throw new BadInputException(
              path + ", line " + (i + 1) + ": has a zero byte; ids are lines of UTF-8 text");
        }
      }
      return of(lines);
    }
    long[] numbers = new long[lines.size()];
    for (int i = 0; i < numbers.length; i++) {
      try {
        numbers[i] = Long.parseLong(lines.get(i).strip());
      } catch (NumberFormatException e) {
        throw new BadInputException(
            path + ", line " + (i + 1) + ": '" + lines.get(i) + "' is no 64-bit number");
      }
    }
    return of(numbers);
  }

  int size() {
    return count;
  }

  /** Those in [from, to). */
  Ids ids(int from, int to) {
    if (!texts.isEmpty()) {
      return Ids.of(texts.subList(from, to));
    }
    return numbers.length == 0
        ? Ids.range(first + from, to - from)
        : Ids.of(java.util.Arrays.copyOfRange(numbers, from, to));
  }
}
