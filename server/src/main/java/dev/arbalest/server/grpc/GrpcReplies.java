// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import dev.arbalest.IdType;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.query.Hit;
import dev.arbalest.server.qdrant.PayloadSelector;
import io.qdrant.client.grpc.JsonWithInt.Value;
import io.qdrant.client.grpc.Points.OrderValue;
import io.qdrant.client.grpc.Points.RetrievedPoint;
import io.qdrant.client.grpc.Points.ScoredPoint;
import io.qdrant.client.grpc.Points.UpdateResult;
import io.qdrant.client.grpc.Points.UpdateStatus;
import io.qdrant.client.grpc.Points.VectorsOutput;
import io.qdrant.client.grpc.Points.WithPayloadSelector;
import io.qdrant.client.grpc.Points.WithVectorsSelector;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Points and outcomes as Qdrant's messages. Stateless. */
final class GrpcReplies {
  private GrpcReplies() {}

  /** Which parts of payloads a request wants. */
  static PayloadSelector payload(WithPayloadSelector selector) {
    return switch (selector.getSelectorOptionsCase()) {
      case ENABLE -> new PayloadSelector(selector.getEnable(), List.of(), List.of());
      case INCLUDE ->
          PayloadSelector.of(List.copyOf(selector.getInclude().getFieldsList()), List.of());
      case EXCLUDE ->
          PayloadSelector.of(List.of(), List.copyOf(selector.getExclude().getFieldsList()));
      case SELECTOROPTIONS_NOT_SET -> new PayloadSelector(false, List.of(), List.of());
    };
  }

  /** Which vectors a request wants. */
  static VectorSelector vectors(WithVectorsSelector selector) {
    return switch (selector.getSelectorOptionsCase()) {
      case ENABLE -> VectorSelector.of(selector.getEnable());
      case INCLUDE -> VectorSelector.of(List.copyOf(selector.getInclude().getNamesList()));
      case SELECTOROPTIONS_NOT_SET -> VectorSelector.NONE;
    };
  }

  private static Map<String, Value> payload(PayloadSelector wanted, @Nullable String payload) {
    return wanted.any() && payload != null
        ? GrpcValues.values(
            wanted.isWhole() ? JsonBody.JSON.readTree(payload) : wanted.chosen(payload))
        : Map.of();
  }

  static RetrievedPoint point(Point point, PayloadSelector wanted, @Nullable IdType type) {
    RetrievedPoint.Builder message =
        RetrievedPoint.newBuilder()
            .setId(GrpcMessages.message(point.id(), type))
            .putAllPayload(payload(wanted, point.payload()));
    VectorsOutput vectors = GrpcVectors.message(point);
    if (vectors != null) {
      message.setVectors(vectors);
    }
    return message.build();
  }

  /** The same with what the point was ordered by. */
  static RetrievedPoint ordered(Hit hit, PayloadSelector wanted, @Nullable IdType type) {
    RetrievedPoint point = point(hit.point(), wanted, type);
    Number value = hit.orderValue();
    return value == null ? point : point.toBuilder().setOrderValue(order(value)).build();
  }

  private static OrderValue order(Number value) {
    return value instanceof Double number
        ? OrderValue.newBuilder().setFloat(number).build()
        : OrderValue.newBuilder().setInt(value.longValue()).build();
  }

  static ScoredPoint hit(Hit hit, PayloadSelector wanted, @Nullable IdType type) {
    Point point = hit.point();
    ScoredPoint.Builder message =
        ScoredPoint.newBuilder()
            .setId(GrpcMessages.message(point.id(), type))
            .setScore(hit.score())
            .putAllPayload(payload(wanted, point.payload()));
    VectorsOutput vectors = GrpcVectors.message(point);
    if (vectors != null) {
      message.setVectors(vectors);
    }
    Number value = hit.orderValue();
    if (value != null) {
      message.setOrderValue(order(value));
    }
    return message.build();
  }

  static List<ScoredPoint> hits(List<Hit> hits, PayloadSelector wanted, @Nullable IdType type) {
    return hits.stream().map(hit -> hit(hit, wanted, type)).toList();
  }

  /** The outcome of a change: it is complete and durable. */
  static UpdateResult completed() {
    return UpdateResult.newBuilder().setOperationId(0).setStatus(UpdateStatus.Completed).build();
  }

  static CollectionException unsupported(String operation) {
    return new CollectionException(
        CollectionException.Kind.UNSUPPORTED,
        operation
            + " is not supported: this is one server, whose collections have one shard each and "
            + "are saved by copying their files");
  }
}
