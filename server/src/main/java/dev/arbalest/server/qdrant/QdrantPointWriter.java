// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.IdType;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonPointIds;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.collections.query.Hit;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.util.RawValue;

/** Points as Qdrant's clients expect them. Stateless. */
public final class QdrantPointWriter {
  private static final String PAYLOAD = "payload";
  private static final String VECTOR = "vector";

  private QdrantPointWriter() {}

  private static void putPayload(
      ObjectNode target, PayloadSelector wanted, @Nullable String payload) {
    if (!wanted.any()) {
      return;
    }
    if (payload == null) {
      target.putObject(PAYLOAD);
    } else if (wanted.isWhole()) {
      target.putRawValue(PAYLOAD, new RawValue(payload));
    } else {
      target.set(PAYLOAD, wanted.chosen(payload));
    }
  }

  /** The one vector, or an object with vectors by their names. */
  private static void putVectors(ObjectNode target, Point point, VectorSelector wanted) {
    float[] vector = point.vector();
    PointVector unnamed = point.vectors().get("");
    if (vector != null) {
      QdrantVectors.put(target.putArray(VECTOR), vector);
    } else if (point.vectors().size() == 1
        && unnamed != null
        && unnamed.kind() != VectorSpec.Kind.SPARSE) { // whose members would look like names
      QdrantVectors.put(target, VECTOR, unnamed);
    } else if (wanted.any()) {
      ObjectNode named = target.putObject(VECTOR);
      point.vectors().forEach((name, one) -> QdrantVectors.put(named, name, one));
    }
  }

  /** A point that was asked for. */
  static ObjectNode record(
      Point point, PayloadSelector wanted, VectorSelector vectors, @Nullable IdType type) {
    ObjectNode record = JsonBody.JSON.createObjectNode();
    JsonPointIds.put(record, "id", point.id(), type);
    putPayload(record, wanted, point.payload());
    putVectors(record, point, vectors);
    return record;
  }

  /** Adds what a point was ordered by. */
  static ObjectNode withOrder(ObjectNode record, Hit hit) {
    switch (hit.orderValue()) {
      case null -> {}
      case Double number -> record.put("order_value", number);
      case Number number -> record.put("order_value", number.longValue());
    }
    return record;
  }

  /** A point that was searched for. */
  static ObjectNode hit(
      Hit hit, @Nullable IdType type, PayloadSelector wanted, VectorSelector vectors) {
    ObjectNode record = JsonBody.JSON.createObjectNode();
    JsonPointIds.put(record, "id", hit.point().id(), type);
    record.put("version", 0);
    record.put("score", hit.score());
    putPayload(record, wanted, hit.point().payload());
    putVectors(record, hit.point(), vectors);
    return withOrder(record, hit);
  }
}
