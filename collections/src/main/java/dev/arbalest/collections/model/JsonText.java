// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import tools.jackson.databind.JsonNode;

/** Refuses JSON values that Java cannot represent exactly, rather than changing them silently. */
public final class JsonText {
  private static final int ESCAPE_BYTES = 6;

  private JsonText() {}

  /**
   * Refuses bytes that are no UTF-8, and escapes that are half of a character.
   *
   * @throws CollectionException INVALID
   */
  public static void requireText(byte[] json) {
    boolean isAscii = true;
    for (int i = 0; i < json.length; i++) {
      isAscii &= json[i] >= 0;
      if (json[i] == '\\') {
        i = escapeEnd(json, i);
      }
    }
    if (!isAscii) {
      try {
        int length = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(json)).length();
        assert length <= json.length;
      } catch (CharacterCodingException e) {
        throw new CollectionException(
            CollectionException.Kind.INVALID, "the request has bytes that are no UTF-8", 0, e);
      }
    }
  }

  /** Last byte of the escape that begins at a byte, of both if they are one character. */
  private static int escapeEnd(byte[] json, int at) {
    int unit = unit(json, at);
    if (unit < 0 || !Character.isSurrogate((char) unit)) {
      return at + 1; // the character behind the backslash is none that begins another
    }
    int low = unit(json, at + ESCAPE_BYTES);
    boolean isPair =
        Character.isHighSurrogate((char) unit) && low >= 0 && Character.isLowSurrogate((char) low);
    if (!isPair) {
      throw CollectionException.invalid(
          "the request has half a character, \\u"
              + Integer.toHexString(unit)
              + ", which no text can hold");
    }
    return at + 2 * ESCAPE_BYTES - 1;
  }

  /** The UTF-16 unit of an escape of four digits at a byte, or -1 if there is none. */
  private static int unit(byte[] json, int at) {
    if (at + ESCAPE_BYTES > json.length || json[at] != '\\' || json[at + 1] != 'u') {
      return -1;
    }
    int unit = 0;
    for (int i = at + 2; i < at + ESCAPE_BYTES; i++) {
      int digit = Character.digit(json[i], 16);
      if (digit < 0) {
        return -1;
      }
      unit = unit << 4 | digit;
    }
    return unit;
  }

  /**
   * Refuses numbers beyond what a double holds.
   *
   * @throws CollectionException INVALID
   */
  public static void requireNumbers(JsonNode node) {
    if (node.isNumber()) {
      if (!Double.isFinite(node.doubleValue())) {
        throw CollectionException.invalid(
            "the request has a number larger than any that can be kept: " + shorten(node));
      }
    } else {
      node.forEach(JsonText::requireNumbers);
    }
  }

  public static String shorten(JsonNode node) {
    String text = node.toString();
    return text.length() > 80 ? text.substring(0, 80) + "..." : text;
  }
}
