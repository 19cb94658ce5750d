// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Sizes such as {@code 8g}, {@code 512m}, {@code 64k} or plain bytes. */
final class ByteSize implements ITypeConverter<Long> {
  @Override
  public Long convert(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    int shift =
        switch (lower.isEmpty() ? ' ' : lower.charAt(lower.length() - 1)) {
          case 'k' -> 10;
          case 'm' -> 20;
          case 'g' -> 30;
          case 't' -> 40;
          default -> 0;
        };
    try {
      double value =
          Double.parseDouble(shift == 0 ? lower : lower.substring(0, lower.length() - 1));
      double bytes = value * (1L << shift);
      if (bytes >= 0 && bytes < Long.MAX_VALUE) {
        return (long) bytes;
      }
    } catch (NumberFormatException e) {
      // fall through to the message
    }
    throw new TypeConversionException("'" + text + "' is no size; write 8g, 512m, 64k or bytes");
  }

  static String format(long bytes) {
    double value = bytes;
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  }
}
