// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import java.util.Locale;

/** Type of the ids of an index. */
public enum IdType {
  /** Any 64-bit numbers. */
  INT64,
  /** Text of 1 to 65,535 bytes of UTF-8. */
  UTF8;

  /** Name in the manifest and on the command line. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Parses {@code int64} or {@code utf8}.
   *
   * @throws IllegalArgumentException naming both
   */
  public static IdType parse(String text) {
    for (IdType type : values()) {
      if (type.label().equals(text)) {
        return type;
      }
    }
    throw new IllegalArgumentException("ids must be int64 or utf8: " + text);
  }
}
