// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

/** The order of code points, which is the order of UTF-8 bytes and of the database. Stateless. */
public final class TextOrder {
  private TextOrder() {}

  /** Compares two texts. */
  public static int compare(String a, String b) {
    int length = Math.min(a.length(), b.length());
    for (int i = 0; i < length; i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        // Surrogates stand for code points beyond all other characters.
        boolean isXLarge = Character.isSurrogate(x);
        boolean isYLarge = Character.isSurrogate(y);
        return isXLarge == isYLarge ? Character.compare(x, y) : isXLarge ? 1 : -1;
      }
    }
    return Integer.compare(a.length(), b.length());
  }
}
