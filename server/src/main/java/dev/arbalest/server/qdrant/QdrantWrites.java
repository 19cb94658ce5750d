// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Collections;
import dev.arbalest.collections.PayloadChange;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.PointBuffer;
import dev.arbalest.collections.UpsertCondition;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.JsonFilters;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonPaths;
import dev.arbalest.collections.model.JsonPointIds;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.query.PointWrites;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Qdrant's REST operations that change points, as functions from request bodies to results. */
public final class QdrantWrites {
  private static final String PAYLOAD = "payload";
  private static final int MAX_OPERATIONS = 1000;

  private final Collections collections;
  private final PointWrites writes;

  /**
   * Creates it.
   *
   * @param batchBytes bytes of vectors that are inserted at a time
   */
  public QdrantWrites(Collections collections, int batchBytes) {
    this.collections = collections;
    this.writes = new PointWrites(batchBytes);
  }

  /** A change of points that was read and checked. */
  @FunctionalInterface
  private interface Change {
    ObjectNode make();
  }

  /** A buffer for the vectors that a body may have. */
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  private static PointBuffer buffer(Collection collection, long bodyBytes) {
    int dimension = collection.settings().dimension();
    // A component takes at least two bytes of JSON and four of memory.
    long bytes = Math.min(Integer.MAX_VALUE, 2L * bodyBytes + 4L * dimension);
    return new PointBuffer(dimension, (int) bytes);
  }

  public JsonNode upsert(String name, byte[] body) {
    Collection collection = collections.get(name);
    if (collection.settings().named()) {
      PointSink.ToList points = new PointSink.ToList();
      UpsertCondition condition = QdrantPointReader.read(body, points);
      return completed(collection.upsert(points.points(), condition).delayNanos());
    }
    try (PointBuffer points = buffer(collection, body.length)) {
      UpsertCondition condition = QdrantPointReader.read(body, new PointSink.ToBuffer(points));
      PointWrites.check(collection, points);
      return completed(writes.upsert(collection, points, condition));
    }
  }

  /**
   * Points without payload: vectors of little-endian float32, and in front of them, or numbered
   * from a first one, their ids of little-endian int64.
   *
   * @param hasIds whether the body begins with ids
   * @param firstId otherwise the first, as text
   */
  public JsonNode upsertBinary(String name, byte[] body, boolean hasIds, String firstId) {
    Collection collection = collections.get(name);
    int dimension = collection.settings().dimension();
    if (hasIds == !firstId.isEmpty()) {
      throw CollectionException.invalid(
          "an upsert of bytes needs ids: first_id=NUMBER, or ids=true and the ids in front of the "
              + "vectors");
    }
    PointId first = hasIds ? PointId.of(0) : PointId.of(firstId).asNumber();
    if (first == null || firstId.startsWith("-")) {
      throw CollectionException.invalid(
          "first_id must be a number from 0 to 2^64 - 1, found " + firstId);
    }
    int rowBytes = 4 * dimension + (hasIds ? Long.BYTES : 0);
    if (body.length % rowBytes != 0) {
      throw CollectionException.invalid(
          "the body has " + body.length + " bytes, which are no points of " + rowBytes + " each");
    }
    int count = body.length / rowBytes;
    if (count > 0 && Long.compareUnsigned(first.number() + count - 1, first.number()) < 0) {
      throw CollectionException.invalid(
          "the ids of " + count + " points from " + firstId + " on go beyond 2^64 - 1");
    }
    ByteBuffer bytes = ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN);
    int vectors = hasIds ? Long.BYTES * count : 0;
    try (PointBuffer points = PointBuffer.ofRows(dimension, Math.max(1, count))) {
      for (int i = 0; i < count; i++) {
        int at = vectors + 4 * dimension * i;
        MemorySegment.copy(
            MemorySegment.ofArray(body), at, points.memory(), points.nextOffset(), 4L * dimension);
        points.add(PointId.of(hasIds ? bytes.getLong(Long.BYTES * i) : first.number() + i), null);
      }
      PointWrites.check(collection, points);
      return completed(writes.upsert(collection, points, UpsertCondition.ALWAYS))
          .put("points", count);
    }
  }

  private static ObjectNode completed(long delayNanos) {
    ObjectNode result = QdrantReplies.completed();
    if (delayNanos > 0) {
      result.put("delay_ms", delayNanos / 1_000_000);
    }
    return result;
  }

  /** {@code PUT points/vectors}: new vectors of points that keep their attributes. */
  public JsonNode updateVectors(String name, byte[] body) {
    Collection collection = collections.get(name);
    if (collection.settings().named()) {
      PointSink.ToList points = new PointSink.ToList();
      UpsertCondition condition = QdrantPointReader.read(body, points);
      return updateVectors(collection, points.points(), condition);
    }
    try (PointBuffer points = buffer(collection, body.length)) {
      UpsertCondition condition = QdrantPointReader.read(body, new PointSink.ToBuffer(points));
      return updateVectors(collection, points, condition);
    }
  }

  private static void requireUpdate(
      UpsertCondition condition, List<? extends @Nullable String> payloads) {
    if (payloads.stream().anyMatch(Objects::nonNull)) {
      throw CollectionException.invalid(
          "\"payload\" is of an upsert: here only vectors are updated");
    }
    if (condition.mode() != UpsertCondition.Mode.UPSERT) {
      throw CollectionException.invalid(
          "\"update_mode\" is of an upsert: vectors are only updated");
    }
  }

  private static ObjectNode updateVectors(
      Collection collection, List<Point> points, UpsertCondition condition) {
    requireUpdate(condition, points.stream().map(Point::payload).toList());
    return completed(collection.updateVectors(points, condition.filter()).delayNanos());
  }

  private ObjectNode updateVectors(
      Collection collection, PointBuffer points, UpsertCondition condition) {
    requireUpdate(condition, points.payloads());
    PointWrites.check(collection, points);
    return completed(writes.updateVectors(collection, points, condition.filter()));
  }

  /** {@code points/vectors/delete}: points lose some of their vectors. */
  public JsonNode deleteVectors(String name, byte[] body) {
    return deleteVectors(collections.get(name), JsonBody.parse(body)).make();
  }

  private static Change deleteVectors(Collection collection, JsonBody request) {
    request.allow("the request", Set.of("points", "filter", "vector", "shard_key"));
    Selector selector = Selector.of(request);
    List<String> names = new ArrayList<>();
    request.get("vector").forEach(name -> names.add(QdrantRequests.vectorName(name, "vector")));
    if (names.isEmpty()) {
      throw CollectionException.invalid("the request needs \"vector\", a list of names of vectors");
    }
    collection.requireDeletable(names);
    return () -> {
      Filter filter = selector.filter();
      if (filter == null) {
        collection.deleteVectors(selector.ids(), names);
      } else {
        collection.deleteVectors(filter, names);
      }
      return QdrantReplies.completed();
    };
  }

  public JsonNode delete(String name, byte[] body) {
    return delete(collections.get(name), JsonBody.parse(body)).make();
  }

  private static Change delete(Collection collection, JsonBody request) {
    request.allow("a delete", Set.of("points", "filter", "shard_key"));
    Selector selector = Selector.of(request);
    return () -> {
      Filter filter = selector.filter();
      int deleted = filter == null ? collection.delete(selector.ids()) : collection.delete(filter);
      return QdrantReplies.completed().put("deleted", deleted);
    };
  }

  /** Which points a request is about: some ids, or those a filter accepts. */
  private record Selector(List<PointId> ids, @Nullable Filter filter) {
    /** A request that selects nothing is misspelt: whoever sent it would believe it was done. */
    static Selector of(JsonBody request) {
      QdrantRequests.refuseShards(request);
      Filter filter = JsonFilters.parse(request.get("filter"));
      JsonNode points = request.get("points");
      if (filter == null && !points.isArray()) {
        throw CollectionException.invalid(
            "the request needs \"points\", a list of ids, or a \"filter\"");
      }
      if (filter != null && points.isArray()) {
        throw CollectionException.invalid("the request has \"points\" and a \"filter\": send one");
      }
      return new Selector(JsonPointIds.list(points), filter);
    }
  }

  /** What an operation on payloads does. */
  public enum PayloadOperation {
    SET,
    OVERWRITE,
    DELETE,
    CLEAR
  }

  public JsonNode changePayload(String name, PayloadOperation operation, byte[] body) {
    return changePayload(collections.get(name), operation, JsonBody.parse(body)).make();
  }

  private static Change changePayload(
      Collection collection, PayloadOperation operation, JsonBody request) {
    boolean isSetting =
        operation == PayloadOperation.SET || operation == PayloadOperation.OVERWRITE;
    request.allow(
        "the request",
        isSetting
            ? Set.of(PAYLOAD, "points", "filter", "key", "shard_key")
            : operation == PayloadOperation.DELETE
                ? Set.of("keys", "points", "filter", "shard_key")
                : Set.of("points", "filter", "shard_key"));
    Selector selector = Selector.of(request);
    JsonNode payload = request.get(PAYLOAD);
    if (isSetting && QdrantPointReader.payload(payload) == null) {
      throw CollectionException.invalid("the request needs a \"payload\"");
    }
    JsonNode keyNode = request.get("key");
    String key =
        keyNode.isMissingNode() || keyNode.isNull() ? "" : QdrantRequests.text(keyNode, "key");
    if (!key.isEmpty()) {
      JsonPaths.require(key);
    }
    List<String> keys = QdrantPointReader.paths(request.get("keys"));
    if (operation == PayloadOperation.DELETE && !request.get("keys").isArray()) {
      throw CollectionException.invalid("the request needs \"keys\", a list of paths of fields");
    }
    PayloadChange change = old -> changed(operation, old, payload, key, keys);
    return () -> {
      Filter filter = selector.filter();
      if (filter == null) {
        collection.changePayloads(selector.ids(), change);
      } else {
        collection.changePayloads(filter, change);
      }
      return QdrantReplies.completed();
    };
  }

  private static @Nullable String changed(
      PayloadOperation operation,
      @Nullable String old,
      JsonNode payload,
      String key,
      List<String> keys) {
    return switch (operation) {
      case CLEAR -> null;
      case OVERWRITE ->
          key.isEmpty()
              ? QdrantPointReader.payload(payload)
              : PointWrites.merged(old, key, payload, true);
      case SET -> PointWrites.merged(old, key, payload, false);
      case DELETE -> PointWrites.without(old, keys);
    };
  }

  /**
   * {@code points/batch}: several changes, made in their order. All are read and checked before the
   * first is made.
   */
  public JsonNode batch(String name, byte[] body) {
    Collection collection = collections.get(name);
    JsonText.requireText(body);
    List<Change> changes = new ArrayList<>();
    List<PointBuffer> buffers = new ArrayList<>();
    try (JsonParser parser = JsonBody.JSON.createParser(body)) {
      JsonBody.requireToken(parser.nextToken(), JsonToken.START_OBJECT);
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        if (!"operations".equals(parser.currentName())) {
          throw CollectionException.invalid(
              "a batch has \"operations\", a list, found \"" + parser.currentName() + '"');
        }
        JsonBody.requireToken(parser.nextToken(), JsonToken.START_ARRAY);
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          if (changes.size() == MAX_OPERATIONS) {
            throw CollectionException.invalid(
                "a batch has at most " + MAX_OPERATIONS + " operations");
          }
          changes.add(operation(collection, parser, body, buffers));
        }
      }
      ArrayNode results = QdrantReplies.array();
      changes.forEach(change -> results.add(change.make()));
      return results;
    } catch (JacksonException e) {
      throw JsonBody.malformed(e);
    } finally {
      buffers.forEach(PointBuffer::close);
    }
  }

  private Change operation(
      Collection collection, JsonParser parser, byte[] body, List<PointBuffer> buffers) {
    JsonBody.requireToken(parser.currentToken(), JsonToken.START_OBJECT);
    JsonBody.requireToken(parser.nextToken(), JsonToken.PROPERTY_NAME);
    String operation = String.valueOf(parser.currentName());
    JsonBody.requireToken(parser.nextToken(), JsonToken.START_OBJECT);
    Change change;
    switch (operation) {
      case "upsert", "update_vectors" -> {
        if (collection.settings().named()) {
          change = namedPoints(collection, operation, parser, body);
          break;
        }
        long from = parser.currentTokenLocation().getByteOffset();
        PointBuffer points = buffer(collection, body.length - from);
        buffers.add(points);
        UpsertCondition condition =
            QdrantPointReader.read(parser, body, new PointSink.ToBuffer(points));
        PointWrites.check(collection, points);
        boolean isUpsert = operation.equals("upsert");
        change =
            isUpsert
                ? () -> completed(writes.upsert(collection, points, condition))
                : () -> updateVectors(collection, points, condition);
      }
      case "delete" -> change = delete(collection, JsonBody.object(parser, body));
      case "set_payload" -> change = payload(collection, PayloadOperation.SET, parser, body);
      case "overwrite_payload" ->
          change = payload(collection, PayloadOperation.OVERWRITE, parser, body);
      case "delete_payload" -> change = payload(collection, PayloadOperation.DELETE, parser, body);
      case "clear_payload" -> change = payload(collection, PayloadOperation.CLEAR, parser, body);
      case "delete_vectors" -> change = deleteVectors(collection, JsonBody.object(parser, body));
      default ->
          throw CollectionException.invalid(
              "an operation is upsert, update_vectors, delete, set_payload, overwrite_payload, "
                  + "delete_payload, clear_payload or delete_vectors, found \""
                  + operation
                  + '"');
    }
    JsonBody.requireToken(parser.nextToken(), JsonToken.END_OBJECT);
    return change;
  }

  private static Change namedPoints(
      Collection collection, String operation, JsonParser parser, byte[] body) {
    PointSink.ToList sink = new PointSink.ToList();
    UpsertCondition condition = QdrantPointReader.read(parser, body, sink);
    List<Point> points = collection.checkNamed(sink.points());
    if (operation.equals("upsert")) {
      return () -> completed(collection.upsert(points, condition).delayNanos());
    }
    requireUpdate(condition, points.stream().map(Point::payload).toList());
    return () -> updateVectors(collection, points, condition);
  }

  private static Change payload(
      Collection collection, PayloadOperation operation, JsonParser parser, byte[] body) {
    return changePayload(collection, operation, JsonBody.object(parser, body));
  }
}
