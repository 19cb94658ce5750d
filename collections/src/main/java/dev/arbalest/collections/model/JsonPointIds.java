// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import dev.arbalest.IdType;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * Ids as Qdrant's clients know them: unsigned numbers of 64 bits, and UUIDs, of which all spellings
 * name one point. Other texts are ids, too. Stateless.
 */
public final class JsonPointIds {
  private static final String URN = "urn:uuid:";
  private static final Pattern UUID =
      Pattern.compile(
          "[0-9a-fA-F]{32}|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}"
              + "-[0-9a-fA-F]{12}");

  private JsonPointIds() {}

  /** An id of a request. */
  public static PointId of(JsonNode node) {
    if (node.isIntegralNumber() && node.canConvertToLong() && node.longValue() < 0) {
      throw CollectionException.invalid(
          "an id is a number from 0 to 2^64 - 1 or a text, found " + JsonText.shorten(node));
    }
    return node.isString() ? of(node.stringValue()) : PointId.of(node);
  }

  /** The id that a text names. */
  public static PointId of(String text) {
    if (text.isEmpty()) {
      throw CollectionException.invalid("an id is a number or a text, found an empty text");
    }
    boolean isUrn = text.regionMatches(true, 0, URN, 0, URN.length());
    boolean isBraced = text.startsWith("{") && text.endsWith("}");
    String plain =
        isUrn
            ? text.substring(URN.length())
            : isBraced ? text.substring(1, text.length() - 1) : text;
    if (!UUID.matcher(plain).matches()) {
      return PointId.ofUnsigned(text);
    }
    String digits = plain.replace("-", "").toLowerCase(Locale.ROOT);
    return PointId.of(
        String.join(
            "-",
            digits.substring(0, 8),
            digits.substring(8, 12),
            digits.substring(12, 16),
            digits.substring(16, 20),
            digits.substring(20)));
  }

  /** The id that a group is named after: a Long or a String. */
  public static PointId ofGroup(Object group) {
    return group instanceof Long number ? PointId.of(number) : of(group.toString());
  }

  /** The ids of a list. */
  public static List<PointId> list(JsonNode array) {
    List<PointId> ids = new ArrayList<>();
    array.forEach(id -> ids.add(of(id)));
    return ids;
  }

  /** The number that an id is to clients, as 64 bits without a sign, or null if it is a text. */
  public static @Nullable Long number(PointId id, @Nullable IdType type) {
    if (type != IdType.UTF8) {
      return id.text() == null ? (Long) id.number() : null;
    }
    PointId number = id.asNumber(); // among texts numbers are kept as text
    if (number == null || !Long.toUnsignedString(number.number()).equals(id.toString())) {
      return null;
    }
    return number.number();
  }

  /** An id as clients expect it. */
  public static JsonNode node(PointId id, @Nullable IdType type) {
    Long number = number(id, type);
    JsonNodeFactory nodes = JsonBody.JSON.getNodeFactory();
    if (number == null) {
      return nodes.stringNode(id.toString());
    }
    return number >= 0
        ? nodes.numberNode(number)
        : nodes.numberNode(new BigInteger(Long.toUnsignedString(number)));
  }

  public static void put(ObjectNode target, String member, PointId id, @Nullable IdType type) {
    target.set(member, node(id, type));
  }
}
