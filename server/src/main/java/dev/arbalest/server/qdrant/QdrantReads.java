// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.IdType;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.FacetValue;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.PointPage;
import dev.arbalest.collections.SearchAnswer;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.JsonFilters;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonPointIds;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.Scores;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.query.Grouping;
import dev.arbalest.collections.query.Hit;
import dev.arbalest.collections.query.PairMatrix;
import dev.arbalest.collections.query.QueryAnswer;
import dev.arbalest.collections.query.QueryEngine;
import dev.arbalest.collections.query.QueryEngine.Lookup;
import dev.arbalest.collections.query.QueryRequest;
import dev.arbalest.vector.Metric;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
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
  private static final String EXPLANATION = "explanation";

  private static final int DEFAULT_GROUP = 3;

  private final Collections collections;
  private final QueryEngine engine;

  public QdrantReads(Collections collections, QueryEngine engine) {
    this.collections = collections;
    this.engine = engine;
  }

  public JsonNode retrieve(String name, byte[] body) {
    Collection collection = collections.get(name);
    JsonBody request = JsonBody.parse(body);
    request.allow(
        "a request", Set.of("ids", "with_payload", "with_vector", "with_vectors", "shard_key"));
    QdrantRequests.refuseShards(request);
    PayloadSelector wanted = PayloadSelector.of(request.get("with_payload"), true);
    IdType type = collection.settings().idType();
    ArrayNode result = QdrantReplies.array();
    if (!request.get("ids").isArray()) {
      throw CollectionException.invalid("the request needs \"ids\", a list");
    }
    List<PointId> ids = JsonPointIds.list(request.get("ids"));
    VectorSelector vectors = QdrantRequests.vectors(request);
    AnswerLimits.requireSize(collection, ids.size(), vectors);
    for (Point point : collection.retrieve(ids, vectors)) {
      result.add(QdrantPointWriter.record(point, wanted, vectors, type));
    }
    return result;
  }

  public JsonNode retrieveOne(String name, String text) {
    Collection collection = collections.get(name);
    List<Point> points = collection.retrieve(List.of(JsonPointIds.of(text)), VectorSelector.ALL);
    if (points.isEmpty()) {
      throw new CollectionException(
          CollectionException.Kind.NOT_FOUND, "point " + text + " is not in collection " + name);
    }
    PayloadSelector all = PayloadSelector.of(JsonBody.JSON.nullNode(), true);
    return QdrantPointWriter.record(
        points.getFirst(), all, VectorSelector.ALL, collection.settings().idType());
  }

  public JsonNode scroll(String name, byte[] body) {
    Collection collection = collections.get(name);
    JsonBody request = JsonBody.parse(body);
    request.allow(
        "a scroll",
        Set.of(
            "offset",
            "limit",
            "filter",
            "with_payload",
            "with_vector",
            "with_vectors",
            "order_by",
            "shard_key"));
    QdrantRequests.refuseShards(request);
    JsonNode offset = request.get("offset");
    int limit = request.integer("limit", 10, 1, MAX_LIMIT);
    VectorSelector vectors = QdrantRequests.vectors(request);
    AnswerLimits.requireSize(collection, limit, vectors);
    PointId from = offset.isMissingNode() || offset.isNull() ? null : JsonPointIds.of(offset);
    Filter filter = JsonFilters.parse(request.get("filter"));
    PayloadSelector wanted = PayloadSelector.of(request.get("with_payload"), true);
    IdType type = collection.settings().idType();
    ObjectNode result = QdrantReplies.object();
    ArrayNode points = result.putArray("points");
    JsonNode orderBy = request.get("order_by");
    if (!orderBy.isMissingNode() && !orderBy.isNull()) {
      if (from != null) {
        throw CollectionException.invalid(
            "\"offset\" goes through points by their ids; with order_by give start_from");
      }
      QueryRequest ordered = QueryRequest.by(QdrantQueryReader.orderBy(orderBy), filter, limit);
      for (Hit hit : engine.run(collection, ordered, true, vectors, collections::get).hits()) {
        ObjectNode record = QdrantPointWriter.record(hit.point(), wanted, vectors, type);
        points.add(QdrantPointWriter.withOrder(record, hit));
      }
      result.putNull("next_page_offset");
      return result;
    }
    PointPage page = collection.scroll(filter, from, limit, vectors);
    page.points()
        .forEach(point -> points.add(QdrantPointWriter.record(point, wanted, vectors, type)));
    PointId next = page.next();
    if (next == null) {
      result.putNull("next_page_offset");
    } else {
      result.set("next_page_offset", JsonPointIds.node(next, type));
    }
    return result;
  }

  public JsonNode count(String name, byte[] body) {
    JsonBody request = JsonBody.parse(body);
    request.allow("a count", Set.of("filter", "exact", "shard_key")); // it is always exact
    QdrantRequests.refuseShards(request);
    Filter filter = JsonFilters.parse(request.get("filter"));
    return QdrantReplies.object().put("count", collections.get(name).count(filter));
  }

  /**
   * {@code points/search} and {@code points/recommend}: hits as an array; {@code points/query}: the
   * same as {@code {"points": [...]}}.
   *
   * @param lookup finds collections, if the client may read them
   * @param reply takes the explanation of a search that asks for one
   */
  public JsonNode search(String name, byte[] body, Kind kind, Lookup lookup, ObjectNode reply) {
    JsonBody request = JsonBody.parse(body);
    return kind.wrap(
        hits(
            name,
            request,
            kind.read(request, false, collections.get(name).settings()),
            lookup,
            explanation -> reply.set(EXPLANATION, explanation)));
  }

  /** {@code facet}: how many points have each value of an indexed field, most first. */
  public JsonNode facet(String name, byte[] body) {
    JsonBody request = JsonBody.parse(body);
    request.allow("a facet", Set.of("key", "limit", "filter", "exact", "shard_key"));
    QdrantRequests.refuseShards(request);
    int limit = request.integer("limit", 10, 1, MAX_LIMIT);
    Filter filter = JsonFilters.parse(request.get("filter"));
    Filter.FieldPath field = Filter.FieldPath.parse(QdrantRequests.text(request.get("key"), "key"));
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
  public JsonNode batch(String name, byte[] body, Kind kind, Lookup lookup, ObjectNode reply) {
    ArrayNode result = QdrantReplies.array();
    ArrayNode explanations = QdrantReplies.array();
    JsonText.requireText(body);
    try (JsonParser parser = JsonBody.JSON.createParser(body)) {
      JsonBody.requireToken(parser.nextToken(), JsonToken.START_OBJECT);
      int left = AnswerLimits.MAX_HITS;
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String member = String.valueOf(parser.currentName());
        JsonToken value = parser.nextToken();
        if (!member.equals("searches")) {
          throw CollectionException.invalid(
              "a batch has \"searches\", a list of queries, found \"" + member + '"');
        }
        JsonBody.requireToken(value, JsonToken.START_ARRAY);
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          AnswerLimits.requireBatch(result.size() + 1);
          JsonBody.requireToken(parser.currentToken(), JsonToken.START_OBJECT);
          JsonBody search = JsonBody.object(parser, body);
          QueryRequest query = kind.read(search, false, collections.get(name).settings());
          long own = (long) query.limit() + query.offset();
          long all = own * (QdrantRequests.vectors(search).any() ? 100 : 1) + query.work() - own;
          left -= (int) Math.min(AnswerLimits.MAX_HITS + 1, all);
          AnswerLimits.requireRoom(left);
          result.add(kind.wrap(hits(name, search, query, lookup, explanations::add)));
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

  private ArrayNode hits(
      String name, JsonBody request, QueryRequest query, Lookup lookup, Explanations explanations) {
    Collection collection = collections.get(name);
    VectorSelector vectors = QdrantRequests.vectors(request);
    AnswerLimits.requireSize(collection, (long) query.limit() + query.offset(), vectors);
    PayloadSelector wanted = PayloadSelector.of(request.get("with_payload"), false);
    // Whether points are still there is known from their rows.
    QueryRequest checked = TextRanking.checked(collection.settings(), query);
    QueryAnswer answer = engine.run(collection, checked, wanted.any(), vectors, lookup);
    if (JsonBody.flag(request.get("explain"), "explain")) {
      SearchAnswer search = answer.search();
      if (search == null) {
        throw CollectionException.invalid("only a query that is one search can be explained");
      }
      explanations.accept(search.explanation());
    }
    ArrayNode result = QdrantReplies.array();
    IdType type = collection.settings().idType();
    for (Hit hit : answer.hits()) {
      result.add(QdrantPointWriter.hit(hit, type, wanted, vectors));
    }
    return result;
  }

  /**
   * What a search with a binary vector found.
   *
   * @param using name of the vector that was searched
   */
  public JsonNode hits(
      Collection collection, String using, SearchAnswer answer, boolean withPayload) {
    CollectionSettings settings = collection.settings();
    Metric metric = settings.dense(using).metric();
    PayloadSelector wanted = new PayloadSelector(withPayload, List.of(), List.of());
    ArrayNode result = QdrantReplies.array();
    for (Point point : answer.points()) {
      Hit hit = new Hit(point, Scores.qdrant(metric, point.distance()), null);
      result.add(QdrantPointWriter.hit(hit, settings.idType(), wanted, VectorSelector.NONE));
    }
    return result;
  }

  /** How {@code points/search} and {@code points/query} differ. */
  public enum Kind {
    SEARCH,
    RECOMMEND,
    QUERY;

    QueryRequest read(JsonBody body, boolean grouped, CollectionSettings settings) {
      return this == RECOMMEND
          ? QdrantQueryReader.recommend(body, grouped, settings)
          : requireVector(QdrantQueryReader.query(body, grouped, settings));
    }

    private QueryRequest requireVector(QueryRequest request) {
      if (this == SEARCH && request.query() == null) {
        throw CollectionException.invalid("no query vector provided");
      }
      return request;
    }

    /** The result of a request of this kind. */
    JsonNode wrap(ArrayNode hits) {
      return this == QUERY ? QdrantReplies.object().set("points", hits) : hits;
    }
  }

  /** Takes what a search explains. */
  private interface Explanations extends Consumer<ObjectNode> {}

  /**
   * {@code points/query/groups} and its like: the best points of each value of a field.
   *
   * @param lookup finds collections, if the client may read them
   */
  public JsonNode groups(String name, byte[] body, Kind kind, Lookup lookup) {
    Collection collection = collections.get(name);
    JsonBody request = JsonBody.parse(body);
    request.refuse("offset", "groups come from the first on");
    QueryRequest query =
        TextRanking.checked(collection.settings(), kind.read(request, true, collection.settings()));
    String field = QdrantRequests.text(request.get("group_by"), "group_by");
    int size = request.integer("group_size", DEFAULT_GROUP, 1, QueryRequest.MAX_LIMIT);
    VectorSelector vectors = QdrantRequests.vectors(request);
    AnswerLimits.requireSize(collection, (long) query.limit() * size, vectors);
    PayloadSelector wanted = PayloadSelector.of(request.get("with_payload"), false);
    IdType type = collection.settings().idType();
    QdrantGroupLookup other = QdrantGroupLookup.of(request.get("with_lookup"), lookup);
    ArrayNode groups = QdrantReplies.array();
    for (Grouping.Group group :
        Grouping.run(engine, collection, query, field, size, lookup, vectors)) {
      ObjectNode node = groups.addObject().putPOJO("id", group.id());
      ArrayNode hits = node.putArray("hits");
      group.hits().forEach(hit -> hits.add(QdrantPointWriter.hit(hit, type, wanted, vectors)));
      if (other != null) {
        node.set("lookup", other.record(group.id()));
      }
    }
    return QdrantReplies.object().set("groups", groups);
  }

  /** {@code points/search/matrix/pairs}: distances among points drawn by chance. */
  public JsonNode matrixPairs(String name, byte[] body) {
    Collection collection = collections.get(name);
    IdType type = collection.settings().idType();
    PairMatrix matrix = matrix(collection, body);
    ArrayNode pairs = QdrantReplies.array();
    for (int row = 0; row < matrix.rows().size(); row++) {
      PointId from = matrix.ids().get(row);
      for (Hit hit : matrix.rows().get(row)) {
        ObjectNode pair = pairs.addObject();
        JsonPointIds.put(pair, "a", from, type);
        JsonPointIds.put(pair, "b", hit.point().id(), type);
        pair.put("score", hit.score());
      }
    }
    return QdrantReplies.object().set("pairs", pairs);
  }

  /** {@code points/search/matrix/offsets}: the same as rows, columns and scores of a matrix. */
  public JsonNode matrixOffsets(String name, byte[] body) {
    Collection collection = collections.get(name);
    IdType type = collection.settings().idType();
    PairMatrix matrix = matrix(collection, body);
    ObjectNode result = QdrantReplies.object();
    ArrayNode rows = result.putArray("offsets_row");
    ArrayNode columns = result.putArray("offsets_col");
    ArrayNode scores = result.putArray("scores");
    ArrayNode ids = result.putArray("ids");
    for (PointId id : matrix.ids()) {
      ids.add(JsonPointIds.node(id, type));
    }
    for (int row = 0; row < matrix.rows().size(); row++) {
      for (Hit hit : matrix.rows().get(row)) {
        rows.add(row);
        columns.add(matrix.ids().indexOf(hit.point().id()));
        scores.add(hit.score());
      }
    }
    return result;
  }

  private PairMatrix matrix(Collection collection, byte[] body) {
    JsonBody request = JsonBody.parse(body);
    request.allow("a matrix", Set.of("filter", "sample", "limit", "using", "shard_key"));
    QdrantRequests.refuseShards(request);
    return PairMatrix.of(
        engine,
        collection,
        QdrantRequests.vectorName(request.get("using"), "using"),
        JsonFilters.parse(request.get("filter")),
        request.integer("sample", PairMatrix.DEFAULT_SAMPLE, 2, PairMatrix.MAX_SAMPLE),
        request.integer("limit", PairMatrix.DEFAULT_LIMIT, 1, PairMatrix.MAX_SAMPLE));
  }
}
