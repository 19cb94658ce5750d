// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * Names of collections and of their directories. A name is any text of 1 to 200 bytes of UTF-8
 * without control characters; in the file system all but letters, digits, {@code _} and {@code -}
 * (and dots that are not the first) is escaped, so that no name leads out of the directory.
 */
public final class CollectionName {
  private static final int MAX_BYTES = 200;

  private CollectionName() {}

  /** Refuses what cannot be a name. */
  public static String check(String name) {
    int bytes = name.getBytes(StandardCharsets.UTF_8).length;
    if (bytes == 0 || bytes > MAX_BYTES || name.chars().anyMatch(Character::isISOControl)) {
      throw CollectionException.invalid(
          "a collection's name has 1 to "
              + MAX_BYTES
              + " bytes and no control characters, found "
              + bytes
              + " bytes");
    }
    return name;
  }

  /** Directory of a collection. */
  public static String toDirectory(String name) {
    StringBuilder encoded = new StringBuilder();
    for (byte b : check(name).getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (b & 0xff);
      if (isPlain(c) || (c == '.' && encoded.length() > 0)) {
        encoded.append(c);
      } else {
        encoded.append('%').append(HexFormat.of().withUpperCase().toHexDigits(b));
      }
    }
    if (encoded.length() > MAX_BYTES) {
      throw CollectionException.invalid(
          "the collection's name is too long: letters, digits, _ and - count once, other bytes "
              + "three times, up to "
              + MAX_BYTES);
    }
    return encoded.toString();
  }

  private static boolean isPlain(char c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || c == '_'
        || c == '-';
  }

  /** Name of the collection in a directory; throws IllegalArgumentException if it is none. */
  public static String ofDirectory(String directory) {
    byte[] bytes = new byte[directory.length()];
    int count = 0;
    for (int i = 0; i < directory.length(); i++) {
      char c = directory.charAt(i);
      if (c == '%') {
        bytes[count++] = (byte) HexFormat.fromHexDigits(directory, i + 1, i + 3);
        i += 2;
      } else {
        bytes[count++] = (byte) c;
      }
    }
    String name = new String(bytes, 0, count, StandardCharsets.UTF_8);
    if (name.isEmpty() || !toDirectory(name).equals(directory)) {
      throw new IllegalArgumentException(directory + " is no directory of a collection");
    }
    return name;
  }
}
