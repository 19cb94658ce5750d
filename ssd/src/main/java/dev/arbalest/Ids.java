// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32C;

/** Ids of vectors to insert or delete: all numbers or all text. Immutable. */
public final class Ids {
  private static final int MAX_BYTES = 65_535;

  private final long[] numbers;
  private final byte[][] texts;
  private final boolean isText;

  private Ids(long[] numbers, byte[][] texts, boolean isText) {
    this.numbers = numbers;
    this.texts = texts;
    this.isText = isText;
  }

  /** Ids that are numbers. */
  public static Ids of(long... ids) {
    return new Ids(ids.clone(), new byte[0][], false);
  }

  /** {@code count} numbers from {@code first} on. */
  public static Ids range(long first, int count) {
    long[] ids = new long[count];
    java.util.Arrays.setAll(ids, i -> first + i);
    return new Ids(ids, new byte[0][], false);
  }

  /**
   * Ids that are text.
   *
   * @throws BadInputException if one is empty or longer than 65,535 bytes of UTF-8
   */
  public static Ids of(List<String> ids) {
    byte[][] texts = new byte[ids.size()][];
    for (int i = 0; i < texts.length; i++) {
      texts[i] = ids.get(i).getBytes(StandardCharsets.UTF_8);
      if (texts[i].length == 0 || texts[i].length > MAX_BYTES) {
        throw new BadInputException(
            "id " + i + " has " + texts[i].length + " bytes, expected 1 to " + MAX_BYTES);
      }
    }
    return new Ids(new long[0], texts, true);
  }

  /** Ids that are text of 1 to 65,535 bytes of UTF-8, which are neither checked nor copied. */
  public static Ids ofBytes(byte[][] texts) {
    return new Ids(new long[0], texts, true);
  }

  /** Number of ids. */
  public int size() {
    return isText ? texts.length : numbers.length;
  }

  /** Their type. */
  public IdType type() {
    return isText ? IdType.UTF8 : IdType.INT64;
  }

  /** The {@code i}-th id, which is a number. */
  public long number(int i) {
    return numbers[i];
  }

  /** The {@code i}-th id, which is text, as UTF-8; not a copy. */
  public byte[] text(int i) {
    return texts[i];
  }

  /** Bytes of all texts. */
  public long textBytes() {
    long bytes = 0;
    for (byte[] text : texts) {
      bytes += text.length;
    }
    return bytes;
  }

  /** CRC32C of all of them in order. */
  public int checksum() {
    CRC32C crc = new CRC32C();
    byte[] bytes = new byte[8];
    for (long number : numbers) {
      for (int i = 0; i < 8; i++) {
        bytes[i] = (byte) (number >>> (8 * i));
      }
      crc.update(bytes);
    }
    for (byte[] text : texts) {
      crc.update(text);
      crc.update(0);
    }
    return (int) crc.getValue();
  }

  /** The {@code i}-th id as text, be it a number. */
  public String describe(int i) {
    return isText ? new String(texts[i], StandardCharsets.UTF_8) : Long.toString(numbers[i]);
  }
}
