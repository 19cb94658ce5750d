// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.collections.model.VectorSelector;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** What several of Qdrant's requests have in common. Stateless. */
final class QdrantRequests {
  private QdrantRequests() {}

  /** Refuses to choose shards, as there is one. */
  static void refuseShards(JsonBody body) {
    body.refuse("shard_key", "a collection has one shard");
  }

  /** The name of a vector: empty if none is given. */
  static String vectorName(JsonNode name, String member) {
    if (name.isMissingNode() || name.isNull()) {
      return "";
    }
    if (!name.isString()) {
      throw CollectionException.invalid(
          "\"" + member + "\" is the name of a vector, found " + JsonText.shorten(name));
    }
    return name.stringValue();
  }

  /** Which vectors a request wants: all, none, or those of a list of names. */
  static VectorSelector vectors(JsonBody request) {
    VectorSelector wanted = vectors(request.get("with_vector"));
    return wanted.any() ? wanted : vectors(request.get("with_vectors"));
  }

  static VectorSelector vectors(JsonNode node) {
    if (!node.isArray()) {
      return VectorSelector.of(JsonBody.flag(node, "with_vector"));
    }
    List<String> names = new ArrayList<>();
    node.forEach(name -> names.add(vectorName(name, "with_vector")));
    return VectorSelector.of(names);
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
