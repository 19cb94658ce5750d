// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.filter;

import java.text.Normalizer;
import java.util.regex.Pattern;

/** Takes accents from texts. Stateless. */
final class TextFolding {
  private static final Pattern MARKS = Pattern.compile("\\p{M}+");

  private TextFolding() {}

  /** A text without accents. */
  static String fold(String text) {
    return MARKS.matcher(Normalizer.normalize(text, Normalizer.Form.NFD)).replaceAll("");
  }
}
