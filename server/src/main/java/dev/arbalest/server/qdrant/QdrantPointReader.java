// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.UpsertCondition;
import dev.arbalest.collections.filter.JsonFilters;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonPaths;
import dev.arbalest.collections.model.JsonPointIds;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.collections.model.PointId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
   * Reads the points of an upsert, straight from its bytes.
   *
   * @return which of the points are to be written
   */
  static UpsertCondition read(byte[] body, PointSink target) {
    JsonText.requireText(body);
    try (JsonParser parser = JsonBody.JSON.createParser(body)) {
      JsonBody.requireToken(parser.nextToken(), JsonToken.START_OBJECT);
      return read(parser, body, target);
    } catch (JacksonException e) {
      throw JsonBody.malformed(e);
    }
  }

  /** The same of an object that a parser has just entered. */
  static UpsertCondition read(JsonParser parser, byte[] body, PointSink target) {
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

  private static void readPoint(JsonParser parser, byte[] body, PointSink target) {
    JsonBody.requireToken(parser.currentToken(), JsonToken.START_OBJECT);
    PointId id = null;
    String payload = null;
    boolean hasVectors = false;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String member = parser.currentName();
      JsonToken value = parser.nextToken();
      switch (member) {
        case "id" -> id = JsonPointIds.of(JsonBody.read(parser));
        case PAYLOAD -> payload = payload(JsonBody.read(parser));
        case VECTOR -> {
          if (value != JsonToken.VALUE_NULL) {
            target.vectors(parser, body);
            hasVectors = true;
          }
        }
        default ->
            throw CollectionException.invalid(
                "a point has id, vector and payload, found \"" + member + '"');
      }
    }
    if (id == null || !hasVectors) {
      throw CollectionException.invalid("a point needs \"id\" and \"vector\"");
    }
    target.add(id, payload);
  }

  private static void readBatch(JsonNode batch, PointSink target) {
    JsonBody.of(batch, "a batch").allow("a batch", Set.of("ids", "vectors", "payloads"));
    JsonNode ids = batch.path("ids");
    JsonNode vectors = batch.path("vectors");
    if (!ids.isArray() || !(vectors.isArray() || vectors.isObject())) {
      throw CollectionException.invalid(
          "a batch needs \"ids\", a list, and \"vectors\", a list or one for each name");
    }
    Map<String, JsonNode> byName =
        vectors.isArray() ? Map.of("", vectors) : QdrantVectors.byName(vectors);
    JsonNode payloads = batch.path("payloads");
    byName.values().forEach(list -> requireSame(ids, list, payloads));
    for (int i = 0; i < ids.size(); i++) {
      Map<String, JsonNode> own = new LinkedHashMap<>();
      for (Map.Entry<String, JsonNode> named : byName.entrySet()) {
        own.put(named.getKey(), named.getValue().get(i));
      }
      target.vectors(own);
      target.add(JsonPointIds.of(ids.get(i)), payload(payloads.path(i)));
    }
  }

  private static void requireSame(JsonNode ids, JsonNode vectors, JsonNode payloads) {
    if (ids.size() != vectors.size() || (payloads.isArray() && payloads.size() != ids.size())) {
      throw CollectionException.invalid(
          "a batch has as many ids as vectors and payloads, found "
              + ids.size()
              + ", "
              + vectors.size()
              + " and "
              + payloads.size());
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
