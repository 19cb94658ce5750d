// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

/**
 * Reads JSON arrays of numbers, several times as fast as a general parser. Results equal those of
 * {@link Float#parseFloat}. Stateless.
 */
public final class FloatArrays {
  /** Powers of ten that a double holds exactly. */
  private static final double[] POWERS = new double[23];

  private static final int MAX_DIGITS = 15;

  /** Of a double's fraction, the bits a float has no room for; and the middle of their range. */
  private static final long LOST_BITS = (1L << 29) - 1;

  private static final long HALF = 1L << 28;

  static {
    POWERS[0] = 1;
    for (int i = 1; i < POWERS.length; i++) {
      POWERS[i] = POWERS[i - 1] * 10;
    }
  }

  private static final int MAX_SHOWN = 40;

  private FloatArrays() {}

  /** Takes the numbers of an array one after the other. */
  @FunctionalInterface
  public interface Sink {
    /** Takes one; may throw if there are too many. */
    void accept(int index, float value);
  }

  /**
   * Reads an array.
   *
   * @param json UTF-8
   * @param from where {@code [} is
   * @return how many numbers it has
   * @throws CollectionException if it is not an array of numbers
   */
  public static int parse(byte[] json, int from, Sink sink) {
    int at = from + 1;
    int count = 0;
    at = skipSpace(json, at);
    if (at < json.length && json[at] == ']') {
      return 0;
    }
    while (true) {
      int start = skipSpace(json, at);
      int end = start;
      while (end < json.length && isPartOfNumber(json[end])) {
        end++;
      }
      if (start == end) {
        throw CollectionException.invalid(
            "a vector is an array of numbers; component " + count + " is " + found(json, start));
      }
      sink.accept(count++, number(json, start, end));
      at = skipSpace(json, end);
      if (at >= json.length || (json[at] != ',' && json[at] != ']')) {
        throw CollectionException.invalid("a vector is an array of numbers; found something else");
      }
      if (json[at] == ']') {
        return count;
      }
      at++;
    }
  }

  /** What stands where a number should, up to its end. */
  private static String found(byte[] json, int start) {
    int end = start;
    while (end < json.length
        && end - start < MAX_SHOWN
        && json[end] != ','
        && json[end] != ']'
        && json[end] != '}') {
      end++;
    }
    String text =
        new String(json, start, end - start, java.nio.charset.StandardCharsets.UTF_8).strip();
    return text.isEmpty() ? "missing" : text;
  }

  private static int skipSpace(byte[] json, int from) {
    int at = from;
    while (at < json.length
        && (json[at] == ' ' || json[at] == '\n' || json[at] == '\r' || json[at] == '\t')) {
      at++;
    }
    return at;
  }

  private static boolean isPartOfNumber(byte b) {
    return (b >= '0' && b <= '9') || b == '-' || b == '+' || b == '.' || b == 'e' || b == 'E';
  }

  private static float number(byte[] json, int start, int end) {
    int at = start;
    boolean negative = at < end && json[at] == '-';
    if (negative) {
      at++;
    }
    long digits = 0;
    int count = 0;
    int scale = 0;
    boolean fraction = false;
    boolean any = false;
    for (; at < end; at++) {
      byte b = json[at];
      if (b >= '0' && b <= '9') {
        any = true;
        count += count > 0 || b != '0' ? 1 : 0;
        if (count > MAX_DIGITS) {
          return slow(json, start, end);
        }
        digits = 10 * digits + (b - '0');
        scale -= fraction ? 1 : 0;
      } else if (b == '.' && !fraction) {
        fraction = true;
      } else {
        break;
      }
    }
    if (!any) {
      return slow(json, start, end);
    }
    if (at < end) {
      if (json[at] != 'e' && json[at] != 'E') {
        return slow(json, start, end);
      }
      at++;
      boolean down = at < end && json[at] == '-';
      if (at < end && (json[at] == '-' || json[at] == '+')) {
        at++;
      }
      int exponent = 0;
      int from = at;
      for (; at < end && json[at] >= '0' && json[at] <= '9' && exponent < 1000; at++) {
        exponent = 10 * exponent + (json[at] - '0');
      }
      if (at < end || at == from) {
        return slow(json, start, end);
      }
      scale += down ? -exponent : exponent;
    }
    if (scale < -22 || scale > 22) {
      return slow(json, start, end);
    }
    double value = scale < 0 ? digits / POWERS[-scale] : digits * POWERS[scale];
    long lost = Double.doubleToRawLongBits(value) & LOST_BITS;
    boolean nearHalf = Math.abs(lost - HALF) <= 1;
    if (nearHalf || (value != 0 && value < Float.MIN_NORMAL)) {
      return slow(json, start, end); // rounding twice could go wrong
    }
    return (float) (negative ? -value : value);
  }

  private static float slow(byte[] json, int start, int end) {
    String text = new String(json, start, end - start, java.nio.charset.StandardCharsets.US_ASCII);
    try {
      return Float.parseFloat(text);
    } catch (NumberFormatException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID,
          "a vector is an array of numbers; found \"" + text + "\"",
          0,
          e);
    }
  }
}
