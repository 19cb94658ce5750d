// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Moments as texts: RFC 3339, such as {@code 2024-05-06T07:08:09.123456Z}; a space may stand for
 * the T, seconds, zone and time may be missing (then they are zero, and UTC). Stateless.
 */
public final class TimeText {
  /** Not a moment. */
  public static final long NONE = Long.MIN_VALUE;

  private static final Pattern MOMENT =
      Pattern.compile(
          "(\\d{4})-(\\d\\d)-(\\d\\d)"
              + "(?:[ Tt]+(\\d\\d):(\\d\\d)(?::(\\d\\d)(?:\\.(\\d+))?)?"
              + " *(?:[Zz] *|([+-])(\\d\\d):?(\\d\\d)? *)?)?");

  private static final long MICROS_PER_SECOND = 1_000_000;
  private static final int MICRO_DIGITS = 6;

  private TimeText() {}

  /** Microseconds from 1970 to the moment of a text, or {@link #NONE}; finer digits are cut. */
  public static long micros(String text) {
    Matcher parts = MOMENT.matcher(text);
    if (!parts.matches()) {
      return NONE;
    }
    int hour = number(parts, 4);
    int minute = number(parts, 5);
    int second = number(parts, 6);
    int zoneHour = number(parts, 9);
    int zoneMinute = number(parts, 10);
    if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) {
      return NONE;
    }
    long day;
    try {
      day = LocalDate.of(number(parts, 1), number(parts, 2), number(parts, 3)).toEpochDay();
    } catch (DateTimeException e) {
      return NONE; // a month or a day that there is not
    }
    long zone = (zoneHour * 60L + zoneMinute) * 60;
    long seconds = ((day * 24 + hour) * 60 + minute) * 60 + second;
    seconds += "-".equals(parts.group(8)) ? zone : -zone;
    return seconds * MICROS_PER_SECOND + fraction(parts.group(7));
  }

  private static int number(Matcher parts, int group) {
    String digits = parts.group(group);
    return digits == null ? 0 : Integer.parseInt(digits);
  }

  /** Microseconds of the digits behind a point. */
  private static long fraction(@Nullable String digits) {
    long micros = 0;
    for (int i = 0; i < MICRO_DIGITS; i++) {
      int digit = digits == null || i >= digits.length() ? 0 : digits.charAt(i) - '0';
      micros = 10 * micros + digit;
    }
    return micros;
  }
}
