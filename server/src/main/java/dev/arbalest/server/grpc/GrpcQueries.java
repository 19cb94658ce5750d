// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.query.PointQuery;
import dev.arbalest.collections.query.PointQuery.Example;
import dev.arbalest.collections.query.QueryRequest;
import dev.arbalest.collections.query.SearchOptions;
import dev.arbalest.server.qdrant.TextRanking;
import io.qdrant.client.grpc.Points;
import io.qdrant.client.grpc.Points.PrefetchQuery;
import io.qdrant.client.grpc.Points.Query;
import io.qdrant.client.grpc.Points.QueryPointGroups;
import io.qdrant.client.grpc.Points.QueryPoints;
import io.qdrant.client.grpc.Points.RecommendPointGroups;
import io.qdrant.client.grpc.Points.RecommendPoints;
import io.qdrant.client.grpc.Points.SearchParams;
import io.qdrant.client.grpc.Points.SearchPointGroups;
import io.qdrant.client.grpc.Points.SearchPoints;
import io.qdrant.client.grpc.Points.VectorInput;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads queries as Qdrant's messages have them. Stateless. */
final class GrpcQueries {
  private static final int DEFAULT_LIMIT = 10;

  private GrpcQueries() {}

  static QueryRequest query(QueryPoints message) {
    GrpcMessages.requireKnown(message);
    GrpcMessages.refuseShards(message.hasShardKeySelector());
    return new QueryRequest(
        message.getUsing(),
        query(message.hasQuery(), message.getQuery(), message.getUsing()),
        stages(message.getPrefetchList(), 2),
        message.hasFilter() ? GrpcFilters.parse(message.getFilter()) : null,
        options(message.hasParams(), message.getParams()),
        message.hasScoreThreshold() ? message.getScoreThreshold() : null,
        limit(message.hasLimit(), message.getLimit()),
        GrpcMessages.integer("offset", message.getOffset(), 0, QueryRequest.MAX_LIMIT),
        lookup(message.hasLookupFrom(), message.getLookupFrom()));
  }

  static QueryRequest groups(QueryPointGroups message) {
    GrpcMessages.requireKnown(message);
    GrpcMessages.refuseShards(message.hasShardKeySelector());
    return new QueryRequest(
        message.getUsing(),
        query(message.hasQuery(), message.getQuery(), message.getUsing()),
        stages(message.getPrefetchList(), 2),
        message.hasFilter() ? GrpcFilters.parse(message.getFilter()) : null,
        options(message.hasParams(), message.getParams()),
        message.hasScoreThreshold() ? message.getScoreThreshold() : null,
        limit(message.hasLimit(), message.getLimit()),
        0,
        lookup(message.hasLookupFrom(), message.getLookupFrom()));
  }

  static QueryRequest search(SearchPoints message) {
    GrpcMessages.requireKnown(message);
    GrpcMessages.refuseShards(message.hasShardKeySelector());
    return request(
        message.getVectorName(),
        PointQuery.Nearest.to(
            message.hasSparseIndices()
                ? GrpcVectors.sparse(
                    message.getSparseIndices().getDataList(), message.getVectorList())
                : new PointVector.Dense(GrpcVectors.floats(message.getVectorList()))),
        message.hasFilter() ? GrpcFilters.parse(message.getFilter()) : null,
        options(message.hasParams(), message.getParams()),
        message.hasScoreThreshold() ? message.getScoreThreshold() : null,
        message.getLimit(),
        message.getOffset(),
        null);
  }

  static QueryRequest searchGroups(SearchPointGroups message) {
    GrpcMessages.requireKnown(message);
    GrpcMessages.refuseShards(message.hasShardKeySelector());
    return request(
        message.getVectorName(),
        PointQuery.Nearest.to(
            message.hasSparseIndices()
                ? GrpcVectors.sparse(
                    message.getSparseIndices().getDataList(), message.getVectorList())
                : new PointVector.Dense(GrpcVectors.floats(message.getVectorList()))),
        message.hasFilter() ? GrpcFilters.parse(message.getFilter()) : null,
        options(message.hasParams(), message.getParams()),
        message.hasScoreThreshold() ? message.getScoreThreshold() : null,
        Integer.toUnsignedLong(message.getLimit()),
        0,
        null);
  }

  static QueryRequest recommend(RecommendPoints message) {
    GrpcMessages.requireKnown(message);
    GrpcMessages.refuseShards(message.hasShardKeySelector());
    return request(
        message.getUsing(),
        new PointQuery.Recommend(
            examples(message.getPositiveList(), message.getPositiveVectorsList()),
            examples(message.getNegativeList(), message.getNegativeVectorsList()),
            strategy(message.getStrategy())),
        message.hasFilter() ? GrpcFilters.parse(message.getFilter()) : null,
        options(message.hasParams(), message.getParams()),
        message.hasScoreThreshold() ? message.getScoreThreshold() : null,
        message.getLimit(),
        message.getOffset(),
        lookup(message.hasLookupFrom(), message.getLookupFrom()));
  }

  static QueryRequest recommendGroups(RecommendPointGroups message) {
    GrpcMessages.requireKnown(message);
    GrpcMessages.refuseShards(message.hasShardKeySelector());
    return request(
        message.getUsing(),
        new PointQuery.Recommend(
            examples(message.getPositiveList(), message.getPositiveVectorsList()),
            examples(message.getNegativeList(), message.getNegativeVectorsList()),
            strategy(message.getStrategy())),
        message.hasFilter() ? GrpcFilters.parse(message.getFilter()) : null,
        options(message.hasParams(), message.getParams()),
        message.hasScoreThreshold() ? message.getScoreThreshold() : null,
        Integer.toUnsignedLong(message.getLimit()),
        0,
        lookup(message.hasLookupFrom(), message.getLookupFrom()));
  }

  private static QueryRequest request(
      String using,
      PointQuery query,
      @Nullable Filter filter,
      SearchOptions options,
      @Nullable Float threshold,
      long limit,
      long offset,
      QueryRequest.@Nullable Place lookup) {
    return new QueryRequest(
        using,
        query,
        List.of(),
        filter,
        options,
        threshold,
        GrpcMessages.integer("limit", limit, 1, QueryRequest.MAX_LIMIT),
        GrpcMessages.integer("offset", offset, 0, QueryRequest.MAX_LIMIT),
        lookup);
  }

  private static int limit(boolean isGiven, long limit) {
    return isGiven
        ? GrpcMessages.integer("limit", limit, 1, QueryRequest.MAX_LIMIT)
        : DEFAULT_LIMIT;
  }

  private static List<QueryRequest> stages(List<PrefetchQuery> messages, int depth) {
    if (depth > QueryRequest.MAX_DEPTH + 1) {
      throw CollectionException.invalid(
          "prefetches are at most " + QueryRequest.MAX_DEPTH + " deep");
    }
    List<QueryRequest> stages = new ArrayList<>();
    for (PrefetchQuery message : messages) {
      GrpcMessages.requireKnown(message);
      stages.add(
          new QueryRequest(
              message.getUsing(),
              query(message.hasQuery(), message.getQuery(), message.getUsing()),
              stages(message.getPrefetchList(), depth + 1),
              message.hasFilter() ? GrpcFilters.parse(message.getFilter()) : null,
              options(message.hasParams(), message.getParams()),
              message.hasScoreThreshold() ? message.getScoreThreshold() : null,
              limit(message.hasLimit(), message.getLimit()),
              0,
              lookup(message.hasLookupFrom(), message.getLookupFrom())));
    }
    return stages;
  }

  private static QueryRequest.@Nullable Place lookup(
      boolean isGiven, Points.LookupLocation location) {
    if (!isGiven) {
      return null;
    }
    GrpcMessages.refuseShards(location.hasShardKeySelector());
    return new QueryRequest.Place(
        location.getCollectionName(), location.hasVectorName() ? location.getVectorName() : null);
  }

  private static SearchOptions options(boolean isGiven, SearchParams params) {
    if (!isGiven) {
      return SearchOptions.DEFAULTS;
    }
    GrpcMessages.requireKnown(params);
    return new SearchOptions(
        GrpcMessages.integer("hnsw_ef", params.getHnswEf(), 0, Integer.MAX_VALUE),
        0,
        0,
        0,
        params.getExact());
  }

  private static @Nullable PointQuery query(boolean isGiven, Query query, String using) {
    // A vector may be named bm25, too.
    if (TextRanking.isNamed(using) && query.getNearest().hasDocument()) {
      return words(query, using);
    }
    return isGiven ? variant(query) : null;
  }

  private static PointQuery words(Query query, String using) {
    GrpcMessages.requireKnown(query);
    Points.Document document = query.getNearest().getDocument();
    GrpcMessages.requireKnown(document);
    if (document.getOptionsCount() > 0) {
      throw CollectionException.invalid("options of a document are not supported");
    }
    TextRanking.requireModel(document.getModel());
    return TextRanking.query(using, document.getText());
  }

  private static PointQuery variant(Query query) {
    GrpcMessages.requireKnown(query);
    return switch (query.getVariantCase()) {
      case NEAREST -> new PointQuery.Nearest(example(query.getNearest()), null);
      case NEAREST_WITH_MMR ->
          new PointQuery.Nearest(
              example(query.getNearestWithMmr().getNearest()),
              diversity(query.getNearestWithMmr().getMmr()));
      case RECOMMEND ->
          new PointQuery.Recommend(
              inputs(query.getRecommend().getPositiveList()),
              inputs(query.getRecommend().getNegativeList()),
              strategy(query.getRecommend().getStrategy()));
      case ORDER_BY -> orderBy(query.getOrderBy());
      case FUSION -> fusion(query.getFusion());
      case RRF -> rrf(query.getRrf());
      case SAMPLE -> new PointQuery.Sample();
      case DISCOVER, CONTEXT, FORMULA, RELEVANCE_FEEDBACK ->
          throw new CollectionException(
              CollectionException.Kind.UNSUPPORTED,
              "the query "
                  + query.getVariantCase().name().toLowerCase(java.util.Locale.ROOT)
                  + " is not supported: there is no index for such scores");
      case VARIANT_NOT_SET -> throw CollectionException.invalid("the query is empty");
    };
  }

  private static PointQuery.Diversity diversity(Points.Mmr message) {
    return new PointQuery.Diversity(
        message.hasDiversity() ? message.getDiversity() : 0.5,
        GrpcMessages.integer(
            "candidates_limit",
            Integer.toUnsignedLong(message.getCandidatesLimit()),
            0,
            QueryRequest.MAX_LIMIT));
  }

  /** The order of a field. */
  static PointQuery.OrderBy orderBy(Points.OrderBy order) {
    GrpcMessages.requireKnown(order);
    Points.StartFrom start = order.getStartFrom();
    Object from =
        switch (start.getValueCase()) {
          case FLOAT -> (Object) start.getFloat();
          case INTEGER -> start.getInteger();
          case TIMESTAMP -> GrpcFilters.text(start.getTimestamp());
          case DATETIME -> start.getDatetime();
          case VALUE_NOT_SET -> null;
        };
    return new PointQuery.OrderBy(
        Filter.FieldPath.parse(order.getKey()),
        order.getDirection() == Points.Direction.Desc,
        from);
  }

  private static PointQuery fusion(Points.Fusion fusion) {
    PointQuery.FusionMethod method =
        switch (fusion) {
          case RRF -> PointQuery.FusionMethod.RECIPROCAL_RANK;
          case DBSF -> PointQuery.FusionMethod.DISTRIBUTION_BASED;
          case UNRECOGNIZED -> throw CollectionException.invalid("fusion is RRF or DBSF");
        };
    return new PointQuery.Fusion(method, PointQuery.Fusion.DEFAULT_K, List.of());
  }

  private static PointQuery rrf(Points.Rrf rrf) {
    return new PointQuery.Fusion(
        PointQuery.FusionMethod.RECIPROCAL_RANK,
        rrf.hasK() ? rrf.getK() : PointQuery.Fusion.DEFAULT_K,
        rrf.getWeightsList().stream().map(Float::doubleValue).toList());
  }

  private static PointQuery.Strategy strategy(Points.RecommendStrategy strategy) {
    return switch (strategy) {
      case AverageVector -> PointQuery.Strategy.AVERAGE_VECTOR;
      case BestScore -> PointQuery.Strategy.BEST_SCORE;
      case SumScores -> PointQuery.Strategy.SUM_SCORES;
      case UNRECOGNIZED ->
          throw CollectionException.invalid("strategy is AverageVector, BestScore or SumScores");
    };
  }

  private static List<Example> examples(
      List<io.qdrant.client.grpc.Common.PointId> ids, List<Points.Vector> vectors) {
    List<Example> examples = new ArrayList<>();
    ids.forEach(id -> examples.add(new Example.Id(GrpcMessages.id(id))));
    vectors.forEach(vector -> examples.add(new Example.Vector(GrpcVectors.of(vector))));
    return examples;
  }

  private static List<Example> inputs(List<VectorInput> inputs) {
    List<Example> examples = new ArrayList<>();
    inputs.forEach(input -> examples.add(example(input)));
    return examples;
  }

  private static Example example(VectorInput input) {
    return input.hasId()
        ? new Example.Id(GrpcMessages.id(input.getId()))
        : new Example.Vector(GrpcVectors.of(input));
  }
}
