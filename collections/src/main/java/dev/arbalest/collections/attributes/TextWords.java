// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import java.util.List;

/** Words as full-text tables have them, so that FTS5 leaves them as they are. Stateless. */
final class TextWords {
  /** Characters that FTS5 would take for separators, or fold, are moved to a private area. */
  private static final int PRIVATE = 0xE000;

  private TextWords() {}

  /** Words, separated by spaces. */
  static String encoded(List<String> words) {
    StringBuilder text = new StringBuilder();
    for (String word : words) {
      text.append(text.isEmpty() ? "" : " ");
      for (int i = 0; i < word.length(); i++) {
        char c = word.charAt(i);
        boolean isPlain = c >= 128 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        text.append(isPlain ? c : (char) (PRIVATE + c));
      }
    }
    return text.toString();
  }
}
