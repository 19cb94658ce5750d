package dev.arbalest.server;

import dev.arbalest.ssd.IdType;
import dev.arbalest.ssd.Ids;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a point is known by: a number or a text.
 *
 * @param number without meaning if there is a text
 * @param text null if it is a number
 */
record PointId(long number, @Nullable String text) {
  private static final Pattern NUMBER = Pattern.compile("0|-?[1-9][0-9]{0,17}");

  static PointId of(long number) {
    return new PointId(number, null);
  }

  static PointId of(String text) {
    return new PointId(0, text);
  }

  /** As a JSON document says it: a number, or a string. */
  Object toJson() {
    return text == null ? (Object) number : text;
  }

  /** The same as a collection of ids of a type keeps it. */
  PointId as(IdType type) {
    if (type == IdType.UTF8) {
      return text == null ? of(Long.toString(number)) : this;
    }
    if (text == null) {
      return this;
    }
    if (NUMBER.matcher(text).matches()) { // as clients of the Flight protocol send them
      return of(Long.parseLong(text));
    }
    throw ServerException.invalid(
        "the collection's ids are numbers, found \"" + text + "\"; give a number");
  }

  /** Ids for the engine. */
  static Ids toIds(List<PointId> ids, IdType type) {
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
