// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.JsonFilters;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonPointIds;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.collections.query.PointQuery;
import dev.arbalest.collections.query.PointQuery.Example;
import dev.arbalest.collections.query.QueryRequest;
import dev.arbalest.collections.query.SearchOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Reads queries as Qdrant's REST interface has them. Stateless. */
final class QdrantQueryReader {
  private static final int MAX_DIMENSIONS = 65_535;
  private static final int DEFAULT_LIMIT = 10;

  /** Members of every stage of a query. */
  private static final Set<String> STAGE =
      Set.of(
          "prefetch",
          "query",
          "using",
          "filter",
          "params",
          "score_threshold",
          "limit",
          "lookup_from");

  private static final Set<String> REQUEST =
      union(
          STAGE,
          "vector",
          "top", // what limit was once called
          "offset",
          "with_vector",
          "with_vectors",
          "with_payload",
          "shard_key",
          "explain");

  private static final Set<String> RECOMMEND =
      REQUEST.stream()
          .filter(name -> !name.equals("query") && !name.equals("vector"))
          .collect(
              java.util.stream.Collectors.collectingAndThen(
                  java.util.stream.Collectors.toSet(),
                  names -> union(names, "positive", "negative", "strategy")));

  /** What groups a query; the offset is not among what a client may ask for then. */
  private static final Set<String> GROUPS = Set.of("group_by", "group_size", "with_lookup");

  /** Those without effect: every search reads exact vectors, and finds what is not linked yet. */
  private static final Set<String> PARAMETERS =
      Set.of(
          "hnsw_ef",
          "exact",
          "quantization",
          "indexed_only",
          "acorn",
          "list",
          "rerank",
          "recall",
          "dimensions");

  private QdrantQueryReader() {}

  private static Set<String> union(Set<String> names, String... more) {
    Set<String> all = new java.util.HashSet<>(names);
    all.addAll(List.of(more));
    return Set.copyOf(all);
  }

  /** A request of {@code points/query} or {@code points/search}. */
  static QueryRequest query(JsonBody body, boolean grouped, CollectionSettings settings) {
    body.allow("a query", grouped ? union(REQUEST, GROUPS.toArray(String[]::new)) : REQUEST);
    QdrantRequests.refuseShards(body);
    return request(body, queryOrWords(body, settings), true, 1, settings);
  }

  /** A request of {@code points/recommend}. */
  static QueryRequest recommend(JsonBody body, boolean grouped, CollectionSettings settings) {
    body.allow("a request", grouped ? union(RECOMMEND, GROUPS.toArray(String[]::new)) : RECOMMEND);
    QdrantRequests.refuseShards(body);
    return request(
        body,
        recommend(body.get("positive"), body.get("negative"), body.get("strategy")),
        true,
        1,
        settings);
  }

  private static QueryRequest stage(JsonNode node, int depth, CollectionSettings settings) {
    JsonBody body = JsonBody.of(node, "a prefetch");
    body.allow("a prefetch", STAGE);
    if (depth > QueryRequest.MAX_DEPTH) {
      throw CollectionException.invalid(
          "prefetches are at most " + QueryRequest.MAX_DEPTH + " deep");
    }
    return request(body, queryOrWords(body, settings), false, depth, settings);
  }

  private static QueryRequest request(
      JsonBody body,
      @Nullable PointQuery query,
      boolean isWhole,
      int depth,
      CollectionSettings settings) {
    JsonNode threshold = body.get("score_threshold");
    if (!threshold.isMissingNode() && !threshold.isNull() && !threshold.isNumber()) {
      throw CollectionException.invalid(
          "score_threshold must be a number, found " + JsonText.shorten(threshold));
    }
    Filter filter = JsonFilters.parse(body.get("filter"));
    return new QueryRequest(
        using(body),
        query,
        prefetches(body.get("prefetch"), depth + 1, settings),
        filter,
        options(body.get("params")),
        threshold.isNumber() ? threshold.floatValue() : null,
        body.integer(
            "limit",
            isWhole ? body.integer("top", DEFAULT_LIMIT, 1, QueryRequest.MAX_LIMIT) : DEFAULT_LIMIT,
            1,
            QueryRequest.MAX_LIMIT),
        isWhole ? body.integer("offset", 0, 0, QueryRequest.MAX_LIMIT) : 0,
        lookup(body.get("lookup_from")));
  }

  private static List<QueryRequest> prefetches(
      JsonNode node, int depth, CollectionSettings settings) {
    List<QueryRequest> stages = new ArrayList<>();
    if (node.isArray()) {
      node.forEach(stage -> stages.add(stage(stage, depth, settings)));
    } else if (!node.isMissingNode() && !node.isNull()) {
      stages.add(stage(node, depth, settings));
    }
    return stages;
  }

  /** The name of the vector that is searched, as new clients give it or as old ones did. */
  private static String using(JsonBody body) {
    JsonNode old = body.get("vector").path("name");
    return body.has("using") || old.isMissingNode()
        ? QdrantRequests.vectorName(body.get("using"), "using")
        : QdrantRequests.vectorName(old, "name");
  }

  private static QueryRequest.@Nullable Place lookup(JsonNode node) {
    if (node.isMissingNode() || node.isNull()) {
      return null;
    }
    JsonBody body = JsonBody.of(node, "lookup_from");
    body.allow("lookup_from", Set.of("collection", "vector", "shard_key"));
    QdrantRequests.refuseShards(body);
    return new QueryRequest.Place(
        QdrantRequests.text(body.get("collection"), "collection"),
        body.has("vector") ? QdrantRequests.vectorName(body.get("vector"), "vector") : null);
  }

  static SearchOptions options(JsonNode node) {
    if (node.isMissingNode() || node.isNull()) {
      return SearchOptions.DEFAULTS;
    }
    JsonBody body = JsonBody.of(node, "params");
    body.allow("params", PARAMETERS);
    int list = body.integer("list", 0, 0, Integer.MAX_VALUE);
    return new SearchOptions(
        body.integer("hnsw_ef", list, 0, Integer.MAX_VALUE),
        body.integer("rerank", 0, 0, Integer.MAX_VALUE),
        JsonBody.share(body.get("recall"), "recall"),
        body.integer("dimensions", 0, 0, MAX_DIMENSIONS),
        JsonBody.flag(body.get("exact"), "exact"));
  }

  private static @Nullable PointQuery queryOrWords(JsonBody body, CollectionSettings settings) {
    JsonNode using = body.get("using");
    if (using.isString() && TextRanking.isNamed(using.stringValue())) {
      boolean isVector = settings.find(using.stringValue()) != null;
      PointQuery words = words(body, using.stringValue(), isVector);
      if (words != null) {
        return words;
      }
    }
    return query(body);
  }

  /**
   * A text, or an object with text and model, or that as what is nearest. Null if it is none of
   * them.
   *
   * @param isVector whether a vector has the name, too: then a text alone is an id
   */
  private static @Nullable PointQuery words(JsonBody body, String using, boolean isVector) {
    JsonNode query = body.get("query");
    if (query.isObject() && query.has("nearest")) {
      JsonBody.allow(query, "a query by " + TextRanking.BM25, Set.of("nearest"));
      query = query.path("nearest");
    }
    if (isVector && query.isString()) {
      return null;
    }
    JsonNode text = query;
    if (query.isObject() && query.has("text")) {
      JsonBody.allow(query, "a query by " + TextRanking.BM25, Set.of("text", "model"));
      if (query.has("model")) {
        TextRanking.requireModel(query.path("model").asString(""));
      }
      text = query.path("text");
    }
    return text.isString() ? TextRanking.query(using, text.stringValue()) : null;
  }

  private static @Nullable PointQuery query(JsonBody body) {
    if (body.has("query") && body.has("vector")) {
      throw CollectionException.invalid("the request has \"query\" and \"vector\": send one");
    }
    for (String member : List.of("query", "vector")) {
      float[] vector = body.vector(member);
      if (vector != null) {
        return PointQuery.Nearest.to(vector);
      }
    }
    JsonNode vector = body.get("vector");
    if (vector.isArray()) {
      return new PointQuery.Nearest(example(vector), null);
    }
    if (vector.isObject()) { // {"name": "", "vector": [...]}
      JsonBody.allow(vector, "vector", Set.of("name", "vector"));
      return new PointQuery.Nearest(example(vector.path("vector")), null);
    }
    JsonNode query = body.get("query");
    if (query.isMissingNode() || query.isNull()) {
      return null;
    }
    return query.isObject() ? variant(query) : new PointQuery.Nearest(example(query), null);
  }

  private static PointQuery variant(JsonNode query) {
    if (query.has("indices") || query.has("values") || QdrantVectors.isToEmbed(query)) {
      return PointQuery.Nearest.to(QdrantVectors.of(query));
    }
    if (query.has("nearest")) {
      JsonBody.allow(query, "a query", Set.of("nearest", "mmr"));
      return new PointQuery.Nearest(example(query.path("nearest")), diversity(query.path("mmr")));
    }
    if (query.size() != 1 && !query.has("formula")) {
      throw CollectionException.invalid(
          "a query is a vector, an id, or an object with one of nearest, recommend, order_by, "
              + "fusion, rrf and sample; found "
              + JsonText.shorten(query));
    }
    String name = query.propertyNames().iterator().next();
    JsonNode value = query.path(name);
    return switch (name) {
      case "recommend" -> {
        JsonBody.allow(value, "recommend", Set.of("positive", "negative", "strategy"));
        yield recommend(value.path("positive"), value.path("negative"), value.path("strategy"));
      }
      case "order_by" -> orderBy(value);
      case "fusion" -> fusion(value.asString(""));
      case "rrf" -> rrf(value);
      case "sample" -> {
        if (!value.asString("").equals("random")) {
          throw CollectionException.invalid("sample is \"random\", found " + value);
        }
        yield new PointQuery.Sample();
      }
      case "discover", "context", "formula", "relevance_feedback" ->
          throw new CollectionException(
              CollectionException.Kind.UNSUPPORTED,
              "the query \"" + name + "\" is not supported: there is no index for such scores");
      case "mmr" ->
          throw CollectionException.invalid("mmr stands beside nearest, which is missing");
      default ->
          throw CollectionException.invalid(
              "a query is a vector, an id, or an object with one of nearest, recommend, order_by, "
                  + "fusion, rrf and sample; found \""
                  + name
                  + '"');
    };
  }

  /** A vector, or an id. */
  private static Example example(JsonNode node) {
    if (node.isIntegralNumber() || node.isString()) {
      return new Example.Id(JsonPointIds.of(node));
    }
    boolean isVector =
        node.isArray()
            || node.has("indices")
            || node.has("values")
            || QdrantVectors.isToEmbed(node);
    if (!isVector) {
      throw CollectionException.invalid(
          "an example is a vector or an id, found " + JsonText.shorten(node));
    }
    return new Example.Vector(QdrantVectors.of(node));
  }

  private static List<Example> examples(JsonNode node) {
    List<Example> examples = new ArrayList<>();
    node.forEach(one -> examples.add(example(one)));
    return examples;
  }

  private static PointQuery recommend(JsonNode positive, JsonNode negative, JsonNode strategy) {
    String name = strategy.isNull() ? "average_vector" : strategy.asString("average_vector");
    PointQuery.Strategy which;
    try {
      which = PointQuery.Strategy.valueOf(name.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID,
          "strategy is average_vector, best_score or sum_scores, found \"" + name + '"',
          0,
          e);
    }
    return new PointQuery.Recommend(examples(positive), examples(negative), which);
  }

  private static PointQuery.@Nullable Diversity diversity(JsonNode node) {
    if (node.isMissingNode() || node.isNull()) {
      return null;
    }
    JsonBody body = JsonBody.of(node, "mmr");
    body.allow("mmr", Set.of("diversity", "candidates_limit"));
    JsonNode share = body.get("diversity");
    return new PointQuery.Diversity(
        share.isMissingNode() || share.isNull() ? 0.5 : JsonBody.share(share, "diversity"),
        body.integer("candidates_limit", 0, 0, QueryRequest.MAX_LIMIT));
  }

  /** A field, or a field with direction and start. */
  static PointQuery.OrderBy orderBy(JsonNode node) {
    if (node.isString()) {
      return new PointQuery.OrderBy(Filter.FieldPath.parse(node.stringValue()), false, null);
    }
    JsonBody body = JsonBody.of(node, "order_by");
    body.allow("order_by", Set.of("key", "direction", "start_from"));
    String direction = body.get("direction").asString("asc");
    if (!direction.equals("asc") && !direction.equals("desc")) {
      throw CollectionException.invalid("direction is asc or desc, found \"" + direction + '"');
    }
    JsonNode start = body.get("start_from");
    Object from = start.isMissingNode() || start.isNull() ? null : JsonBody.value(start);
    if (from instanceof String text) {
      JsonFilters.requireMoment("start_from", text);
    }
    return new PointQuery.OrderBy(
        Filter.FieldPath.parse(QdrantRequests.text(body.get("key"), "key")),
        direction.equals("desc"),
        from);
  }

  private static PointQuery fusion(String method) {
    return switch (method) {
      case "rrf" ->
          new PointQuery.Fusion(
              PointQuery.FusionMethod.RECIPROCAL_RANK, PointQuery.Fusion.DEFAULT_K, List.of());
      case "dbsf" ->
          new PointQuery.Fusion(
              PointQuery.FusionMethod.DISTRIBUTION_BASED, PointQuery.Fusion.DEFAULT_K, List.of());
      default ->
          throw CollectionException.invalid("fusion is rrf or dbsf, found \"" + method + '"');
    };
  }

  private static PointQuery rrf(JsonNode node) {
    JsonBody body = JsonBody.of(node, "rrf");
    body.allow("rrf", Set.of("k", "weights"));
    List<Double> weights = new ArrayList<>();
    for (JsonNode weight : body.get("weights")) {
      if (!weight.isNumber()) {
        throw CollectionException.invalid("weights are numbers, found " + JsonText.shorten(weight));
      }
      weights.add(weight.doubleValue());
    }
    return new PointQuery.Fusion(
        PointQuery.FusionMethod.RECIPROCAL_RANK,
        body.integer("k", PointQuery.Fusion.DEFAULT_K, 1, Integer.MAX_VALUE),
        weights);
  }
}
