// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.BuildOptions;
import dev.arbalest.WriteOptions;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.attributes.Filter;
import dev.arbalest.server.collection.Collection;
import dev.arbalest.server.collection.CollectionState;
import dev.arbalest.server.collection.Collections;
import dev.arbalest.server.collection.IndexedField;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.server.model.CollectionSettings;
import dev.arbalest.server.model.CollectionStats;
import dev.arbalest.server.model.JsonBody;
import dev.arbalest.server.model.ServerException;
import dev.arbalest.vector.Metric;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Qdrant's REST operations on collections and field indexes, as functions from request bodies to
 * results. Collections have one vector without a name.
 */
public final class QdrantCollections {
  /** Some clients give the one vector the empty name. */
  private static final String UNNAMED = "";

  /** Clients insist on a value; searches within sets of points choose by cost. */
  private static final int FULL_SCAN_THRESHOLD = 10_000;

  private static final List<String> FIELD_KINDS =
      List.of("keyword", "integer", "float", "bool", "datetime", "uuid", "text");

  private final Collections collections;

  public QdrantCollections(Collections collections) {
    this.collections = collections;
  }

  public JsonNode listCollections(AccessControl.Client client) {
    ObjectNode result = QdrantReplies.object();
    ArrayNode names = result.putArray("collections");
    client.require(AccessControl.Scope.READ);
    for (Collection collection : collections.list()) {
      if (client.sees(collection.name())) {
        names.addObject().put("name", collection.name());
      }
    }
    return result;
  }

  public JsonNode exists(String name) {
    return QdrantReplies.object().put("exists", collections.has(name));
  }

  public JsonNode createCollection(String name, byte[] body) {
    JsonNode sent = JsonBody.parse(body).get("vectors");
    JsonNode vectors = sent.has(UNNAMED) && sent.size() == 1 ? sent.path(UNNAMED) : sent;
    if (!vectors.path("size").isIntegralNumber()) {
      throw ServerException.invalid(
          "\"vectors\" needs \"size\" and \"distance\"; named vectors are not supported: make a "
              + "collection for each");
    }
    Metric metric = metric(vectors.path("distance").asString("Cosine"));
    CollectionSettings settings =
        new CollectionSettings(
            JsonBody.integer(vectors.path("size"), "size", 0, Integer.MIN_VALUE, Integer.MAX_VALUE),
            metric,
            null,
            null);
    Collection _ = collections.create(name, settings);
    return QdrantReplies.bool(true);
  }

  private static Metric metric(String distance) {
    return switch (distance) {
      case "Cosine" -> Metric.COSINE;
      case "Dot" -> Metric.DOT;
      case "Euclid" -> Metric.L2;
      default ->
          throw ServerException.invalid(
              "distance must be Cosine, Dot or Euclid, found " + distance);
    };
  }

  private static String distance(Metric metric) {
    return switch (metric) {
      case COSINE -> "Cosine";
      case DOT -> "Dot";
      case L2 -> "Euclid";
    };
  }

  public JsonNode dropCollection(String name) {
    if (!collections.has(name)) {
      return QdrantReplies.bool(false);
    }
    collections.drop(name);
    return QdrantReplies.bool(true);
  }

  /** State and figures; every state has the members that clients require. */
  public JsonNode describe(String name) {
    Collection collection = collections.get(name);
    ObjectNode result = QdrantReplies.object();
    ObjectNode config = result.putObject("config");
    ObjectNode parameters = config.putObject("params");
    ObjectNode fields = result.putObject("payload_schema");
    result.put("segments_count", 1);
    putConfig(config, parameters);
    try {
      CollectionSettings settings = collection.settings();
      CollectionStats stats = collection.stats();
      parameters
          .putObject("vectors")
          .put("size", settings.dimension())
          .put("distance", distance(settings.metric()));
      result.put("indexed_vectors_count", stats.points() - stats.unlinked());
      result.put("points_count", stats.points());
      for (IndexedField field : collection.indexedFields()) {
        fields
            .putObject(field.name())
            .put("data_type", field.kind())
            .put("points", field.points())
            .put("memory_bytes", field.memoryBytes())
            .put("problem", field.problem());
      }
      result.put("status", "green").put("optimizer_status", "ok");
    } catch (ServerException e) {
      ServerLog.fault("figures of collection " + name, e);
      result.put("status", collection.state() == CollectionState.LOADING ? "yellow" : "red");
      result.putObject("optimizer_status").put("error", e.text());
    }
    return result;
  }

  private static void putConfig(ObjectNode config, ObjectNode parameters) {
    parameters.put("shard_number", 1);
    parameters.put("replication_factor", 1);
    parameters.put("write_consistency_factor", 1);
    parameters.put("on_disk_payload", true);
    config
        .putObject("hnsw_config")
        .put("m", BuildOptions.defaults().degree())
        .put("ef_construct", BuildOptions.defaults().buildList())
        .put("full_scan_threshold", FULL_SCAN_THRESHOLD);
    config
        .putObject("optimizer_config")
        .put("deleted_threshold", 0.125)
        .put("vacuum_min_vector_number", 0)
        .put("default_segment_number", 1)
        .put("flush_interval_sec", 0);
    config
        .putObject("wal_config")
        .put("wal_capacity_mb", WriteOptions.defaults().checkpointBytes() >> 20)
        .put("wal_segments_ahead", 0);
  }

  public JsonNode indexField(String name, byte[] body) {
    JsonBody request = JsonBody.parse(body);
    JsonNode schema = request.get("field_schema");
    String kind = schema.isObject() ? schema.path("type").asString("") : schema.asString("keyword");
    if (!FIELD_KINDS.contains(kind)) {
      throw ServerException.invalid(
          "field_schema is one of " + String.join(", ", FIELD_KINDS) + ", found \"" + kind + '"');
    }
    collections
        .get(name)
        .indexField(Filter.FieldPath.parse(request.get("field_name").asString("")), kind);
    return QdrantReplies.completed();
  }

  public JsonNode dropIndex(String name, String field) {
    collections.get(name).dropIndex(Filter.FieldPath.parse(field));
    return QdrantReplies.completed();
  }
}
