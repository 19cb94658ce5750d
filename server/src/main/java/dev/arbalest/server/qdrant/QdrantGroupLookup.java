// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonPointIds;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.query.QueryEngine.Lookup;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** The points of another collection that groups are named after. */
record QdrantGroupLookup(Collection collection, PayloadSelector wanted, VectorSelector vectors) {
  /** What {@code with_lookup} asks for, or null. */
  static @Nullable QdrantGroupLookup of(JsonNode node, Lookup lookup) {
    if (node.isMissingNode() || node.isNull()) {
      return null;
    }
    if (node.isString()) {
      return new QdrantGroupLookup(
          lookup.get(node.stringValue()), PayloadSelector.ALL, VectorSelector.NONE);
    }
    JsonBody body = JsonBody.of(node, "with_lookup");
    body.allow("with_lookup", Set.of("collection", "with_payload", "with_vectors"));
    return new QdrantGroupLookup(
        lookup.get(QdrantRequests.text(body.get("collection"), "collection")),
        PayloadSelector.of(body.get("with_payload"), true),
        QdrantRequests.vectors(body.get("with_vectors")));
  }

  /** The point that a group is named after, or null if there is none. */
  JsonNode record(Object group) {
    PointId id = JsonPointIds.ofGroup(group);
    List<Point> points = collection.retrieve(List.of(id), vectors);
    return points.isEmpty()
        ? JsonBody.JSON.nullNode()
        : QdrantPointWriter.record(
            points.getFirst(), wanted, vectors, collection.settings().idType());
  }
}
