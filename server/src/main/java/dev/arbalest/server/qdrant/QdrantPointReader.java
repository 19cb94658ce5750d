// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.server.collection.Collection;
import dev.arbalest.server.collection.PointBuffer;
import dev.arbalest.server.model.FloatArrays;
import dev.arbalest.server.model.JsonBody;
import dev.arbalest.server.model.JsonText;
import dev.arbalest.server.model.PointId;
import dev.arbalest.server.model.ServerException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;

/** Points as Qdrant's clients send them. Stateless. */
final class QdrantPointReader {
  private static final String VECTOR = "vector";
  private static final String PAYLOAD = "payload";

  private QdrantPointReader() {}

  /** Reads the points of an upsert, straight from its bytes into a buffer. */
  static void read(byte[] body, PointBuffer target) {
    JsonText.requireText(body);
    try (JsonParser parser = JsonBody.JSON.createParser(body)) {
      JsonBody.requireToken(parser.nextToken(), JsonToken.START_OBJECT);
      boolean found = false;
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String member = parser.currentName();
        JsonToken value = parser.nextToken();
        if (member.equals("points")) {
          JsonBody.requireToken(value, JsonToken.START_ARRAY);
          while (parser.nextToken() != JsonToken.END_ARRAY) {
            readPoint(parser, body, target);
          }
          found = true;
        } else if (member.equals("batch")) {
          readBatch(JsonBody.read(parser), target);
          found = true;
        } else {
          parser.skipChildren();
        }
      }
      if (!found) {
        throw ServerException.invalid("the request needs \"points\" or \"batch\"");
      }
    } catch (JacksonException e) {
      throw JsonBody.malformed(e);
    }
  }

  private static void readPoint(JsonParser parser, byte[] body, PointBuffer target) {
    JsonBody.requireToken(parser.currentToken(), JsonToken.START_OBJECT);
    PointId id = null;
    String payload = null;
    int components = -1;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String member = parser.currentName();
      JsonToken value = parser.nextToken();
      switch (member) {
        case "id" -> id = PointId.of(JsonBody.read(parser));
        case PAYLOAD -> payload = payload(JsonBody.read(parser));
        case VECTOR -> {
          boolean isNamed = value == JsonToken.START_OBJECT;
          if (isNamed) { // by the empty name, as some clients call the only one
            boolean unnamed =
                parser.nextToken() == JsonToken.PROPERTY_NAME && parser.currentName().isEmpty();
            value = unnamed ? parser.nextToken() : JsonToken.NOT_AVAILABLE;
          }
          if (value != JsonToken.START_ARRAY) {
            throw ServerException.invalid(
                "\"vector\" is an array of numbers; named vectors are not supported");
          }
          int from = (int) parser.currentTokenLocation().getByteOffset();
          components = FloatArrays.parse(body, from, target::set);
          parser.skipChildren();
          if (isNamed) {
            JsonBody.requireToken(parser.nextToken(), JsonToken.END_OBJECT);
          }
        }
        default -> parser.skipChildren();
      }
    }
    if (id == null || components < 0) {
      throw ServerException.invalid("a point needs \"id\" and \"vector\"");
    }
    requireComponents(target, components);
    target.add(id, payload);
  }

  private static void requireComponents(PointBuffer target, int components) {
    if (components != target.dimension()) {
      throw Collection.dimensionMismatch(target.dimension(), components);
    }
  }

  private static void readBatch(JsonNode batch, PointBuffer target) {
    JsonNode ids = batch.path("ids");
    JsonNode vectors = batch.path("vectors");
    JsonNode payloads = batch.path("payloads");
    if (ids.size() != vectors.size() || (payloads.isArray() && payloads.size() != ids.size())) {
      throw ServerException.invalid(
          "a batch has as many ids as vectors and payloads, found "
              + ids.size()
              + ", "
              + vectors.size()
              + " and "
              + payloads.size());
    }
    for (int i = 0; i < ids.size(); i++) {
      float[] vector = JsonBody.toVector(vectors.get(i));
      requireComponents(target, vector.length);
      for (int j = 0; j < vector.length; j++) {
        target.set(j, vector[j]);
      }
      target.add(PointId.of(ids.get(i)), payload(payloads.path(i)));
    }
  }

  /** A payload as it is kept, or null for none. */
  static @Nullable String payload(JsonNode node) {
    if (node.isNull() || node.isMissingNode()) {
      return null;
    }
    if (!node.isObject()) {
      throw ServerException.invalid("a payload is an object, found " + node.getNodeType());
    }
    return node.toString();
  }

  /** Names of members of payloads. */
  static List<String> names(JsonNode array) {
    List<String> names = new ArrayList<>();
    for (JsonNode node : array) {
      String name = node.asString("");
      if (name.contains(".") || name.contains("[")) {
        throw ServerException.invalid(
            "payloads are changed and chosen by the names of their members, found the path "
                + name);
      }
      names.add(name);
    }
    return names;
  }

  /** Ids of points. */
  static List<PointId> ids(JsonNode array) {
    List<PointId> ids = new ArrayList<>();
    array.forEach(id -> ids.add(PointId.of(id)));
    return ids;
  }
}
