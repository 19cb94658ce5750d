// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Collections;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What clients ask of a cluster: this is one server, with one shard per collection. Stateless. */
public final class QdrantTelemetry {
  private QdrantTelemetry() {}

  /** {@code /telemetry}. */
  public static JsonNode of(Collections collections) {
    ObjectNode result = QdrantReplies.object();
    result.put("id", "arbalest");
    result.putObject("app").put("name", "arbalest").put("version", QdrantVersion.TOLD);
    ObjectNode all = result.putObject("collections");
    all.put("number_of_collections", collections.list().size());
    ArrayNode names = all.putArray("collections");
    for (Collection collection : collections.list()) {
      names.addObject().put("id", collection.name());
    }
    result.putObject("cluster").put("enabled", false);
    return result;
  }

  /** {@code /cluster}. */
  public static JsonNode cluster() {
    return QdrantReplies.object().put("status", "disabled");
  }

  /** {@code /collections/{name}/cluster}. */
  public static JsonNode cluster(Collection collection) {
    ObjectNode result = QdrantReplies.object();
    result.put("peer_id", 0).put("shard_count", 1);
    result
        .putArray("local_shards")
        .addObject()
        .put("shard_id", 0)
        .put("points_count", collection.count())
        .put("state", "Active");
    result.putArray("remote_shards");
    result.putArray("shard_transfers");
    return result;
  }
}
