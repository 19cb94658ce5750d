// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.model.JsonBody;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Pieces of the results that Qdrant's clients expect. */
final class QdrantReplies {
  private QdrantReplies() {}

  static ObjectNode object() {
    return JsonBody.JSON.createObjectNode();
  }

  static ArrayNode array() {
    return JsonBody.JSON.createArrayNode();
  }

  /** The result of an operation that is complete. */
  static ObjectNode completed() {
    return object().put("operation_id", 0).put("status", "completed");
  }

  static JsonNode bool(boolean value) {
    return JsonBody.JSON.getNodeFactory().booleanNode(value);
  }
}
