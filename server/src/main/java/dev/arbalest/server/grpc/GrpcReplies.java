// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import dev.arbalest.IdType;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.query.Hit;
import dev.arbalest.server.qdrant.PayloadSelector;
import io.qdrant.client.grpc.JsonWithInt.Value;
import io.qdrant.client.grpc.Points;
import io.qdrant.client.grpc.Points.OrderValue;
import io.qdrant.client.grpc.Points.RetrievedPoint;
import io.qdrant.client.grpc.Points.ScoredPoint;
import io.qdrant.client.grpc.Points.UpdateResult;
import io.qdrant.client.grpc.Points.UpdateStatus;
import io.qdrant.client.grpc.Points.VectorOutput;
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

  /** Whether a request wants vectors. */
  static boolean vectors(WithVectorsSelector selector) {
    return switch (selector.getSelectorOptionsCase()) {
      case ENABLE -> selector.getEnable();
      case INCLUDE -> {
        selector.getInclude().getNamesList().forEach(GrpcMessages::requireUnnamed);
        yield selector.getInclude().getNamesCount() > 0;
      }
      case SELECTOROPTIONS_NOT_SET -> false;
    };
  }

  private static Map<String, Value> payload(PayloadSelector wanted, @Nullable String payload) {
    return wanted.any() && payload != null
        ? GrpcValues.values(
            wanted.isWhole() ? JsonBody.JSON.readTree(payload) : wanted.chosen(payload))
        : Map.of();
  }

  /** A vector in the form of new clients, and in the one that those before 1.16 read. */
  @SuppressWarnings("deprecation")
  private static VectorsOutput vector(float[] components) {
    Points.DenseVector.Builder dense = Points.DenseVector.newBuilder();
    VectorOutput.Builder output = VectorOutput.newBuilder();
    for (float component : components) {
      dense.addData(component);
      output.addData(component);
    }
    return VectorsOutput.newBuilder().setVector(output.setDense(dense)).build();
  }

  static RetrievedPoint point(Point point, PayloadSelector wanted, @Nullable IdType type) {
    RetrievedPoint.Builder message =
        RetrievedPoint.newBuilder()
            .setId(GrpcMessages.message(point.id(), type))
            .putAllPayload(payload(wanted, point.payload()));
    float[] vector = point.vector();
    if (vector != null) {
      message.setVectors(vector(vector));
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
    float[] vector = point.vector();
    if (vector != null) {
      message.setVectors(vector(vector));
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
            + " is not supported: this is one server, whose collections have one shard and one "
            + "vector each and are saved by copying their files");
  }
}
