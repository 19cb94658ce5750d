// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

/** The mark that programs on Windows begin UTF-8 files with, which is no part of the text. */
public final class ByteOrderMark {
  private static final String MARK = "\ufeff";

  private ByteOrderMark() {}

  /** The first line of a file without the mark. */
  public static String strip(String firstLine) {
    return firstLine.startsWith(MARK) ? firstLine.substring(MARK.length()) : firstLine;
  }
}
