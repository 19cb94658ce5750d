// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.BuildOptions;
import dev.arbalest.WriteOptions;
import dev.arbalest.collections.AliasChange;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.CollectionState;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.IndexedField;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.TextIndex;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.CollectionStats;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.metrics.ServerLog;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Qdrant's REST operations on collections and field indexes, as functions from request bodies to
 * results.
 */
public final class QdrantCollections {
  /** Clients insist on a value; searches within sets of points choose by cost. */
  private static final int FULL_SCAN_THRESHOLD = 10_000;

  /** Options of an index that make no difference: it is in memory, and in the database. */
  private static final Set<String> FIELD_OPTIONS =
      Set.of(
          "type",
          "is_tenant",
          "is_principal",
          "on_disk",
          "memory",
          "lookup",
          "range",
          "enable_hnsw",
          "prefix");

  private static final Set<String> TEXT_OPTIONS =
      Set.of(
          "type",
          "tokenizer",
          "lowercase",
          "ascii_folding",
          "min_token_len",
          "max_token_len",
          "stopwords",
          "stemmer",
          "phrase_matching",
          "on_disk",
          "memory",
          "enable_hnsw");

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

  /** Options of a collection that make no difference here; docs/server.md says why. */
  private static final List<String> WITHOUT_EFFECT =
      List.of(
          "shard_number",
          "replication_factor",
          "write_consistency_factor",
          "on_disk_payload",
          "payload",
          "hnsw_config",
          "wal_config",
          "optimizers_config",
          "quantization_config");

  /** The settings that a request to make a collection asks for. */
  static CollectionSettings settings(JsonBody request) {
    Set<String> allowed = new HashSet<>(WITHOUT_EFFECT);
    allowed.addAll(
        List.of("vectors", "sharding_method", "sparse_vectors", "strict_mode_config", "metadata"));
    request.allow("a collection", allowed);
    requireSimple(request);
    if (request.get("sharding_method").asString("auto").equals("custom")) {
      throw CollectionException.invalid("sharding_method is auto: a collection has one shard");
    }
    return CollectionSettings.of(
        QdrantVectors.specs(request.get("vectors"), request.get("sparse_vectors")));
  }

  /** Refuses what would make a difference that is not kept to. */
  private static void requireSimple(JsonBody request) {
    if (!request.get("metadata").isEmpty()) {
      request.refuse("metadata", "a collection keeps none");
    }
    JsonNode strict = request.get("strict_mode_config");
    if (JsonBody.flag(strict.path("enabled"), "enabled")) {
      throw CollectionException.invalid(
          "\"strict_mode_config\" is not supported: the limits of the server hold for every "
              + "collection");
    }
  }

  public JsonNode createCollection(String name, byte[] body) {
    Collection _ = collections.create(name, settings(JsonBody.parse(body)));
    return QdrantReplies.bool(true);
  }

  /** {@code PATCH}: options that make no difference are taken, others refused. */
  public JsonNode updateCollection(String name, byte[] body) {
    CollectionSettings settings = collections.get(name).settings();
    JsonBody request = JsonBody.parse(body);
    Set<String> allowed = new HashSet<>(WITHOUT_EFFECT);
    allowed.addAll(
        List.of("vectors", "params", "sparse_vectors", "strict_mode_config", "metadata"));
    request.allow("a collection", allowed);
    requireSimple(request);
    for (String member : List.of("vectors", "sparse_vectors")) {
      request
          .get(member)
          .properties()
          .forEach(named -> {
            VectorSpec _ = settings.vector(named.getKey());
          });
    }
    return QdrantReplies.bool(true);
  }

  /** {@code PUT vectors/NAME}: a vector more that points may have. */
  public JsonNode addVector(String name, String vector, byte[] body) {
    collections.get(name).addVector(QdrantVectors.added(vector, JsonBody.parse(body)));
    return QdrantReplies.completed();
  }

  /** {@code DELETE vectors/NAME}: all points lose a vector. */
  public JsonNode removeVector(String name, String vector) {
    if (!collections.get(name).removeVector(vector)) {
      throw new CollectionException(
          CollectionException.Kind.NOT_FOUND,
          "collection " + name + " has no vector \"" + vector + '"');
    }
    return QdrantReplies.completed();
  }

  /** {@code /aliases}: other names of collections that the client may see. */
  public JsonNode listAliases(AccessControl.Client client, @Nullable String collection) {
    ObjectNode result = QdrantReplies.object();
    ArrayNode aliases = result.putArray("aliases");
    collections
        .aliases()
        .forEach((alias, name) -> {
          if ((collection == null || collection.equals(name)) && client.sees(name)) {
            aliases.addObject().put("alias_name", alias).put("collection_name", name);
          }
        });
    return result;
  }

  /** {@code POST /collections/aliases}: all changes, or none. */
  public JsonNode changeAliases(AccessControl.Client client, byte[] body) {
    JsonBody request = JsonBody.parse(body);
    request.allow("the request", Set.of("actions"));
    if (!request.get("actions").isArray()) {
      throw CollectionException.invalid("the request needs \"actions\", a list");
    }
    List<AliasChange> changes = new ArrayList<>();
    for (JsonNode node : request.get("actions")) {
      if (!node.isObject() || node.size() != 1) {
        throw CollectionException.invalid(
            "an action is create_alias, delete_alias or rename_alias, found "
                + JsonText.shorten(node));
      }
      String action = node.propertyNames().iterator().next();
      JsonBody of = JsonBody.of(node.path(action), action);
      changes.add(
          switch (action) {
            case "create_alias" -> {
              of.allow(action, Set.of("alias_name", "collection_name"));
              yield new AliasChange.Create(
                  QdrantRequests.text(of.get("alias_name"), "alias_name"),
                  QdrantRequests.text(of.get("collection_name"), "collection_name"));
            }
            case "delete_alias" -> {
              of.allow(action, Set.of("alias_name"));
              yield new AliasChange.Delete(QdrantRequests.text(of.get("alias_name"), "alias_name"));
            }
            case "rename_alias" -> {
              of.allow(action, Set.of("old_alias_name", "new_alias_name"));
              yield new AliasChange.Rename(
                  QdrantRequests.text(of.get("old_alias_name"), "old_alias_name"),
                  QdrantRequests.text(of.get("new_alias_name"), "new_alias_name"));
            }
            default ->
                throw CollectionException.invalid(
                    "an action is create_alias, delete_alias or rename_alias, found \""
                        + action
                        + '"');
          });
    }
    changeAliases(client, changes);
    return QdrantReplies.bool(true);
  }

  /**
   * Makes changes, if the client may write to the collections that names are taken from or given.
   */
  public void changeAliases(AccessControl.Client client, List<AliasChange> changes) {
    for (AliasChange change : changes) {
      String name =
          switch (change) {
            case AliasChange.Create create -> create.collection();
            case AliasChange.Delete delete -> collections.resolve(delete.alias());
            case AliasChange.Rename rename -> collections.resolve(rename.from());
          };
      client.require(AccessControl.Scope.WRITE, name);
    }
    collections.changeAliases(changes);
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
      QdrantVectors.describe(parameters, settings.vectors());
      // Parts of multivectors count alone.
      result.put("indexed_vectors_count", Math.max(0, stats.points() - stats.unlinked()));
      result.put("points_count", stats.points());
      for (IndexedField field : collection.indexedFields()) {
        ObjectNode schema =
            fields
                .putObject(field.name())
                .put("data_type", field.dataType())
                .put("points", field.points())
                .put("memory_bytes", field.memoryBytes())
                .put("problem", field.problem());
        if (TextIndex.isKind(field.kind())) {
          schema.set("params", TextIndex.parse(field.kind()).options().put("type", TextIndex.KIND));
        }
      }
      result.put("status", "green").put("optimizer_status", "ok");
    } catch (CollectionException e) {
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
    request.allow("the request", Set.of("field_name", "field_schema", "field_type"));
    boolean isOld = request.has("field_type") && !request.has("field_schema");
    String kind = kind(request.get(isOld ? "field_type" : "field_schema"));
    String field = QdrantRequests.text(request.get("field_name"), "field_name");
    indexField(collections.get(name), field, kind);
    return QdrantReplies.completed();
  }

  /** Makes an index of a kind that {@link #kind} gave. */
  public void indexField(Collection collection, String field, String kind) {
    collection.indexField(Filter.FieldPath.parse(field), kind);
  }

  /** The kind of index that {@code field_schema} asks for. */
  public static String kind(JsonNode schema) {
    boolean hasOptions = schema.isObject();
    JsonNode type = hasOptions ? schema.path("type") : schema;
    String kind =
        type.isMissingNode() || type.isNull() ? (hasOptions ? "" : "keyword") : type.asString("");
    if (!Collection.FIELD_KINDS.contains(kind)) {
      throw CollectionException.invalid(
          "field_schema is one of "
              + String.join(", ", Collection.FIELD_KINDS)
              + ", found "
              + JsonText.shorten(schema));
    }
    if (!hasOptions) {
      return kind;
    }
    if (!kind.equals(TextIndex.KIND)) {
      JsonBody.allow(schema, "field_schema", FIELD_OPTIONS);
      return kind;
    }
    JsonBody.allow(schema, "field_schema", TEXT_OPTIONS);
    return TextIndex.of(schema).kind();
  }

  public JsonNode dropIndex(String name, String field) {
    dropIndex(collections.get(name), field);
    return QdrantReplies.completed();
  }

  /** Removes an index. */
  public void dropIndex(Collection collection, String field) {
    collection.dropIndex(Filter.FieldPath.parse(field));
  }
}
