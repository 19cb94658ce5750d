// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import dev.arbalest.IdType;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.FacetValue;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.PointPage;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.query.Grouping;
import dev.arbalest.collections.query.Hit;
import dev.arbalest.collections.query.PairMatrix;
import dev.arbalest.collections.query.QueryEngine;
import dev.arbalest.collections.query.QueryRequest;
import dev.arbalest.server.qdrant.AnswerLimits;
import dev.arbalest.server.qdrant.PayloadSelector;
import dev.arbalest.server.qdrant.TextRanking;
import io.qdrant.client.grpc.Points;
import io.qdrant.client.grpc.Points.BatchResult;
import io.qdrant.client.grpc.Points.CountPoints;
import io.qdrant.client.grpc.Points.CountResponse;
import io.qdrant.client.grpc.Points.CountResult;
import io.qdrant.client.grpc.Points.FacetCounts;
import io.qdrant.client.grpc.Points.FacetHit;
import io.qdrant.client.grpc.Points.FacetResponse;
import io.qdrant.client.grpc.Points.GetPoints;
import io.qdrant.client.grpc.Points.GetResponse;
import io.qdrant.client.grpc.Points.GroupId;
import io.qdrant.client.grpc.Points.GroupsResult;
import io.qdrant.client.grpc.Points.PointGroup;
import io.qdrant.client.grpc.Points.QueryPointGroups;
import io.qdrant.client.grpc.Points.QueryPoints;
import io.qdrant.client.grpc.Points.RecommendPointGroups;
import io.qdrant.client.grpc.Points.RecommendPoints;
import io.qdrant.client.grpc.Points.ScoredPoint;
import io.qdrant.client.grpc.Points.ScrollPoints;
import io.qdrant.client.grpc.Points.ScrollResponse;
import io.qdrant.client.grpc.Points.SearchMatrixOffsets;
import io.qdrant.client.grpc.Points.SearchMatrixPair;
import io.qdrant.client.grpc.Points.SearchMatrixPairs;
import io.qdrant.client.grpc.Points.SearchMatrixPoints;
import io.qdrant.client.grpc.Points.SearchPointGroups;
import io.qdrant.client.grpc.Points.SearchPoints;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Calls that retrieve, count and search points. Thread-safe. */
final class GrpcReads {
  private static final int DEFAULT_LIMIT = 10;
  private static final int DEFAULT_GROUP = 3;

  private final QueryEngine engine;

  GrpcReads(QueryEngine engine) {
    this.engine = engine;
  }

  GetResponse get(GrpcCalls.Call call, GetPoints request) {
    GrpcMessages.refuseShards(request.hasShardKeySelector());
    Collection collection = call.readable(request.getCollectionName());
    VectorSelector vectors = GrpcReplies.vectors(request.getWithVectors());
    List<PointId> ids = GrpcMessages.ids(request.getIdsList());
    AnswerLimits.requireSize(collection, ids.size(), vectors);
    PayloadSelector wanted = GrpcReplies.payload(request.getWithPayload());
    GetResponse.Builder reply = GetResponse.newBuilder();
    IdType type = collection.settings().idType();
    for (Point point : collection.retrieve(ids, vectors)) {
      reply.addResult(GrpcReplies.point(point, wanted, type));
    }
    return reply.setTime(call.seconds()).build();
  }

  ScrollResponse scroll(GrpcCalls.Call call, ScrollPoints request) {
    GrpcMessages.refuseShards(request.hasShardKeySelector());
    Collection collection = call.readable(request.getCollectionName());
    VectorSelector vectors = GrpcReplies.vectors(request.getWithVectors());
    int limit =
        request.hasLimit()
            ? GrpcMessages.integer(
                "limit", Integer.toUnsignedLong(request.getLimit()), 1, QueryRequest.MAX_LIMIT)
            : DEFAULT_LIMIT;
    AnswerLimits.requireSize(collection, limit, vectors);
    PayloadSelector wanted = GrpcReplies.payload(request.getWithPayload());
    Filter filter = request.hasFilter() ? GrpcFilters.parse(request.getFilter()) : null;
    PointId from = request.hasOffset() ? GrpcMessages.id(request.getOffset()) : null;
    ScrollResponse.Builder reply = ScrollResponse.newBuilder();
    IdType type = collection.settings().idType();
    if (request.hasOrderBy()) {
      if (from != null) {
        throw CollectionException.invalid(
            "\"offset\" goes through points by their ids; with order_by give start_from");
      }
      QueryRequest ordered =
          QueryRequest.by(GrpcQueries.orderBy(request.getOrderBy()), filter, limit);
      for (Hit hit : engine.run(collection, ordered, true, vectors, call.lookup()).hits()) {
        reply.addResult(GrpcReplies.ordered(hit, wanted, type));
      }
      return reply.setTime(call.seconds()).build();
    }
    PointPage page = collection.scroll(filter, from, limit, vectors);
    page.points().forEach(point -> reply.addResult(GrpcReplies.point(point, wanted, type)));
    PointId next = page.next();
    if (next != null) {
      reply.setNextPageOffset(GrpcMessages.message(next, type));
    }
    return reply.setTime(call.seconds()).build();
  }

  CountResponse count(GrpcCalls.Call call, CountPoints request) {
    GrpcMessages.refuseShards(request.hasShardKeySelector());
    Collection collection = call.readable(request.getCollectionName());
    Filter filter = request.hasFilter() ? GrpcFilters.parse(request.getFilter()) : null;
    return CountResponse.newBuilder()
        .setResult(CountResult.newBuilder().setCount(collection.count(filter)))
        .setTime(call.seconds())
        .build();
  }

  FacetResponse facet(GrpcCalls.Call call, FacetCounts request) {
    GrpcMessages.refuseShards(request.hasShardKeySelector());
    Collection collection = call.readable(request.getCollectionName());
    Filter filter = request.hasFilter() ? GrpcFilters.parse(request.getFilter()) : null;
    int limit =
        request.hasLimit()
            ? GrpcMessages.integer("limit", request.getLimit(), 1, QueryRequest.MAX_LIMIT)
            : DEFAULT_LIMIT;
    FacetResponse.Builder reply = FacetResponse.newBuilder();
    for (FacetValue value :
        collection.facet(Filter.FieldPath.parse(request.getKey()), filter, limit)) {
      reply.addHits(FacetHit.newBuilder().setValue(facet(value.value())).setCount(value.count()));
    }
    return reply.setTime(call.seconds()).build();
  }

  private static Points.FacetValue facet(Object value) {
    Points.FacetValue.Builder message = Points.FacetValue.newBuilder();
    return switch (value) {
      case Boolean flag -> message.setBoolValue(flag).build();
      case Long number -> message.setIntegerValue(number).build();
      default -> message.setStringValue(value.toString()).build();
    };
  }

  List<ScoredPoint> query(GrpcCalls.Call call, QueryPoints request) {
    return ranked(
        call,
        request.getCollectionName(),
        GrpcQueries.query(request),
        GrpcReplies.payload(request.getWithPayload()),
        GrpcReplies.vectors(request.getWithVectors()));
  }

  List<ScoredPoint> search(GrpcCalls.Call call, SearchPoints request) {
    return ranked(
        call,
        request.getCollectionName(),
        GrpcQueries.search(request),
        GrpcReplies.payload(request.getWithPayload()),
        GrpcReplies.vectors(request.getWithVectors()));
  }

  List<ScoredPoint> recommend(GrpcCalls.Call call, RecommendPoints request) {
    return ranked(
        call,
        request.getCollectionName(),
        GrpcQueries.recommend(request),
        GrpcReplies.payload(request.getWithPayload()),
        GrpcReplies.vectors(request.getWithVectors()));
  }

  private List<ScoredPoint> ranked(
      GrpcCalls.Call call,
      String name,
      QueryRequest query,
      PayloadSelector wanted,
      VectorSelector vectors) {
    Collection collection = call.readable(name);
    AnswerLimits.requireSize(collection, (long) query.limit() + query.offset(), vectors);
    QueryRequest checked = TextRanking.checked(collection.settings(), query);
    List<Hit> hits = engine.run(collection, checked, wanted.any(), vectors, call.lookup()).hits();
    return GrpcReplies.hits(hits, wanted, collection.settings().idType());
  }

  /** A batch is about one collection. */
  static void requireSame(String batch, String one) {
    if (!one.isEmpty() && !one.equals(batch)) {
      throw CollectionException.invalid(
          "a batch is about one collection, found " + batch + " and " + one);
    }
  }

  /** Several queries, answered in their order. */
  <Q> List<BatchResult> batch(
      List<Q> queries, Consumer<Q> check, Function<Q, List<ScoredPoint>> answer) {
    AnswerLimits.requireBatch(queries.size());
    queries.forEach(check);
    List<BatchResult> results = new ArrayList<>();
    int left = AnswerLimits.MAX_HITS;
    for (Q query : queries) {
      List<ScoredPoint> hits = answer.apply(query);
      left -= hits.size();
      AnswerLimits.requireRoom(left);
      results.add(BatchResult.newBuilder().addAllResult(hits).build());
    }
    return results;
  }

  GroupsResult queryGroups(GrpcCalls.Call call, QueryPointGroups request) {
    return groups(
        call,
        request.getCollectionName(),
        GrpcQueries.groups(request),
        request.getGroupBy(),
        request.hasGroupSize() ? request.getGroupSize() : DEFAULT_GROUP,
        new Wanted(
            GrpcReplies.payload(request.getWithPayload()),
            GrpcReplies.vectors(request.getWithVectors())),
        request.hasWithLookup() ? request.getWithLookup() : null);
  }

  GroupsResult searchGroups(GrpcCalls.Call call, SearchPointGroups request) {
    return groups(
        call,
        request.getCollectionName(),
        GrpcQueries.searchGroups(request),
        request.getGroupBy(),
        Integer.toUnsignedLong(request.getGroupSize()),
        new Wanted(
            GrpcReplies.payload(request.getWithPayload()),
            GrpcReplies.vectors(request.getWithVectors())),
        request.hasWithLookup() ? request.getWithLookup() : null);
  }

  GroupsResult recommendGroups(GrpcCalls.Call call, RecommendPointGroups request) {
    return groups(
        call,
        request.getCollectionName(),
        GrpcQueries.recommendGroups(request),
        request.getGroupBy(),
        Integer.toUnsignedLong(request.getGroupSize()),
        new Wanted(
            GrpcReplies.payload(request.getWithPayload()),
            GrpcReplies.vectors(request.getWithVectors())),
        request.hasWithLookup() ? request.getWithLookup() : null);
  }

  /** What of a point is wanted. */
  private record Wanted(PayloadSelector payload, VectorSelector vectors) {}

  private GroupsResult groups(
      GrpcCalls.Call call,
      String name,
      QueryRequest query,
      String field,
      long groupSize,
      Wanted wanted,
      Points.@Nullable WithLookup lookup) {
    Collection collection = call.readable(name);
    int size = GrpcMessages.integer("group_size", groupSize, 1, QueryRequest.MAX_LIMIT);
    AnswerLimits.requireSize(collection, (long) query.limit() * size, wanted.vectors());
    QueryRequest checked = TextRanking.checked(collection.settings(), query);
    IdType type = collection.settings().idType();
    Collection other = lookup == null ? null : call.readable(lookup.getCollection());
    GroupsResult.Builder result = GroupsResult.newBuilder();
    for (Grouping.Group group :
        Grouping.run(engine, collection, checked, field, size, call.lookup(), wanted.vectors())) {
      PointGroup.Builder message =
          PointGroup.newBuilder()
              .setId(id(group.id()))
              .addAllHits(GrpcReplies.hits(group.hits(), wanted.payload(), type));
      if (lookup != null && other != null) {
        PayloadSelector payload =
            lookup.hasWithPayload()
                ? GrpcReplies.payload(lookup.getWithPayload())
                : PayloadSelector.ALL;
        for (Point point :
            other.retrieve(
                List.of(dev.arbalest.collections.model.JsonPointIds.ofGroup(group.id())),
                GrpcReplies.vectors(lookup.getWithVectors()))) {
          message.setLookup(GrpcReplies.point(point, payload, other.settings().idType()));
        }
      }
      result.addGroups(message);
    }
    return result.build();
  }

  private static GroupId id(Object group) {
    return switch (group) {
      case Long number when number >= 0 -> GroupId.newBuilder().setUnsignedValue(number).build();
      case Long number -> GroupId.newBuilder().setIntegerValue(number).build();
      default -> GroupId.newBuilder().setStringValue(group.toString()).build();
    };
  }

  private PairMatrix matrix(GrpcCalls.Call call, SearchMatrixPoints request) {
    GrpcMessages.refuseShards(request.hasShardKeySelector());
    return PairMatrix.of(
        engine,
        call.readable(request.getCollectionName()),
        request.getUsing(),
        request.hasFilter() ? GrpcFilters.parse(request.getFilter()) : null,
        request.hasSample()
            ? GrpcMessages.integer("sample", request.getSample(), 2, PairMatrix.MAX_SAMPLE)
            : PairMatrix.DEFAULT_SAMPLE,
        request.hasLimit()
            ? GrpcMessages.integer("limit", request.getLimit(), 1, PairMatrix.MAX_SAMPLE)
            : PairMatrix.DEFAULT_LIMIT);
  }

  SearchMatrixPairs matrixPairs(GrpcCalls.Call call, SearchMatrixPoints request) {
    PairMatrix matrix = matrix(call, request);
    IdType type = call.readable(request.getCollectionName()).settings().idType();
    SearchMatrixPairs.Builder pairs = SearchMatrixPairs.newBuilder();
    for (int row = 0; row < matrix.rows().size(); row++) {
      for (Hit hit : matrix.rows().get(row)) {
        pairs.addPairs(
            SearchMatrixPair.newBuilder()
                .setA(GrpcMessages.message(matrix.ids().get(row), type))
                .setB(GrpcMessages.message(hit.point().id(), type))
                .setScore(hit.score()));
      }
    }
    return pairs.build();
  }

  SearchMatrixOffsets matrixOffsets(GrpcCalls.Call call, SearchMatrixPoints request) {
    PairMatrix matrix = matrix(call, request);
    IdType type = call.readable(request.getCollectionName()).settings().idType();
    SearchMatrixOffsets.Builder offsets = SearchMatrixOffsets.newBuilder();
    matrix.ids().forEach(id -> offsets.addIds(GrpcMessages.message(id, type)));
    for (int row = 0; row < matrix.rows().size(); row++) {
      for (Hit hit : matrix.rows().get(row)) {
        offsets
            .addOffsetsRow(row)
            .addOffsetsCol(matrix.ids().indexOf(hit.point().id()))
            .addScores(hit.score());
      }
    }
    return offsets.build();
  }
}
