// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.IdType;
import dev.arbalest.server.collection.Point;
import dev.arbalest.server.model.CollectionSettings;
import dev.arbalest.server.model.JsonBody;
import dev.arbalest.server.model.PointId;
import dev.arbalest.server.model.Scores;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.util.RawValue;

/** Points as Qdrant's clients expect them. Stateless. */
public final class QdrantPointWriter {
  private static final String PAYLOAD = "payload";

  private QdrantPointWriter() {}

  /** Which members of a payload are wanted. */
  record Wanted(boolean any, List<String> only, List<String> not) {
    static Wanted of(JsonNode node, boolean otherwise) {
      if (node.isMissingNode() || node.isNull()) {
        return new Wanted(otherwise, List.of(), List.of());
      }
      if (node.isBoolean()) {
        return new Wanted(node.booleanValue(), List.of(), List.of());
      }
      JsonNode include = node.isArray() ? node : node.path("include");
      return new Wanted(
          true, QdrantPointReader.names(include), QdrantPointReader.names(node.path("exclude")));
    }

    void put(ObjectNode target, @Nullable String payload) {
      if (!any) {
        return;
      }
      if (payload == null) {
        target.putObject(PAYLOAD);
      } else if (only.isEmpty() && not.isEmpty()) {
        target.putRawValue(PAYLOAD, new RawValue(payload));
      } else {
        ObjectNode all = (ObjectNode) JsonBody.JSON.readTree(payload);
        if (!only.isEmpty()) {
          all.retain(only);
        }
        target.set(PAYLOAD, all.remove(not));
      }
    }
  }

  public static void putId(ObjectNode target, PointId id, @Nullable IdType type) {
    PointId number = type == IdType.UTF8 ? id.asNumber() : null;
    if (number != null && Long.toString(number.number()).equals(id.text())) {
      target.put("id", number.number()); // among texts numbers are kept as text
    } else if (id.text() == null) {
      target.put("id", id.number());
    } else {
      target.put("id", id.text());
    }
  }

  private static void putVector(ObjectNode target, float @Nullable [] vector) {
    if (vector != null) {
      ArrayNode components = target.putArray("vector");
      for (float component : vector) {
        components.add(component);
      }
    }
  }

  /** A point that was asked for. */
  static ObjectNode record(Point point, Wanted wanted, @Nullable IdType type) {
    ObjectNode record = JsonBody.JSON.createObjectNode();
    putId(record, point.id(), type);
    wanted.put(record, point.payload());
    putVector(record, point.vector());
    return record;
  }

  /** A point that was searched for. */
  static ObjectNode hit(Point point, CollectionSettings settings, Wanted wanted) {
    ObjectNode hit = JsonBody.JSON.createObjectNode();
    putId(hit, point.id(), settings.idType());
    hit.put("version", 0);
    hit.put("score", Scores.qdrant(settings.metric(), point.distance()));
    wanted.put(hit, point.payload());
    putVector(hit, point.vector());
    return hit;
  }
}
