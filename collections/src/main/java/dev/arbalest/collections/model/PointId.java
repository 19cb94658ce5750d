// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.SearchResult;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * What a point is known by: a number or a text.
 *
 * @param number if there is a text, 1 where it cannot name a negative number ({@link #ofUnsigned}),
 *     otherwise 0
 * @param text null if it is a number
 */
public record PointId(long number, @Nullable String text) {
  private static final int MAX_BYTES = 65_535;
  private static final Pattern NUMBER = Pattern.compile("0|-?[1-9][0-9]{0,19}");

  /** The order of the database: numbers, or texts by their code points. */
  public static final Comparator<PointId> ORDER =
      (a, b) -> {
        String text = a.text;
        String other = b.text;
        return text == null || other == null
            ? Long.compare(a.number, b.number)
            : TextOrder.compare(text, other);
      };

  public static PointId of(long number) {
    return new PointId(number, null);
  }

  public static PointId of(String text) {
    return new PointId(0, text);
  }

  /** A text of a client whose numbers have no sign: {@code -1} is not the number 2^64 - 1. */
  public static PointId ofUnsigned(String text) {
    return new PointId(text.startsWith("-") ? 1 : 0, text);
  }

  /** An id: a number, or a text. */
  public static PointId of(JsonNode node) {
    if (node.isIntegralNumber() && node.canConvertToLong()) {
      return of(node.longValue());
    }
    PointId unsigned = node.isBigInteger() ? of(node.toString()).asNumber() : null;
    if (unsigned != null) {
      return unsigned; // a uint64 is kept as its 64 bits
    }
    if (node.isString() && !node.stringValue().isEmpty()) {
      return of(node.stringValue());
    }
    throw CollectionException.invalid(
        "an id is an integer of 64 bits or a text, found " + JsonText.shorten(node));
  }

  /** That of a neighbour. */
  public static PointId of(SearchResult result, int rank, IdType type) {
    return type == IdType.UTF8 ? of(result.text(rank)) : of(result.id(rank));
  }

  /** As the database knows it: a Long or a String. */
  public Object key() {
    return text == null ? (Object) number : text;
  }

  /** The same as a collection of ids of a type keeps it. */
  public PointId as(IdType type) {
    if (type == IdType.UTF8) {
      return of(text == null ? Long.toUnsignedString(number) : text);
    }
    if (text == null) {
      return this;
    }
    PointId same = number == 0 ? asNumber() : null;
    if (same != null) { // in paths, and as clients of the Flight protocol send them
      return same;
    }
    throw CollectionException.invalid(
        "the collection's ids are numbers, found \"" + text + "\"; give a number");
  }

  /** Why it cannot be one, or the empty string. */
  public String problem() {
    if (text == null) {
      return "";
    }
    int bytes = text.getBytes(StandardCharsets.UTF_8).length;
    return bytes >= 1 && bytes <= MAX_BYTES
        ? ""
        : "an id has 1 to " + MAX_BYTES + " bytes, found " + bytes;
  }

  /** The number of 64 bits, with or without a sign, that a text is, or null. */
  public @Nullable PointId asNumber() {
    if (text == null || !NUMBER.matcher(text).matches()) {
      return null;
    }
    try {
      return of(Long.parseLong(text));
    } catch (NumberFormatException e) {
      return unsigned(text);
    }
  }

  private static @Nullable PointId unsigned(String text) {
    try {
      return of(Long.parseUnsignedLong(text));
    } catch (NumberFormatException e) {
      return null; // beyond 64 bits, or negative
    }
  }

  /** Ids for the engine. */
  public static Ids toIds(List<PointId> ids, IdType type) {
    if (type == IdType.UTF8) {
      return Ids.of(ids.stream().map(id -> String.valueOf(id.as(type).text())).toList());
    }
    return Ids.of(ids.stream().mapToLong(id -> id.as(type).number()).toArray());
  }

  @Override
  public String toString() {
    return text == null ? Long.toString(number) : text;
  }
}
