// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import com.google.protobuf.Message;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.server.qdrant.QdrantCollections;
import io.grpc.stub.StreamObserver;
import io.qdrant.client.grpc.Points.ClearPayloadPoints;
import io.qdrant.client.grpc.Points.CountPoints;
import io.qdrant.client.grpc.Points.CountResponse;
import io.qdrant.client.grpc.Points.CreateFieldIndexCollection;
import io.qdrant.client.grpc.Points.CreateVectorNameRequest;
import io.qdrant.client.grpc.Points.DeleteFieldIndexCollection;
import io.qdrant.client.grpc.Points.DeletePayloadPoints;
import io.qdrant.client.grpc.Points.DeletePointVectors;
import io.qdrant.client.grpc.Points.DeletePoints;
import io.qdrant.client.grpc.Points.DeleteVectorNameRequest;
import io.qdrant.client.grpc.Points.DiscoverBatchPoints;
import io.qdrant.client.grpc.Points.DiscoverBatchResponse;
import io.qdrant.client.grpc.Points.DiscoverPoints;
import io.qdrant.client.grpc.Points.DiscoverResponse;
import io.qdrant.client.grpc.Points.FacetCounts;
import io.qdrant.client.grpc.Points.FacetResponse;
import io.qdrant.client.grpc.Points.GetPoints;
import io.qdrant.client.grpc.Points.GetResponse;
import io.qdrant.client.grpc.Points.PointsOperationResponse;
import io.qdrant.client.grpc.Points.QueryBatchPoints;
import io.qdrant.client.grpc.Points.QueryBatchResponse;
import io.qdrant.client.grpc.Points.QueryGroupsResponse;
import io.qdrant.client.grpc.Points.QueryPointGroups;
import io.qdrant.client.grpc.Points.QueryPoints;
import io.qdrant.client.grpc.Points.QueryResponse;
import io.qdrant.client.grpc.Points.RecommendBatchPoints;
import io.qdrant.client.grpc.Points.RecommendBatchResponse;
import io.qdrant.client.grpc.Points.RecommendGroupsResponse;
import io.qdrant.client.grpc.Points.RecommendPointGroups;
import io.qdrant.client.grpc.Points.RecommendPoints;
import io.qdrant.client.grpc.Points.RecommendResponse;
import io.qdrant.client.grpc.Points.ScrollPoints;
import io.qdrant.client.grpc.Points.ScrollResponse;
import io.qdrant.client.grpc.Points.SearchBatchPoints;
import io.qdrant.client.grpc.Points.SearchBatchResponse;
import io.qdrant.client.grpc.Points.SearchGroupsResponse;
import io.qdrant.client.grpc.Points.SearchMatrixOffsetsResponse;
import io.qdrant.client.grpc.Points.SearchMatrixPairsResponse;
import io.qdrant.client.grpc.Points.SearchMatrixPoints;
import io.qdrant.client.grpc.Points.SearchPointGroups;
import io.qdrant.client.grpc.Points.SearchPoints;
import io.qdrant.client.grpc.Points.SearchResponse;
import io.qdrant.client.grpc.Points.SetPayloadPoints;
import io.qdrant.client.grpc.Points.UpdateBatchPoints;
import io.qdrant.client.grpc.Points.UpdateBatchResponse;
import io.qdrant.client.grpc.Points.UpdatePointVectors;
import io.qdrant.client.grpc.Points.UpsertPoints;
import io.qdrant.client.grpc.PointsGrpc;

/**
 * Qdrant's calls on points: names each, and hands it over. As long as the interface has calls.
 * Thread-safe.
 */
final class PointsService extends PointsGrpc.PointsImplBase {
  private static final String SEARCH = "search";

  private final GrpcCalls calls;
  private final GrpcReads reads;
  private final GrpcWrites writes;
  private final QdrantCollections schema;

  PointsService(GrpcCalls calls, GrpcReads reads, GrpcWrites writes, QdrantCollections schema) {
    this.calls = calls;
    this.reads = reads;
    this.writes = writes;
    this.schema = schema;
  }

  /** A change of a collection that was read and checked. */
  @FunctionalInterface
  private interface Reading {
    GrpcWrites.Change read(Collection collection);
  }

  private void change(
      String operation,
      Message request,
      String name,
      StreamObserver<PointsOperationResponse> observer,
      Reading reading) {
    calls.answer(
        operation,
        request,
        observer,
        call -> {
          try (GrpcWrites.Change change = reading.read(call.writable(name))) {
            change.make();
          }
          return PointsOperationResponse.newBuilder()
              .setResult(GrpcReplies.completed())
              .setTime(call.seconds())
              .build();
        });
  }

  @Override
  public void upsert(UpsertPoints request, StreamObserver<PointsOperationResponse> observer) {
    change(
        "upsert",
        request,
        request.getCollectionName(),
        observer,
        collection -> writes.upsert(collection, request));
  }

  @Override
  public void delete(DeletePoints request, StreamObserver<PointsOperationResponse> observer) {
    change(
        "delete",
        request,
        request.getCollectionName(),
        observer,
        collection ->
            writes.delete(collection, request.getPoints(), request.hasShardKeySelector()));
  }

  @Override
  public void updateVectors(
      UpdatePointVectors request, StreamObserver<PointsOperationResponse> observer) {
    change(
        "vectors",
        request,
        request.getCollectionName(),
        observer,
        collection -> writes.updateVectors(collection, request));
  }

  @Override
  public void deleteVectors(
      DeletePointVectors request, StreamObserver<PointsOperationResponse> observer) {
    change(
        "vectors",
        request,
        request.getCollectionName(),
        observer,
        collection ->
            writes.deleteVectors(
                collection,
                request.getVectors().getNamesList(),
                request.getPointsSelector(),
                request.hasShardKeySelector()));
  }

  @Override
  public void setPayload(
      SetPayloadPoints request, StreamObserver<PointsOperationResponse> observer) {
    change(
        "payload",
        request,
        request.getCollectionName(),
        observer,
        collection -> writes.setPayload(collection, request, false));
  }

  @Override
  public void overwritePayload(
      SetPayloadPoints request, StreamObserver<PointsOperationResponse> observer) {
    change(
        "payload",
        request,
        request.getCollectionName(),
        observer,
        collection -> writes.setPayload(collection, request, true));
  }

  @Override
  public void deletePayload(
      DeletePayloadPoints request, StreamObserver<PointsOperationResponse> observer) {
    change(
        "payload",
        request,
        request.getCollectionName(),
        observer,
        collection ->
            writes.deletePayload(
                collection,
                request.getKeysList(),
                request.getPointsSelector(),
                request.hasShardKeySelector()));
  }

  @Override
  public void clearPayload(
      ClearPayloadPoints request, StreamObserver<PointsOperationResponse> observer) {
    change(
        "payload",
        request,
        request.getCollectionName(),
        observer,
        collection ->
            writes.clearPayload(collection, request.getPoints(), request.hasShardKeySelector()));
  }

  @Override
  public void updateBatch(UpdateBatchPoints request, StreamObserver<UpdateBatchResponse> observer) {
    calls.answer(
        "batch",
        request,
        observer,
        call -> {
          Collection collection = call.writable(request.getCollectionName());
          int made = writes.batch(collection, request.getOperationsList());
          return UpdateBatchResponse.newBuilder()
              .addAllResult(java.util.Collections.nCopies(made, GrpcReplies.completed()))
              .setTime(call.seconds())
              .build();
        });
  }

  @Override
  public void createFieldIndex(
      CreateFieldIndexCollection request, StreamObserver<PointsOperationResponse> observer) {
    change(
        "field_index",
        request,
        request.getCollectionName(),
        observer,
        collection -> {
          String kind = GrpcSchemas.kind(request);
          return GrpcWrites.Change.of(
              () -> schema.indexField(collection, request.getFieldName(), kind));
        });
  }

  @Override
  public void deleteFieldIndex(
      DeleteFieldIndexCollection request, StreamObserver<PointsOperationResponse> observer) {
    change(
        "drop_field_index",
        request,
        request.getCollectionName(),
        observer,
        collection ->
            GrpcWrites.Change.of(() -> schema.dropIndex(collection, request.getFieldName())));
  }

  @Override
  public void createVectorName(
      CreateVectorNameRequest request, StreamObserver<PointsOperationResponse> observer) {
    change(
        "vector_name",
        request,
        request.getCollectionName(),
        observer,
        collection -> {
          VectorSpec spec = GrpcSchemas.added(request);
          return GrpcWrites.Change.of(() -> collection.addVector(spec));
        });
  }

  @Override
  public void deleteVectorName(
      DeleteVectorNameRequest request, StreamObserver<PointsOperationResponse> observer) {
    change(
        "vector_name",
        request,
        request.getCollectionName(),
        observer,
        collection ->
            GrpcWrites.Change.of(() -> {
              if (!collection.removeVector(request.getVectorName())) {
                throw new CollectionException(
                    CollectionException.Kind.NOT_FOUND,
                    "collection "
                        + collection.name()
                        + " has no vector \""
                        + request.getVectorName()
                        + '"');
              }
            }));
  }

  @Override
  public void get(GetPoints request, StreamObserver<GetResponse> observer) {
    calls.answer("retrieve", request, observer, call -> reads.get(call, request));
  }

  @Override
  public void scroll(ScrollPoints request, StreamObserver<ScrollResponse> observer) {
    calls.answer("scroll", request, observer, call -> reads.scroll(call, request));
  }

  @Override
  public void count(CountPoints request, StreamObserver<CountResponse> observer) {
    calls.answer("count", request, observer, call -> reads.count(call, request));
  }

  @Override
  public void facet(FacetCounts request, StreamObserver<FacetResponse> observer) {
    calls.answer("facet", request, observer, call -> reads.facet(call, request));
  }

  @Override
  public void query(QueryPoints request, StreamObserver<QueryResponse> observer) {
    calls.answer(
        SEARCH,
        request,
        observer,
        call ->
            QueryResponse.newBuilder()
                .addAllResult(reads.query(call, request))
                .setTime(call.seconds())
                .build());
  }

  @Override
  public void queryBatch(QueryBatchPoints request, StreamObserver<QueryBatchResponse> observer) {
    calls.answer(
        SEARCH,
        request,
        observer,
        call ->
            QueryBatchResponse.newBuilder()
                .addAllResult(
                    reads.batch(
                        request.getQueryPointsList(),
                        query ->
                            GrpcReads.requireSame(
                                request.getCollectionName(), query.getCollectionName()),
                        query -> reads.query(call, query)))
                .setTime(call.seconds())
                .build());
  }

  @Override
  public void queryGroups(QueryPointGroups request, StreamObserver<QueryGroupsResponse> observer) {
    calls.answer(
        SEARCH,
        request,
        observer,
        call ->
            QueryGroupsResponse.newBuilder()
                .setResult(reads.queryGroups(call, request))
                .setTime(call.seconds())
                .build());
  }

  @Override
  public void search(SearchPoints request, StreamObserver<SearchResponse> observer) {
    calls.answer(
        SEARCH,
        request,
        observer,
        call ->
            SearchResponse.newBuilder()
                .addAllResult(reads.search(call, request))
                .setTime(call.seconds())
                .build());
  }

  @Override
  public void searchBatch(SearchBatchPoints request, StreamObserver<SearchBatchResponse> observer) {
    calls.answer(
        SEARCH,
        request,
        observer,
        call ->
            SearchBatchResponse.newBuilder()
                .addAllResult(
                    reads.batch(
                        request.getSearchPointsList(),
                        query ->
                            GrpcReads.requireSame(
                                request.getCollectionName(), query.getCollectionName()),
                        query -> reads.search(call, query)))
                .setTime(call.seconds())
                .build());
  }

  @Override
  public void searchGroups(
      SearchPointGroups request, StreamObserver<SearchGroupsResponse> observer) {
    calls.answer(
        SEARCH,
        request,
        observer,
        call ->
            SearchGroupsResponse.newBuilder()
                .setResult(reads.searchGroups(call, request))
                .setTime(call.seconds())
                .build());
  }

  @Override
  public void recommend(RecommendPoints request, StreamObserver<RecommendResponse> observer) {
    calls.answer(
        SEARCH,
        request,
        observer,
        call ->
            RecommendResponse.newBuilder()
                .addAllResult(reads.recommend(call, request))
                .setTime(call.seconds())
                .build());
  }

  @Override
  public void recommendBatch(
      RecommendBatchPoints request, StreamObserver<RecommendBatchResponse> observer) {
    calls.answer(
        SEARCH,
        request,
        observer,
        call ->
            RecommendBatchResponse.newBuilder()
                .addAllResult(
                    reads.batch(
                        request.getRecommendPointsList(),
                        query ->
                            GrpcReads.requireSame(
                                request.getCollectionName(), query.getCollectionName()),
                        query -> reads.recommend(call, query)))
                .setTime(call.seconds())
                .build());
  }

  @Override
  public void recommendGroups(
      RecommendPointGroups request, StreamObserver<RecommendGroupsResponse> observer) {
    calls.answer(
        SEARCH,
        request,
        observer,
        call ->
            RecommendGroupsResponse.newBuilder()
                .setResult(reads.recommendGroups(call, request))
                .setTime(call.seconds())
                .build());
  }

  @Override
  public void discover(DiscoverPoints request, StreamObserver<DiscoverResponse> observer) {
    calls.answer(
        SEARCH,
        request,
        observer,
        _ -> {
          throw GrpcReplies.unsupported("Discover");
        });
  }

  @Override
  public void discoverBatch(
      DiscoverBatchPoints request, StreamObserver<DiscoverBatchResponse> observer) {
    calls.answer(
        SEARCH,
        request,
        observer,
        _ -> {
          throw GrpcReplies.unsupported("DiscoverBatch");
        });
  }

  @Override
  public void searchMatrixPairs(
      SearchMatrixPoints request, StreamObserver<SearchMatrixPairsResponse> observer) {
    calls.answer(
        "matrix",
        request,
        observer,
        call ->
            SearchMatrixPairsResponse.newBuilder()
                .setResult(reads.matrixPairs(call, request))
                .setTime(call.seconds())
                .build());
  }

  @Override
  public void searchMatrixOffsets(
      SearchMatrixPoints request, StreamObserver<SearchMatrixOffsetsResponse> observer) {
    calls.answer(
        "matrix",
        request,
        observer,
        call ->
            SearchMatrixOffsetsResponse.newBuilder()
                .setResult(reads.matrixOffsets(call, request))
                .setTime(call.seconds())
                .build());
  }
}
