// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonText;
import tools.jackson.databind.JsonNode;

/** What several of Qdrant's requests have in common. Stateless. */
final class QdrantRequests {
  private QdrantRequests() {}

  /** Refuses to choose shards, as there is one. */
  static void refuseShards(JsonBody body) {
    body.refuse("shard_key", "a collection has one shard");
  }

  /** Some clients give the one vector the empty name; another name is that of no vector. */
  static void requireUnnamed(JsonNode name, String member) {
    if (!name.isMissingNode() && !name.isNull() && !name.asString("?").isEmpty()) {
      throw CollectionException.invalid(
          "\""
              + member
              + "\" names the vector "
              + JsonText.shorten(name)
              + ", but a collection has one vector, without a name");
    }
  }

  /** Whether a request wants vectors: true, or a list with the empty name. */
  static boolean wantsVector(JsonBody request) {
    return wantsVector(request.get("with_vector")) || wantsVector(request.get("with_vectors"));
  }

  static boolean wantsVector(JsonNode node) {
    if (node.isArray()) {
      node.forEach(name -> requireUnnamed(name, "with_vector"));
      return !node.isEmpty();
    }
    return JsonBody.flag(node, "with_vector");
  }

  /** A text that must be there. */
  static String text(JsonNode node, String name) {
    if (node.isMissingNode()) {
      throw CollectionException.invalid("\"" + name + "\" is missing, a text");
    }
    if (!node.isString() || node.stringValue().isEmpty()) {
      throw CollectionException.invalid(
          "\"" + name + "\" must be a text, found " + JsonText.shorten(node));
    }
    return node.stringValue();
  }
}
