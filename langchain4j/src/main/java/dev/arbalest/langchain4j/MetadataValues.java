// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.langchain4j;

import dev.arbalest.collections.model.JsonBody;
import dev.langchain4j.data.document.Metadata;
import dev.langchain4j.data.segment.TextSegment;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Segments of text as payloads and back: each key of the metadata is a member of the payload, and
 * the text one more, as LangChain4j's store for Qdrant has them. Stateless.
 */
final class MetadataValues {
  private MetadataValues() {}

  /**
   * The payload of a segment, or null without one.
   *
   * @param textKey member that holds the text
   * @throws IllegalArgumentException if the metadata has that key, or a value JSON cannot express
   */
  static @Nullable String toPayload(@Nullable TextSegment segment, String textKey) {
    if (segment == null) {
      return null;
    }
    ObjectNode payload = JsonBody.JSON.createObjectNode();
    segment
        .metadata()
        .toMap()
        .forEach((key, value) -> {
          if (key.equals(textKey)) {
            throw new IllegalArgumentException(
                "metadata has the key \""
                    + key
                    + "\", under which the store keeps the text; "
                    + "choose another with textKey, or rename it");
          }
          put(payload, key, value);
        });
    payload.put(textKey, segment.text());
    return payload.toString();
  }

  private static void put(ObjectNode payload, String key, Object value) {
    switch (toCompare(value)) {
      case Long number -> payload.put(key, number);
      case Double number when Double.isFinite(number) -> payload.put(key, number);
      case String text -> payload.put(key, text);
      default ->
          throw new IllegalArgumentException(
              "metadata \"" + key + "\": JSON cannot express " + value);
    }
  }

  /**
   * A value as collections compare it: a Long, Double or String.
   *
   * @throws IllegalArgumentException if it is of another type than metadata has
   */
  static Object toCompare(Object value) {
    return switch (value) {
      case Integer number -> number.longValue();
      case Long number -> number;
      case Float number -> Double.parseDouble(number.toString()); // 0.1f is 0.1, as JSON says it
      case Double number -> number;
      case String text -> text;
      case UUID uuid -> uuid.toString();
      default ->
          throw new IllegalArgumentException(
              "values of metadata are texts, numbers and UUIDs, found " + value.getClass());
    };
  }

  /** The segment of a payload, or null if it has no text. */
  static @Nullable TextSegment toSegment(@Nullable String payload, String textKey) {
    if (payload == null) {
      return null;
    }
    JsonNode document = JsonBody.JSON.readTree(payload);
    JsonNode text = document.path(textKey);
    if (!text.isString()) {
      return null;
    }
    Map<String, Object> metadata = new HashMap<>();
    document
        .properties()
        .forEach(member -> {
          if (!member.getKey().equals(textKey)) {
            Object value = fromJson(member.getValue());
            if (value != null) {
              metadata.put(member.getKey(), value);
            }
          }
        });
    return TextSegment.from(text.stringValue(), Metadata.from(metadata));
  }

  /** What other programs keep in a payload, lists and objects, is told as JSON. */
  private static @Nullable Object fromJson(JsonNode value) {
    if (value.isNull()) {
      return null;
    }
    if (value.isString()) {
      return value.stringValue();
    }
    if (value.isIntegralNumber() && value.canConvertToLong()) {
      return value.longValue();
    }
    return value.isNumber() ? (Object) value.doubleValue() : value.toString();
  }
}
