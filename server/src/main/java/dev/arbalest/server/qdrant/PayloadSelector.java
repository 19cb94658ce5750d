// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonPaths;
import dev.arbalest.collections.model.JsonText;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Which members of payloads are wanted.
 *
 * @param any whether any are
 * @param only paths of those that are, or none for all
 * @param not paths of those that are not
 */
public record PayloadSelector(boolean any, List<String> only, List<String> not) {
  public static final PayloadSelector ALL = new PayloadSelector(true, List.of(), List.of());

  /** Some members. */
  public static PayloadSelector of(List<String> only, List<String> not) {
    only.forEach(JsonPaths::require);
    not.forEach(JsonPaths::require);
    return new PayloadSelector(true, only, not);
  }

  static PayloadSelector of(JsonNode node, boolean otherwise) {
    if (node.isMissingNode() || node.isNull()) {
      return new PayloadSelector(otherwise, List.of(), List.of());
    }
    if (node.isBoolean()) {
      return new PayloadSelector(node.booleanValue(), List.of(), List.of());
    }
    if (node.isObject()) {
      JsonBody.allow(node, "with_payload", Set.of("include", "exclude"));
    } else if (!node.isArray()) {
      throw CollectionException.invalid(
          "with_payload is true, false, a list of fields, or {\"include\": [..]} or "
              + "{\"exclude\": [..]}, found "
              + JsonText.shorten(node));
    }
    JsonNode include = node.isArray() ? node : node.path("include");
    return of(QdrantPointReader.paths(include), QdrantPointReader.paths(node.path("exclude")));
  }

  /** Whether payloads are wanted as they are. */
  public boolean isWhole() {
    return only.isEmpty() && not.isEmpty();
  }

  /** The wanted members of a payload. */
  public ObjectNode chosen(String payload) {
    JsonNode all = JsonBody.JSON.readTree(payload);
    JsonNode some = only.isEmpty() ? all : JsonPaths.select(all, only);
    ObjectNode chosen =
        some instanceof ObjectNode object ? object : JsonBody.JSON.createObjectNode();
    not.forEach(path -> JsonPaths.remove(chosen, path));
    return chosen;
  }
}
