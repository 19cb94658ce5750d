// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.IdType;
import dev.arbalest.server.attributes.Filter;
import dev.arbalest.server.collection.Collection;
import dev.arbalest.server.collection.Collections;
import dev.arbalest.server.collection.FacetValue;
import dev.arbalest.server.collection.Point;
import dev.arbalest.server.collection.PointPage;
import dev.arbalest.server.collection.SearchAnswer;
import dev.arbalest.server.collection.SearchPool;
import dev.arbalest.server.collection.SearchRequest;
import dev.arbalest.server.model.CollectionSettings;
import dev.arbalest.server.model.JsonBody;
import dev.arbalest.server.model.JsonText;
import dev.arbalest.server.model.PointId;
import dev.arbalest.server.model.Scores;
import dev.arbalest.server.model.ServerException;
import dev.arbalest.vector.Metric;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Qdrant's REST operations that retrieve, count and search points, as functions from request bodies
 * to results.
 */
public final class QdrantReads {
  private static final int MAX_LIMIT = 10_000;
  private static final int MAX_BATCH = 1000;

  /** Hits of all searches of a batch. */
  private static final int MAX_HITS = 100_000;

  /** Components of all vectors in an answer: each takes a dozen bytes as JSON. */
  private static final int MAX_COMPONENTS = 4 << 20;

  private static final String VECTOR = "vector";
  private static final String EXPLANATION = "explanation";
  private static final int MAX_DIMENSIONS = 65_535;
  private static final int MAX_LIST = Integer.MAX_VALUE;

  /** Some clients give the one vector the empty name. */
  private static final String UNNAMED = "";

  private final Collections collections;
  private final SearchPool pool;

  public QdrantReads(Collections collections, SearchPool pool) {
    this.collections = collections;
    this.pool = pool;
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
    ArrayNode result = QdrantReplies.array();
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
    PointPage page =
        collection.scroll(
            QdrantFilters.parse(request.get("filter")), from, limit, wantsVector(request));
    QdrantPointWriter.Wanted wanted =
        QdrantPointWriter.Wanted.of(request.get("with_payload"), true);
    IdType type = collection.settings().idType();
    ObjectNode result = QdrantReplies.object();
    ArrayNode points = result.putArray("points");
    page.points().forEach(point -> points.add(QdrantPointWriter.record(point, wanted, type)));
    PointId next = page.next();
    if (next == null) {
      result.putNull("next_page_offset");
    } else {
      ObjectNode id = QdrantReplies.object();
      QdrantPointWriter.putId(id, next, type);
      result.set("next_page_offset", id.get("id"));
    }
    return result;
  }

  public JsonNode count(String name, byte[] body) {
    Filter filter = QdrantFilters.parse(JsonBody.parse(body).get("filter"));
    return QdrantReplies.object().put("count", collections.get(name).count(filter));
  }

  /**
   * {@code points/search}: hits as an array.
   *
   * @param reply takes the explanation of a search that asks for one
   */
  public JsonNode search(String name, byte[] body, ObjectNode reply) {
    return hits(name, JsonBody.parse(body), explanation -> reply.set(EXPLANATION, explanation));
  }

  /** {@code points/query}: the same as {@code {"points": [...]}}. */
  public JsonNode query(String name, byte[] body, ObjectNode reply) {
    return QdrantReplies.object().set("points", search(name, body, reply));
  }

  /** {@code facet}: how many points have each value of an indexed field, most first. */
  public JsonNode facet(String name, byte[] body) {
    JsonBody request = JsonBody.parse(body);
    Filter.FieldPath field = Filter.FieldPath.parse(request.get("key").asString(""));
    int limit = request.integer("limit", 10, 1, MAX_LIMIT);
    Filter filter = QdrantFilters.parse(request.get("filter"));
    ArrayNode hits = QdrantReplies.array();
    for (FacetValue value : collections.get(name).facet(field, filter, limit)) {
      hits.addObject().putPOJO("value", value.value()).put("count", value.count());
    }
    return QdrantReplies.object().set("hits", hits);
  }

  /**
   * Several searches, answered in their order.
   *
   * @param reply takes the explanations of those that ask for one, in their order
   */
  public JsonNode batch(String name, byte[] body, boolean isQuery, ObjectNode reply) {
    ArrayNode result = QdrantReplies.array();
    ArrayNode explanations = QdrantReplies.array();
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
          JsonNode found = hits(name, search, explanations::add);
          result.add(isQuery ? QdrantReplies.object().set("points", found) : found);
        }
      }
      if (!explanations.isEmpty()) {
        reply.set(EXPLANATION, explanations);
      }
      return result;
    } catch (JacksonException e) {
      throw JsonBody.malformed(e);
    }
  }

  private ArrayNode hits(String name, JsonBody request, Consumer<ObjectNode> explanations) {
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
    SearchAnswer answer = pool.call(() -> collection.search(search, wanted.any(), withVectors));
    if (JsonBody.flag(request.get("explain"), "explain")) {
      explanations.accept(answer.explanation());
    }
    ArrayNode result = QdrantReplies.array();
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
  public JsonNode hits(Collection collection, SearchAnswer answer, boolean withPayload) {
    CollectionSettings settings = collection.settings();
    QdrantPointWriter.Wanted wanted =
        new QdrantPointWriter.Wanted(withPayload, List.of(), List.of());
    ArrayNode result = QdrantReplies.array();
    for (Point point : answer.points()) {
      result.add(QdrantPointWriter.hit(point, settings, wanted));
    }
    return result;
  }

  private static boolean reaches(CollectionSettings settings, float score, float threshold) {
    return settings.metric() == Metric.L2 ? score <= threshold : score >= threshold;
  }

  /** The query vector, or null if the query names a point. */
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
