// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import dev.arbalest.WriteReceipt;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.PayloadChange;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.PointBuffer;
import dev.arbalest.collections.UpsertCondition;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonPaths;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.query.PointWrites;
import io.qdrant.client.grpc.Common;
import io.qdrant.client.grpc.JsonWithInt.Value;
import io.qdrant.client.grpc.Points.PointStruct;
import io.qdrant.client.grpc.Points.PointVectors;
import io.qdrant.client.grpc.Points.PointsSelector;
import io.qdrant.client.grpc.Points.PointsUpdateOperation;
import io.qdrant.client.grpc.Points.SetPayloadPoints;
import io.qdrant.client.grpc.Points.UpdateMode;
import io.qdrant.client.grpc.Points.UpdatePointVectors;
import io.qdrant.client.grpc.Points.UpsertPoints;
import io.qdrant.client.grpc.Points.Vectors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/** Calls that change points: each is read and checked before anything is changed. Thread-safe. */
final class GrpcWrites {
  private static final int MAX_OPERATIONS = 1000;

  private final PointWrites writes;

  GrpcWrites(PointWrites writes) {
    this.writes = writes;
  }

  /** A change that was read and checked; closing it frees its vectors. */
  interface Change extends AutoCloseable {
    void make();

    @Override
    default void close() {
      // most hold nothing
    }

    static Change of(Runnable work) {
      return work::run;
    }
  }

  /** A change of the points in a buffer. */
  private static Change ofPoints(PointBuffer points, Runnable work) {
    return new Change() {
      @Override
      public void make() {
        work.run();
      }

      @Override
      public void close() {
        points.close();
      }
    };
  }

  Change upsert(Collection collection, UpsertPoints request) {
    GrpcMessages.refuseShards(request.hasShardKeySelector());
    return upsert(
        collection,
        request.getPointsList(),
        condition(
            request.getUpdateMode(), request.hasUpdateFilter() ? request.getUpdateFilter() : null));
  }

  private static UpsertCondition condition(UpdateMode mode, Common.@Nullable Filter filter) {
    UpsertCondition.Mode which =
        switch (mode) {
          case Upsert -> UpsertCondition.Mode.UPSERT;
          case InsertOnly -> UpsertCondition.Mode.INSERT_ONLY;
          case UpdateOnly -> UpsertCondition.Mode.UPDATE_ONLY;
          case UNRECOGNIZED ->
              throw CollectionException.invalid("update_mode is Upsert, InsertOnly or UpdateOnly");
        };
    return new UpsertCondition(which, filter == null ? null : GrpcFilters.parse(filter));
  }

  /** A buffer with some points, handed to a reader that fills it; closed if that fails. */
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  private static PointBuffer buffer(
      Collection collection, int rows, java.util.function.Consumer<PointBuffer> fill) {
    PointBuffer points = PointBuffer.ofRows(collection.settings().dimension(), Math.max(1, rows));
    try {
      fill.accept(points);
      PointWrites.check(collection, points);
      return points;
    } catch (Throwable e) {
      points.close();
      throw e;
    }
  }

  private Change upsert(
      Collection collection, List<PointStruct> structs, UpsertCondition condition) {
    if (collection.settings().named()) {
      return upsertNamed(collection, structs, condition);
    }
    PointBuffer points =
        buffer(
            collection,
            structs.size(),
            target -> {
              for (PointStruct struct : structs) {
                GrpcMessages.requireKnown(struct);
                put(target, struct.getVectors());
                target.add(GrpcMessages.id(struct.getId()), payload(struct));
              }
            });
    return ofPoints(
        points,
        () -> {
          long _ = writes.upsert(collection, points, condition);
        });
  }

  private static @Nullable String payload(PointStruct struct) {
    Map<String, Value> payload = struct.getPayloadMap();
    return payload.isEmpty() ? null : GrpcValues.json(payload).toString();
  }

  private static Change upsertNamed(
      Collection collection, List<PointStruct> structs, UpsertCondition condition) {
    List<Point> points = new ArrayList<>();
    for (PointStruct struct : structs) {
      GrpcMessages.requireKnown(struct);
      points.add(
          Point.of(
              GrpcMessages.id(struct.getId()),
              GrpcVectors.of(struct.getVectors()),
              payload(struct)));
    }
    List<Point> checked = collection.checkNamed(points);
    return () -> {
      WriteReceipt _ = collection.upsert(checked, condition);
    };
  }

  /** Fills the row behind the last with the one vector of a point. */
  private static void put(PointBuffer target, Vectors vectors) {
    Map<String, PointVector> named = GrpcVectors.of(vectors);
    if (named.isEmpty()) {
      throw CollectionException.invalid("a point needs a vector");
    }
    if (named.size() > 1 || !(named.get("") instanceof PointVector.Dense dense)) {
      throw CollectionException.invalid(
          "the collection has one dense vector, without a name; found vectors " + named.keySet());
    }
    float[] components = dense.components();
    if (components.length != target.dimension()) {
      throw CollectionException.dimensionMismatch(target.dimension(), components.length);
    }
    for (int i = 0; i < components.length; i++) {
      target.set(i, components[i]);
    }
  }

  Change updateVectors(Collection collection, UpdatePointVectors request) {
    GrpcMessages.refuseShards(request.hasShardKeySelector());
    return updateVectors(
        collection,
        request.getPointsList(),
        request.hasUpdateFilter() ? request.getUpdateFilter() : null);
  }

  private Change updateVectors(
      Collection collection, List<PointVectors> structs, Common.@Nullable Filter filter) {
    Filter condition = filter == null ? null : GrpcFilters.parse(filter);
    if (collection.settings().named()) {
      return updateNamed(collection, structs, condition);
    }
    PointBuffer points =
        buffer(
            collection,
            structs.size(),
            target -> {
              for (PointVectors struct : structs) {
                GrpcMessages.requireKnown(struct);
                put(target, struct.getVectors());
                target.add(GrpcMessages.id(struct.getId()), null);
              }
            });
    return ofPoints(
        points,
        () -> {
          long _ = writes.updateVectors(collection, points, condition);
        });
  }

  private static Change updateNamed(
      Collection collection, List<PointVectors> structs, @Nullable Filter condition) {
    List<Point> points = new ArrayList<>();
    for (PointVectors struct : structs) {
      GrpcMessages.requireKnown(struct);
      points.add(
          Point.of(GrpcMessages.id(struct.getId()), GrpcVectors.of(struct.getVectors()), null));
    }
    List<Point> checked = collection.checkNamed(points);
    return () -> {
      WriteReceipt _ = collection.updateVectors(checked, condition);
    };
  }

  Change deleteVectors(
      Collection collection, List<String> names, PointsSelector points, boolean hasShards) {
    Selector selector = Selector.of(points, hasShards);
    List<String> vectors = List.copyOf(names);
    if (vectors.isEmpty()) {
      throw CollectionException.invalid("the request needs names of vectors");
    }
    collection.requireDeletable(vectors);
    return () -> {
      Filter filter = selector.filter();
      if (filter == null) {
        collection.deleteVectors(selector.ids(), vectors);
      } else {
        collection.deleteVectors(filter, vectors);
      }
    };
  }

  /** Which points a request is about: some ids, or those a filter accepts. */
  private record Selector(List<PointId> ids, @Nullable Filter filter) {
    static Selector of(PointsSelector selector, boolean hasShards) {
      GrpcMessages.refuseShards(hasShards);
      GrpcMessages.requireKnown(selector);
      return switch (selector.getPointsSelectorOneOfCase()) {
        case POINTS -> new Selector(GrpcMessages.ids(selector.getPoints().getIdsList()), null);
        case FILTER -> new Selector(List.of(), GrpcFilters.parse(selector.getFilter()));
        case POINTSSELECTORONEOF_NOT_SET ->
            throw CollectionException.invalid("the request needs ids of points, or a filter");
      };
    }

    void change(Collection collection, PayloadChange change) {
      if (filter == null) {
        collection.changePayloads(ids, change);
      } else {
        collection.changePayloads(filter, change);
      }
    }
  }

  Change delete(Collection collection, PointsSelector points, boolean hasShards) {
    Selector selector = Selector.of(points, hasShards);
    Filter filter = selector.filter();
    return () -> {
      int _ = filter == null ? collection.delete(selector.ids()) : collection.delete(filter);
    };
  }

  Change setPayload(Collection collection, SetPayloadPoints request, boolean overwrite) {
    return setPayload(
        collection,
        request.getPayloadMap(),
        request.getPointsSelector(),
        request.hasShardKeySelector(),
        request.getKey(),
        overwrite);
  }

  private static Change setPayload(
      Collection collection,
      Map<String, Value> payload,
      PointsSelector points,
      boolean hasShards,
      String key,
      boolean overwrite) {
    Selector selector = Selector.of(points, hasShards);
    ObjectNode members = GrpcValues.json(payload);
    if (!key.isEmpty()) {
      JsonPaths.require(key);
    }
    boolean isWhole = overwrite && key.isEmpty();
    return () ->
        selector.change(
            collection,
            old -> isWhole ? members.toString() : PointWrites.merged(old, key, members, overwrite));
  }

  Change deletePayload(
      Collection collection, List<String> keys, PointsSelector points, boolean hasShards) {
    Selector selector = Selector.of(points, hasShards);
    keys.forEach(JsonPaths::require);
    List<String> paths = List.copyOf(keys);
    return () -> selector.change(collection, old -> PointWrites.without(old, paths));
  }

  Change clearPayload(Collection collection, PointsSelector points, boolean hasShards) {
    Selector selector = Selector.of(points, hasShards);
    return () -> selector.change(collection, _ -> null);
  }

  /**
   * Several changes, made in their order; all are read and checked before the first is made.
   *
   * @return how many there were
   */
  int batch(Collection collection, List<PointsUpdateOperation> operations) {
    if (operations.size() > MAX_OPERATIONS) {
      throw CollectionException.invalid(
          "a batch has at most " + MAX_OPERATIONS + " operations, found " + operations.size());
    }
    List<Change> changes = new ArrayList<>();
    try {
      for (PointsUpdateOperation operation : operations) {
        GrpcMessages.requireKnown(operation);
        changes.add(change(collection, operation));
      }
      changes.forEach(Change::make);
      return changes.size();
    } finally {
      changes.forEach(Change::close);
    }
  }

  @SuppressWarnings("deprecation") // as clients before 1.7 send it
  private Change change(Collection collection, PointsUpdateOperation operation) {
    return switch (operation.getOperationCase()) {
      case UPSERT -> {
        PointsUpdateOperation.PointStructList upsert = operation.getUpsert();
        GrpcMessages.requireKnown(upsert);
        GrpcMessages.refuseShards(upsert.hasShardKeySelector());
        yield upsert(
            collection,
            upsert.getPointsList(),
            condition(
                upsert.getUpdateMode(),
                upsert.hasUpdateFilter() ? upsert.getUpdateFilter() : null));
      }
      case UPDATE_VECTORS -> {
        PointsUpdateOperation.UpdateVectors update = operation.getUpdateVectors();
        GrpcMessages.requireKnown(update);
        GrpcMessages.refuseShards(update.hasShardKeySelector());
        yield updateVectors(
            collection,
            update.getPointsList(),
            update.hasUpdateFilter() ? update.getUpdateFilter() : null);
      }
      case DELETE_POINTS ->
          delete(
              collection,
              operation.getDeletePoints().getPoints(),
              operation.getDeletePoints().hasShardKeySelector());
      case DELETE_DEPRECATED -> delete(collection, operation.getDeleteDeprecated(), false);
      case SET_PAYLOAD ->
          setPayload(
              collection,
              operation.getSetPayload().getPayloadMap(),
              operation.getSetPayload().getPointsSelector(),
              operation.getSetPayload().hasShardKeySelector(),
              operation.getSetPayload().getKey(),
              false);
      case OVERWRITE_PAYLOAD ->
          setPayload(
              collection,
              operation.getOverwritePayload().getPayloadMap(),
              operation.getOverwritePayload().getPointsSelector(),
              operation.getOverwritePayload().hasShardKeySelector(),
              operation.getOverwritePayload().getKey(),
              true);
      case DELETE_PAYLOAD ->
          deletePayload(
              collection,
              operation.getDeletePayload().getKeysList(),
              operation.getDeletePayload().getPointsSelector(),
              operation.getDeletePayload().hasShardKeySelector());
      case CLEAR_PAYLOAD ->
          clearPayload(
              collection,
              operation.getClearPayload().getPoints(),
              operation.getClearPayload().hasShardKeySelector());
      case CLEAR_PAYLOAD_DEPRECATED ->
          clearPayload(collection, operation.getClearPayloadDeprecated(), false);
      case DELETE_VECTORS ->
          deleteVectors(
              collection,
              operation.getDeleteVectors().getVectors().getNamesList(),
              operation.getDeleteVectors().getPointsSelector(),
              operation.getDeleteVectors().hasShardKeySelector());
      case OPERATION_NOT_SET -> throw CollectionException.invalid("an operation is empty");
    };
  }
}
