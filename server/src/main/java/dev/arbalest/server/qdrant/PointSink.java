// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.Point;
import dev.arbalest.collections.PointBuffer;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.FloatArrays;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;

/** Takes points as they are read from JSON. Not thread-safe. */
sealed interface PointSink {
  /**
   * Takes the vectors of the next point.
   *
   * @param parser at their first token
   * @param body that it reads
   */
  void vectors(JsonParser parser, byte[] body);

  /** Takes the vectors of the next point, by name or one without. */
  void vectors(Map<String, JsonNode> vectors);

  /** Takes the point whose vectors came before, if any did. */
  void add(PointId id, @Nullable String payload);

  /** Points with one vector without a name, into a buffer. */
  record ToBuffer(PointBuffer target) implements PointSink {
    @Override
    public void vectors(JsonParser parser, byte[] body) {
      JsonToken value = parser.currentToken();
      boolean isNamed = value == JsonToken.START_OBJECT;
      if (isNamed) { // by the empty name, as some clients call the only one
        boolean isEmpty = parser.nextToken() != JsonToken.PROPERTY_NAME;
        String name = isEmpty ? "" : String.valueOf(parser.currentName());
        if (!name.isEmpty()) {
          throw notOne(name);
        }
        value = isEmpty ? JsonToken.NOT_AVAILABLE : parser.nextToken();
      }
      if (value != JsonToken.START_ARRAY || !JsonBody.hasNumbers(parser, body)) {
        throw notOne("");
      }
      int from = (int) parser.currentTokenLocation().getByteOffset();
      int components = FloatArrays.parse(body, from, target::set);
      parser.skipChildren();
      if (isNamed) {
        JsonBody.requireToken(parser.nextToken(), JsonToken.END_OBJECT);
      }
      requireComponents(components);
    }

    private static CollectionException notOne(String name) {
      return CollectionException.invalid(
          "the collection has one vector, without a name: \"vector\" is an array of numbers"
              + (name.isEmpty() ? "" : ", not a vector named \"" + name + '"'));
    }

    @Override
    public void vectors(Map<String, JsonNode> vectors) {
      JsonNode only = vectors.get("");
      if (only == null || vectors.size() > 1) {
        throw notOne(String.join("\", \"", vectors.keySet()));
      }
      float[] vector = JsonBody.toVector(only);
      requireComponents(vector.length);
      for (int i = 0; i < vector.length; i++) {
        target.set(i, vector[i]);
      }
    }

    private void requireComponents(int components) {
      if (components != target.dimension()) {
        throw CollectionException.dimensionMismatch(target.dimension(), components);
      }
    }

    @Override
    public void add(PointId id, @Nullable String payload) {
      target.add(id, payload);
    }
  }

  /** Points of a collection with named vectors, into a list. */
  final class ToList implements PointSink {
    private final List<Point> points = new ArrayList<>();
    private Map<String, PointVector> next = Map.of();

    List<Point> points() {
      return points;
    }

    @Override
    public void vectors(JsonParser parser, byte[] body) {
      Map<String, PointVector> named = new HashMap<>();
      if (parser.currentToken() == JsonToken.START_OBJECT) {
        while (parser.nextToken() != JsonToken.END_OBJECT) {
          String name = String.valueOf(parser.currentName());
          JsonToken _ = parser.nextToken();
          named.put(name, vector(parser, body));
        }
      } else {
        named.put("", vector(parser, body));
      }
      next = named;
    }

    private static PointVector vector(JsonParser parser, byte[] body) {
      boolean isDense =
          parser.currentToken() == JsonToken.START_ARRAY && JsonBody.hasNumbers(parser, body);
      return isDense
          ? new PointVector.Dense(JsonBody.floats(parser, body))
          : QdrantVectors.of(JsonBody.read(parser));
    }

    @Override
    public void vectors(Map<String, JsonNode> vectors) {
      Map<String, PointVector> named = new HashMap<>();
      vectors.forEach((name, node) -> named.put(name, QdrantVectors.of(node)));
      next = named;
    }

    @Override
    public void add(PointId id, @Nullable String payload) {
      points.add(Point.of(id, next, payload));
      next = Map.of();
    }
  }
}
