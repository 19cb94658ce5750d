// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.BuildOptions;
import dev.arbalest.IdType;
import dev.arbalest.LiveIndex;
import dev.arbalest.WriteOptions;
import dev.arbalest.WriteReceipt;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.attributes.Filter;
import dev.arbalest.server.collection.Collection;
import dev.arbalest.server.collection.Collections;
import dev.arbalest.server.collection.FilteredSearch;
import dev.arbalest.server.collection.Point;
import dev.arbalest.server.collection.PointBuffer;
import dev.arbalest.server.collection.SearchPool;
import dev.arbalest.server.collection.SearchRequest;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.server.model.CollectionSettings;
import dev.arbalest.server.model.CollectionStats;
import dev.arbalest.server.model.JsonBody;
import dev.arbalest.server.model.JsonText;
import dev.arbalest.server.model.PointId;
import dev.arbalest.server.model.Scores;
import dev.arbalest.server.model.ServerException;
import dev.arbalest.server.model.ServerOptions;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The operations of Qdrant's REST interface that its clients use, as functions from request bodies
 * to results. Collections have one vector without a name.
 */
public final class QdrantApi {
  private static final int MAX_LIMIT = 10_000;
  private static final int MAX_BATCH = 1000;

  /** Hits of all searches of a batch. */
  private static final int MAX_HITS = 100_000;

  /** Components of all vectors in an answer: each takes a dozen bytes as JSON. */
  private static final int MAX_COMPONENTS = 4 << 20;

  private static final String VECTOR = "vector";
  private static final String PAYLOAD = "payload";

  /** Some clients give the one vector the empty name. */
  private static final int MAX_DIMENSIONS = 65_535;

  private static final int MAX_LIST = Integer.MAX_VALUE;
  private static final String UNNAMED = "";

  private final Collections collections;
  private final SearchPool pool;
  private final ServerOptions options;

  public QdrantApi(Collections collections, SearchPool pool, ServerOptions options) {
    this.collections = collections;
    this.pool = pool;
    this.options = options;
  }

  private static ObjectNode object() {
    return JsonBody.JSON.createObjectNode();
  }

  private static ArrayNode array() {
    return JsonBody.JSON.createArrayNode();
  }

  private static ObjectNode done() {
    return object().put("operation_id", 0).put("status", "completed");
  }

  private static JsonNode yes() {
    return JsonBody.JSON.getNodeFactory().booleanNode(true);
  }

  // Collections:

  public JsonNode listCollections(AccessControl.Client client) {
    ObjectNode result = object();
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
    return object().put("exists", collections.has(name));
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
    return yes();
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
      return JsonBody.JSON.getNodeFactory().booleanNode(false);
    }
    collections.drop(name);
    return yes();
  }

  /** State and figures; members its clients insist on are there in every state. */
  public JsonNode describe(String name) {
    Collection collection = collections.get(name);
    ObjectNode result = object();
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
      for (Map.Entry<String, String> field : collection.indexedFields().entrySet()) {
        fields.putObject(field.getKey()).put("data_type", field.getValue()).put("points", 0);
      }
      result.put("status", "green").put("optimizer_status", "ok");
    } catch (ServerException e) {
      ServerLog.fault("figures of collection " + name, e);
      result.put("status", collection.state() == Collection.State.LOADING ? "yellow" : "red");
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
        .put("full_scan_threshold", FilteredSearch.MAX_AMONG);
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
    collections
        .get(name)
        .indexField(Filter.FieldPath.parse(request.get("field_name").asString("")), kind);
    return done();
  }

  public JsonNode dropIndex(String name, String field) {
    collections.get(name).dropIndex(Filter.FieldPath.parse(field));
    return done();
  }

  // Points:

  public JsonNode upsert(String name, byte[] body) {
    Collection collection = collections.get(name);
    int dimension = collection.settings().dimension();
    // A component takes at least two bytes of JSON and four of memory.
    long bytes = Math.min(Integer.MAX_VALUE, 2L * body.length + 4L * dimension);
    long delay = 0;
    try (PointBuffer points = new PointBuffer(dimension, (int) bytes)) {
      QdrantPointReader.read(body, points);
      checkAll(points, collection.settings().metric());
      collection.requireIds(points.ids());
      delay = insert(collection, points);
    }
    ObjectNode result = done();
    if (delay > 0) {
      result.put("delay_ms", delay / 1_000_000);
    }
    return result;
  }

  private static void checkAll(PointBuffer points, Metric metric) {
    F32Rows rows = points.rows();
    for (int row = 0; row < rows.count(); row++) {
      String problem = LiveIndex.problemOf(rows, row, metric);
      if (!problem.isEmpty()) {
        throw ServerException.invalid("point " + points.ids().get(row) + ": " + problem);
      }
    }
  }

  /** Inserts batch after batch of so many bytes as the server is set to; returns the delay. */
  private long insert(Collection collection, PointBuffer points) {
    F32Rows all = points.rows();
    int rows = Math.max(1, options.batchBytes() / (4 * points.dimension()));
    long delay = 0;
    for (int from = 0; from < all.count(); from += rows) {
      int to = Math.min(all.count(), from + rows);
      F32Rows part =
          new F32Rows(
              all.memory(), all.offset(from), all.strideBytes(), to - from, all.dimension());
      WriteReceipt receipt =
          collection.upsert(
              points.ids().subList(from, to), points.payloads().subList(from, to), part);
      delay += receipt.delayNanos();
    }
    return delay;
  }

  public JsonNode delete(String name, byte[] body) {
    Collection collection = collections.get(name);
    JsonBody request = JsonBody.parse(body);
    Filter filter = QdrantFilters.parse(request.get("filter"));
    int deleted =
        filter == null
            ? collection.delete(QdrantPointReader.ids(request.get("points")))
            : collection.delete(filter);
    return done().put("deleted", deleted);
  }

  /** What an operation on payloads does. */
  public enum PayloadOperation {
    SET,
    OVERWRITE,
    DELETE,
    CLEAR
  }

  public JsonNode changePayload(String name, PayloadOperation operation, byte[] body) {
    Collection collection = collections.get(name);
    JsonBody request = JsonBody.parse(body);
    Filter filter = QdrantFilters.parse(request.get("filter"));
    request.refuse("key", "nested keys of payloads cannot be set alone");
    JsonNode payload = request.get(PAYLOAD);
    List<String> keys = QdrantPointReader.names(request.get("keys"));
    if (operation == PayloadOperation.SET || operation == PayloadOperation.OVERWRITE) {
      if (QdrantPointReader.payload(payload) == null) {
        throw ServerException.invalid("the request needs a \"payload\"");
      }
    }
    Collection.PayloadChange change = old -> changed(operation, old, payload, keys);
    if (filter == null) {
      collection.changePayloads(QdrantPointReader.ids(request.get("points")), change);
    } else {
      collection.changePayloads(filter, change);
    }
    return done();
  }

  private static @Nullable String changed(
      PayloadOperation operation, @Nullable String old, JsonNode payload, List<String> keys) {
    if (operation == PayloadOperation.CLEAR) {
      return null;
    }
    if (operation == PayloadOperation.OVERWRITE) {
      return QdrantPointReader.payload(payload);
    }
    ObjectNode merged = old == null ? object() : (ObjectNode) JsonBody.JSON.readTree(old);
    if (operation == PayloadOperation.SET) {
      payload.properties().forEach(field -> merged.set(field.getKey(), field.getValue()));
    } else {
      merged.remove(keys);
    }
    return merged.toString();
  }

  private static boolean wantsVector(JsonBody request) {
    JsonNode node = request.get("with_vector");
    return node.isArray() || node.asBoolean(false) || request.get("with_vectors").asBoolean(false);
  }

  private static void requireSize(Collection collection, long points, boolean withVectors) {
    if (withVectors && points * collection.settings().dimension() > MAX_COMPONENTS) {
      throw ServerException.invalid(
          "an answer has at most "
              + MAX_COMPONENTS / collection.settings().dimension()
              + " vectors, asked for "
              + points);
    }
  }

  public JsonNode retrieve(String name, byte[] body) {
    Collection collection = collections.get(name);
    JsonBody request = JsonBody.parse(body);
    QdrantPointWriter.Wanted wanted =
        QdrantPointWriter.Wanted.of(request.get("with_payload"), true);
    IdType type = collection.settings().idType();
    ArrayNode result = array();
    List<PointId> ids = QdrantPointReader.ids(request.get("ids"));
    if (ids.size() > MAX_LIMIT) {
      throw ServerException.invalid("at most " + MAX_LIMIT + " ids, found " + ids.size());
    }
    boolean withVectors = wantsVector(request);
    requireSize(collection, ids.size(), withVectors);
    for (Point point : collection.retrieve(ids, withVectors)) {
      result.add(QdrantPointWriter.record(point, wanted, type));
    }
    return result;
  }

  public JsonNode retrieveOne(String name, String text) {
    Collection collection = collections.get(name);
    List<Point> points = collection.retrieve(List.of(PointId.of(text)), true);
    if (points.isEmpty()) {
      throw new ServerException(
          ServerException.Kind.NOT_FOUND, "point " + text + " is not in collection " + name);
    }
    QdrantPointWriter.Wanted all = QdrantPointWriter.Wanted.of(JsonBody.JSON.nullNode(), true);
    return QdrantPointWriter.record(points.getFirst(), all, collection.settings().idType());
  }

  public JsonNode scroll(String name, byte[] body) {
    Collection collection = collections.get(name);
    JsonBody request = JsonBody.parse(body);
    request.refuse("order_by", "points come in the order of their ids");
    JsonNode offset = request.get("offset");
    int limit = request.integer("limit", 10, 1, MAX_LIMIT);
    requireSize(collection, limit, wantsVector(request));
    PointId from = offset.isMissingNode() || offset.isNull() ? null : PointId.of(offset);
    Collection.Page page =
        collection.scroll(
            QdrantFilters.parse(request.get("filter")), from, limit, wantsVector(request));
    QdrantPointWriter.Wanted wanted =
        QdrantPointWriter.Wanted.of(request.get("with_payload"), true);
    IdType type = collection.settings().idType();
    ObjectNode result = object();
    ArrayNode points = result.putArray("points");
    page.points().forEach(point -> points.add(QdrantPointWriter.record(point, wanted, type)));
    PointId next = page.next();
    if (next == null) {
      result.putNull("next_page_offset");
    } else {
      ObjectNode id = object();
      QdrantPointWriter.putId(id, next, type);
      result.set("next_page_offset", id.get("id"));
    }
    return result;
  }

  public JsonNode count(String name, byte[] body) {
    Filter filter = QdrantFilters.parse(JsonBody.parse(body).get("filter"));
    return object().put("count", collections.get(name).count(filter));
  }

  // Searches:

  /** {@code points/search}: hits as an array. */
  public JsonNode search(String name, byte[] body) {
    return hits(name, JsonBody.parse(body));
  }

  /** {@code points/query}: the same as {@code {"points": [...]}}. */
  public JsonNode query(String name, byte[] body) {
    return object().set("points", hits(name, JsonBody.parse(body)));
  }

  /** Several searches, answered in their order. */
  public JsonNode batch(String name, byte[] body, boolean isQuery) {
    ArrayNode result = array();
    JsonText.requireText(body);
    try (JsonParser parser = JsonBody.JSON.createParser(body)) {
      JsonBody.requireToken(parser.nextToken(), JsonToken.START_OBJECT);
      int left = MAX_HITS;
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String member = String.valueOf(parser.currentName());
        JsonToken value = parser.nextToken();
        if (!member.equals("searches")) {
          parser.skipChildren();
          continue;
        }
        JsonBody.requireToken(value, JsonToken.START_ARRAY);
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          if (result.size() == MAX_BATCH) {
            throw ServerException.invalid("a batch has at most " + MAX_BATCH + " searches");
          }
          JsonBody.requireToken(parser.currentToken(), JsonToken.START_OBJECT);
          JsonBody search = JsonBody.object(parser, body);
          int hits =
              search.integer("limit", 10, 1, MAX_LIMIT) + search.integer("offset", 0, 0, MAX_LIMIT);
          left -= hits * (wantsVector(search) ? 100 : 1);
          if (left < 0) {
            throw ServerException.invalid(
                "a batch asks for at most " + MAX_HITS + " hits, or a hundredth with vectors");
          }
          JsonNode found = hits(name, search);
          result.add(isQuery ? object().set("points", found) : found);
        }
      }
      return result;
    } catch (JacksonException e) {
      throw JsonBody.malformed(e);
    }
  }

  public ArrayNode hits(String name, JsonBody request) {
    Collection collection = collections.get(name);
    CollectionSettings settings = collection.settings();
    int limit = request.integer("limit", 10, 1, MAX_LIMIT);
    int offset = request.integer("offset", 0, 0, MAX_LIMIT);
    request.refuse("prefetch", "send the searches one by one");
    if (!request.get("using").asString("").equals(UNNAMED)) {
      request.refuse("using", "vectors have no names here");
    }
    boolean withVectors = wantsVector(request);
    requireSize(collection, (long) limit + offset, withVectors);
    JsonNode parameters = request.get("params");
    PointId self = null;
    float[] vector = vectorOf(request);
    if (vector == null) {
      JsonNode query = request.get("query");
      self = PointId.of(query.isObject() ? query.path("nearest") : query);
      List<Point> points = collection.retrieve(List.of(self), true);
      vector = points.isEmpty() ? null : points.getFirst().vector();
      if (vector == null) {
        throw new ServerException(
            ServerException.Kind.NOT_FOUND, "point " + self + " is not in collection " + name);
      }
    }
    QdrantPointWriter.Wanted wanted =
        QdrantPointWriter.Wanted.of(request.get("with_payload"), false);
    SearchRequest search =
        new SearchRequest(
            vector,
            limit + offset + (self == null ? 0 : 1),
            QdrantFilters.parse(request.get("filter")),
            JsonBody.integer(
                parameters.path("hnsw_ef"),
                "hnsw_ef",
                JsonBody.integer(parameters.path("list"), "list", 0, 0, MAX_LIST),
                0,
                MAX_LIST),
            JsonBody.integer(parameters.path("rerank"), "rerank", 0, 0, MAX_LIST),
            JsonBody.share(parameters.path("recall"), "recall"),
            JsonBody.integer(parameters.path("dimensions"), "dimensions", 0, 0, MAX_DIMENSIONS),
            JsonBody.flag(parameters.path("exact"), "exact"));
    // Whether points are still there is known from their rows.
    Collection.Answer answer =
        pool.call(() -> collection.search(search, wanted.any(), withVectors));
    ArrayNode result = array();
    JsonNode threshold = request.get("score_threshold");
    int passed = 0;
    for (Point point : answer.points()) {
      boolean isSelf = self != null && point.id().toString().equals(self.toString());
      float score = Scores.qdrant(settings.metric(), point.distance());
      if (isSelf || (threshold.isNumber() && !reaches(settings, score, threshold.floatValue()))) {
        continue;
      }
      if (passed++ >= offset && result.size() < limit) {
        result.add(QdrantPointWriter.hit(point, settings, wanted));
      }
    }
    return result;
  }

  /** What a search with a binary vector found. */
  public JsonNode hits(Collection collection, Collection.Answer answer, boolean withPayload) {
    CollectionSettings settings = collection.settings();
    QdrantPointWriter.Wanted wanted =
        new QdrantPointWriter.Wanted(withPayload, List.of(), List.of());
    ArrayNode result = array();
    for (Point point : answer.points()) {
      result.add(QdrantPointWriter.hit(point, settings, wanted));
    }
    return result;
  }

  private static boolean reaches(CollectionSettings settings, float score, float threshold) {
    return settings.metric() == Metric.L2 ? score <= threshold : score >= threshold;
  }

  /** The vector a search is for, null if it is for that of a point. */
  private static float @Nullable [] vectorOf(JsonBody request) {
    for (String member : List.of("query", VECTOR)) {
      float[] vector = request.vector(member);
      if (vector != null) {
        return vector;
      }
    }
    JsonNode query = request.get("query");
    if (query.isObject()) {
      JsonNode nearest = query.path("nearest");
      if (nearest.isArray()) {
        return JsonBody.toVector(nearest);
      }
      if (nearest.isIntegralNumber() || nearest.isString()) {
        return null;
      }
      throw ServerException.invalid("a query is a vector, an id, or {\"nearest\": one of these}");
    }
    if (query.isMissingNode()) {
      throw ServerException.invalid("no query vector provided");
    }
    return null;
  }
}
