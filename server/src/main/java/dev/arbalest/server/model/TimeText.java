// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.model;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Moments of ISO 8601 as SQLite's {@code julianday} takes them: milliseconds since the Julian
 * epoch, of the proleptic Gregorian calendar. Stateless.
 */
public final class TimeText {
  /** Not a moment: {@code julianday} has no value for it. */
  public static final long NONE = -1;

  /** A text that {@code julianday} may take for a moment, and this class does not know. */
  public static final long UNKNOWN = -2;

  private static final Pattern MOMENT =
      Pattern.compile(
          "(\\d{4})-(\\d\\d)-(\\d\\d)"
              + "(?:[ T]+(\\d\\d):(\\d\\d)(?::(\\d\\d)(?:\\.(\\d+))?)?"
              + " *(?:[Zz] *|([+-])(\\d\\d):(\\d\\d) *)?)?");

  private static final long DAY_MILLIS = 86_400_000;
  private static final int MAX_DIGITS = 12;

  private TimeText() {}

  /** The moment of a text, {@link #NONE} or {@link #UNKNOWN}. */
  public static long millis(String text) {
    Matcher parts = MOMENT.matcher(text);
    if (!parts.matches()) {
      return isHopeless(text) ? NONE : UNKNOWN;
    }
    int year = number(parts, 1);
    int month = number(parts, 2);
    int day = number(parts, 3);
    int hour = number(parts, 4);
    int minute = number(parts, 5);
    int second = number(parts, 6);
    if (month < 1
        || month > 12
        || day < 1
        || day > 31
        || hour > 24
        || minute > 59
        || second > 59
        || number(parts, 9) > 14
        || number(parts, 10) > 59) {
      return NONE;
    }
    String fraction = parts.group(7);
    if (fraction != null && fraction.length() > MAX_DIGITS) {
      return UNKNOWN;
    }
    long millis = dayMillis(year, month, day) + hour * 3_600_000L + minute * 60_000L;
    millis += (long) ((second + fraction(fraction)) * 1000 + 0.5);
    long zone = (number(parts, 9) * 60L + number(parts, 10)) * 60_000L;
    return "-".equals(parts.group(8)) ? millis + zone : millis - zone;
  }

  /** Whether no text that begins like this one is a moment. */
  private static boolean isHopeless(String text) {
    if (text.isEmpty()) {
      return true;
    }
    char first = text.charAt(0);
    return Character.isLetter(first) && first != 'n' && first != 'N';
  }

  private static int number(Matcher parts, int group) {
    String digits = parts.group(group);
    return digits == null ? 0 : Integer.parseInt(digits);
  }

  /** Of a second; digit after digit, and cut below a millisecond, as SQLite does. */
  private static double fraction(@org.jspecify.annotations.Nullable String digits) {
    if (digits == null) {
      return 0;
    }
    double value = 0;
    double scale = 1;
    for (int i = 0; i < digits.length(); i++) {
      value = value * 10 + (digits.charAt(i) - '0');
      scale *= 10;
    }
    return Math.min(value / scale, 0.999);
  }

  /** The midnight of a day, which may lie behind the end of its month. */
  private static long dayMillis(int year, int month, int day) {
    int y = month <= 2 ? year - 1 : year;
    int m = month <= 2 ? month + 12 : month;
    int a = (y + 4800) / 100;
    int b = 38 - a + a / 4;
    int x1 = 36525 * (y + 4716) / 100;
    int x2 = 306001 * (m + 1) / 10000;
    return (long) ((x1 + x2 + day + b - 1524.5) * DAY_MILLIS);
  }
}
