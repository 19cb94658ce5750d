// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.PointBuffer;
import dev.arbalest.collections.UpsertCondition;
import dev.arbalest.collections.filter.JsonFilters;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.FloatArrays;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonPaths;
import dev.arbalest.collections.model.JsonPointIds;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.collections.model.PointId;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Points as Qdrant's clients send them. Stateless. */
final class QdrantPointReader {
  private static final String VECTOR = "vector";
  private static final String PAYLOAD = "payload";

  private QdrantPointReader() {}

  /** Members of an upsert beside its points. */
  private static final Set<String> OPTIONS = Set.of("update_filter", "update_mode", "shard_key");

  /**
   * Reads the points of an upsert, straight from its bytes into a buffer.
   *
   * @return which of the points are to be written
   */
  static UpsertCondition read(byte[] body, PointBuffer target) {
    JsonText.requireText(body);
    try (JsonParser parser = JsonBody.JSON.createParser(body)) {
      JsonBody.requireToken(parser.nextToken(), JsonToken.START_OBJECT);
      return read(parser, body, target);
    } catch (JacksonException e) {
      throw JsonBody.malformed(e);
    }
  }

  /** The same of an object that a parser has just entered. */
  static UpsertCondition read(JsonParser parser, byte[] body, PointBuffer target) {
    ObjectNode options = JsonBody.JSON.createObjectNode();
    boolean isBatch = false;
    boolean hasPoints = false;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String member = String.valueOf(parser.currentName());
      JsonToken value = parser.nextToken();
      if (member.equals("points")) {
        JsonBody.requireToken(value, JsonToken.START_ARRAY);
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          readPoint(parser, body, target);
        }
        hasPoints = true;
      } else if (member.equals("batch")) {
        isBatch = true;
        readBatch(JsonBody.read(parser), target);
      } else {
        options.set(member, JsonBody.read(parser));
      }
    }
    UpsertCondition condition = condition(options);
    if (isBatch && hasPoints) {
      throw CollectionException.invalid("the request has \"points\" and a \"batch\": send one");
    }
    if (!isBatch && !hasPoints) {
      throw CollectionException.invalid("the request needs \"points\" or \"batch\"");
    }
    return condition;
  }

  private static UpsertCondition condition(JsonNode node) {
    JsonBody options = JsonBody.of(node, "an upsert");
    options.allow("an upsert", OPTIONS);
    QdrantRequests.refuseShards(options);
    JsonNode mode = options.get("update_mode");
    String name = mode.isMissingNode() || mode.isNull() ? "upsert" : mode.asString("");
    UpsertCondition.Mode which =
        switch (name) {
          case "upsert" -> UpsertCondition.Mode.UPSERT;
          case "insert_only" -> UpsertCondition.Mode.INSERT_ONLY;
          case "update_only" -> UpsertCondition.Mode.UPDATE_ONLY;
          default ->
              throw CollectionException.invalid(
                  "update_mode is upsert, insert_only or update_only, found "
                      + JsonText.shorten(mode));
        };
    return new UpsertCondition(which, JsonFilters.parse(options.get("update_filter")));
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
        case "id" -> id = JsonPointIds.of(JsonBody.read(parser));
        case PAYLOAD -> payload = payload(JsonBody.read(parser));
        case VECTOR -> {
          boolean isNamed = value == JsonToken.START_OBJECT;
          if (isNamed) { // by the empty name, as some clients call the only one
            boolean unnamed =
                parser.nextToken() == JsonToken.PROPERTY_NAME && parser.currentName().isEmpty();
            value = unnamed ? parser.nextToken() : JsonToken.NOT_AVAILABLE;
          }
          if (value != JsonToken.START_ARRAY) {
            throw CollectionException.invalid(
                "\"vector\" is an array of numbers: named vectors, sparse vectors and texts to "
                    + "embed are not supported");
          }
          int from = (int) parser.currentTokenLocation().getByteOffset();
          components = FloatArrays.parse(body, from, target::set);
          parser.skipChildren();
          if (isNamed) {
            JsonBody.requireToken(parser.nextToken(), JsonToken.END_OBJECT);
          }
        }
        default ->
            throw CollectionException.invalid(
                "a point has id, vector and payload, found \"" + member + '"');
      }
    }
    if (id == null || components < 0) {
      throw CollectionException.invalid("a point needs \"id\" and \"vector\"");
    }
    requireComponents(target, components);
    target.add(id, payload);
  }

  private static void requireComponents(PointBuffer target, int components) {
    if (components != target.dimension()) {
      throw CollectionException.dimensionMismatch(target.dimension(), components);
    }
  }

  private static void readBatch(JsonNode batch, PointBuffer target) {
    JsonBody.of(batch, "a batch").allow("a batch", Set.of("ids", "vectors", "payloads"));
    JsonNode ids = batch.path("ids");
    JsonNode vectors = batch.path("vectors");
    if (vectors.isObject() && vectors.size() == 1) { // by the empty name
      QdrantRequests.requireUnnamed(
          JsonBody.JSON.getNodeFactory().stringNode(vectors.propertyNames().iterator().next()),
          "vectors");
      vectors = vectors.iterator().next();
    }
    if (!ids.isArray() || !vectors.isArray()) {
      throw CollectionException.invalid("a batch needs \"ids\" and \"vectors\", two lists");
    }
    JsonNode payloads = batch.path("payloads");
    if (ids.size() != vectors.size() || (payloads.isArray() && payloads.size() != ids.size())) {
      throw CollectionException.invalid(
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
      target.add(JsonPointIds.of(ids.get(i)), payload(payloads.path(i)));
    }
  }

  /** A payload as it is kept, or null for none. */
  static @Nullable String payload(JsonNode node) {
    if (node.isNull() || node.isMissingNode()) {
      return null;
    }
    if (!node.isObject()) {
      throw CollectionException.invalid("a payload is an object, found " + node.getNodeType());
    }
    return node.toString();
  }

  /** Paths of fields of payloads. */
  static List<String> paths(JsonNode array) {
    List<String> paths = new ArrayList<>();
    for (JsonNode node : array) {
      String path = QdrantRequests.text(node, "a path of a field");
      JsonPaths.require(path);
      paths.add(path);
    }
    return paths;
  }
}
