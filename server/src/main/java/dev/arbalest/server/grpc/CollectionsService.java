// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import dev.arbalest.collections.AliasChange;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.server.access.AccessControl;
import dev.arbalest.server.qdrant.QdrantCollections;
import io.grpc.stub.StreamObserver;
import io.qdrant.client.grpc.Collections.AliasDescription;
import io.qdrant.client.grpc.Collections.AliasOperations;
import io.qdrant.client.grpc.Collections.ChangeAliases;
import io.qdrant.client.grpc.Collections.CollectionClusterInfoRequest;
import io.qdrant.client.grpc.Collections.CollectionClusterInfoResponse;
import io.qdrant.client.grpc.Collections.CollectionDescription;
import io.qdrant.client.grpc.Collections.CollectionExists;
import io.qdrant.client.grpc.Collections.CollectionExistsRequest;
import io.qdrant.client.grpc.Collections.CollectionExistsResponse;
import io.qdrant.client.grpc.Collections.CollectionOperationResponse;
import io.qdrant.client.grpc.Collections.CreateCollection;
import io.qdrant.client.grpc.Collections.CreateShardKeyRequest;
import io.qdrant.client.grpc.Collections.CreateShardKeyResponse;
import io.qdrant.client.grpc.Collections.DeleteCollection;
import io.qdrant.client.grpc.Collections.DeleteShardKeyRequest;
import io.qdrant.client.grpc.Collections.DeleteShardKeyResponse;
import io.qdrant.client.grpc.Collections.GetCollectionInfoRequest;
import io.qdrant.client.grpc.Collections.GetCollectionInfoResponse;
import io.qdrant.client.grpc.Collections.ListAliasesRequest;
import io.qdrant.client.grpc.Collections.ListAliasesResponse;
import io.qdrant.client.grpc.Collections.ListCollectionAliasesRequest;
import io.qdrant.client.grpc.Collections.ListCollectionsRequest;
import io.qdrant.client.grpc.Collections.ListCollectionsResponse;
import io.qdrant.client.grpc.Collections.ListShardKeysRequest;
import io.qdrant.client.grpc.Collections.ListShardKeysResponse;
import io.qdrant.client.grpc.Collections.LocalShardInfo;
import io.qdrant.client.grpc.Collections.ReplicaState;
import io.qdrant.client.grpc.Collections.UpdateCollection;
import io.qdrant.client.grpc.Collections.UpdateCollectionClusterSetupRequest;
import io.qdrant.client.grpc.Collections.UpdateCollectionClusterSetupResponse;
import io.qdrant.client.grpc.CollectionsGrpc;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Qdrant's calls on collections. Thread-safe. */
final class CollectionsService extends CollectionsGrpc.CollectionsImplBase {
  private final GrpcCalls calls;
  private final Collections collections;
  private final QdrantCollections schema;

  CollectionsService(GrpcCalls calls, Collections collections, QdrantCollections schema) {
    this.calls = calls;
    this.collections = collections;
    this.schema = schema;
  }

  private static CollectionOperationResponse done(GrpcCalls.Call call, boolean result) {
    return CollectionOperationResponse.newBuilder()
        .setResult(result)
        .setTime(call.seconds())
        .build();
  }

  @Override
  public void get(
      GetCollectionInfoRequest request, StreamObserver<GetCollectionInfoResponse> observer) {
    calls.answer(
        "describe",
        request,
        observer,
        call -> {
          Collection collection = call.readable(request.getCollectionName());
          return GetCollectionInfoResponse.newBuilder()
              .setResult(GrpcSchemas.info(schema.describe(collection.name())))
              .setTime(call.seconds())
              .build();
        });
  }

  @Override
  public void list(
      ListCollectionsRequest request, StreamObserver<ListCollectionsResponse> observer) {
    calls.answer(
        "list",
        request,
        observer,
        call -> {
          call.client().require(AccessControl.Scope.READ);
          ListCollectionsResponse.Builder reply = ListCollectionsResponse.newBuilder();
          for (Collection collection : collections.list()) {
            if (call.client().sees(collection.name())) {
              reply.addCollections(CollectionDescription.newBuilder().setName(collection.name()));
            }
          }
          return reply.setTime(call.seconds()).build();
        });
  }

  @Override
  public void create(
      CreateCollection request, StreamObserver<CollectionOperationResponse> observer) {
    calls.answer(
        "create",
        request,
        observer,
        call -> {
          call.client().require(AccessControl.Scope.WRITE, request.getCollectionName());
          Collection _ =
              collections.create(request.getCollectionName(), GrpcSchemas.settings(request));
          return done(call, true);
        });
  }

  @Override
  public void update(
      UpdateCollection request, StreamObserver<CollectionOperationResponse> observer) {
    calls.answer(
        "update",
        request,
        observer,
        call -> {
          Collection collection = call.writable(request.getCollectionName());
          GrpcSchemas.requireHarmless(collection.settings(), request);
          return done(call, true);
        });
  }

  @Override
  public void delete(
      DeleteCollection request, StreamObserver<CollectionOperationResponse> observer) {
    calls.answer(
        "drop",
        request,
        observer,
        call -> {
          String name = request.getCollectionName(); // its own: no other name of it
          call.client().require(AccessControl.Scope.WRITE, name);
          boolean isThere = collections.has(name);
          if (isThere) {
            collections.drop(name);
          }
          return done(call, isThere);
        });
  }

  @Override
  public void updateAliases(
      ChangeAliases request, StreamObserver<CollectionOperationResponse> observer) {
    calls.answer(
        "change_aliases",
        request,
        observer,
        call -> {
          List<AliasChange> changes = new ArrayList<>();
          request.getActionsList().forEach(action -> changes.add(change(action)));
          schema.changeAliases(call.client(), changes);
          return done(call, true);
        });
  }

  private static AliasChange change(AliasOperations action) {
    return switch (action.getActionCase()) {
      case CREATE_ALIAS ->
          new AliasChange.Create(
              action.getCreateAlias().getAliasName(), action.getCreateAlias().getCollectionName());
      case DELETE_ALIAS -> new AliasChange.Delete(action.getDeleteAlias().getAliasName());
      case RENAME_ALIAS ->
          new AliasChange.Rename(
              action.getRenameAlias().getOldAliasName(), action.getRenameAlias().getNewAliasName());
      case ACTION_NOT_SET -> throw CollectionException.invalid("an action is empty");
    };
  }

  @Override
  public void listCollectionAliases(
      ListCollectionAliasesRequest request, StreamObserver<ListAliasesResponse> observer) {
    calls.answer(
        "aliases",
        request,
        observer,
        call -> aliases(call, call.readable(request.getCollectionName()).name()));
  }

  @Override
  public void listAliases(
      ListAliasesRequest request, StreamObserver<ListAliasesResponse> observer) {
    calls.answer(
        "aliases",
        request,
        observer,
        call -> {
          call.client().require(AccessControl.Scope.READ);
          return aliases(call, null);
        });
  }

  private ListAliasesResponse aliases(GrpcCalls.Call call, @Nullable String collection) {
    ListAliasesResponse.Builder reply = ListAliasesResponse.newBuilder();
    collections
        .aliases()
        .forEach((alias, name) -> {
          if ((collection == null || collection.equals(name)) && call.client().sees(name)) {
            reply.addAliases(
                AliasDescription.newBuilder().setAliasName(alias).setCollectionName(name));
          }
        });
    return reply.setTime(call.seconds()).build();
  }

  @Override
  public void collectionExists(
      CollectionExistsRequest request, StreamObserver<CollectionExistsResponse> observer) {
    calls.answer(
        "exists",
        request,
        observer,
        call -> {
          String name = collections.resolve(request.getCollectionName());
          call.client().require(AccessControl.Scope.READ, name);
          return CollectionExistsResponse.newBuilder()
              .setResult(CollectionExists.newBuilder().setExists(collections.has(name)))
              .setTime(call.seconds())
              .build();
        });
  }

  @Override
  public void collectionClusterInfo(
      CollectionClusterInfoRequest request,
      StreamObserver<CollectionClusterInfoResponse> observer) {
    calls.answer(
        "cluster",
        request,
        observer,
        call ->
            CollectionClusterInfoResponse.newBuilder()
                .setShardCount(1)
                .addLocalShards(
                    LocalShardInfo.newBuilder()
                        .setPointsCount(call.readable(request.getCollectionName()).count())
                        .setState(ReplicaState.Active))
                .build());
  }

  @Override
  public void updateCollectionClusterSetup(
      UpdateCollectionClusterSetupRequest request,
      StreamObserver<UpdateCollectionClusterSetupResponse> observer) {
    calls.answer(
        "cluster",
        request,
        observer,
        _ -> {
          throw GrpcReplies.unsupported("UpdateCollectionClusterSetup");
        });
  }

  @Override
  public void createShardKey(
      CreateShardKeyRequest request, StreamObserver<CreateShardKeyResponse> observer) {
    calls.answer(
        "cluster",
        request,
        observer,
        _ -> {
          throw GrpcReplies.unsupported("CreateShardKey");
        });
  }

  @Override
  public void deleteShardKey(
      DeleteShardKeyRequest request, StreamObserver<DeleteShardKeyResponse> observer) {
    calls.answer(
        "cluster",
        request,
        observer,
        _ -> {
          throw GrpcReplies.unsupported("DeleteShardKey");
        });
  }

  @Override
  public void listShardKeys(
      ListShardKeysRequest request, StreamObserver<ListShardKeysResponse> observer) {
    calls.answer(
        "cluster",
        request,
        observer,
        _ -> {
          throw GrpcReplies.unsupported("ListShardKeys");
        });
  }
}
