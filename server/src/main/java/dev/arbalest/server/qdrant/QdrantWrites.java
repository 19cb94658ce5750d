// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

import dev.arbalest.LiveIndex;
import dev.arbalest.WriteReceipt;
import dev.arbalest.server.attributes.Filter;
import dev.arbalest.server.collection.Collection;
import dev.arbalest.server.collection.Collections;
import dev.arbalest.server.collection.PayloadChange;
import dev.arbalest.server.collection.PointBuffer;
import dev.arbalest.server.model.JsonBody;
import dev.arbalest.server.model.ServerException;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Qdrant's REST operations that change points, as functions from request bodies to results. */
public final class QdrantWrites {
  private static final String PAYLOAD = "payload";

  private final Collections collections;
  private final int batchBytes;

  /**
   * Creates it.
   *
   * @param batchBytes bytes of vectors that are inserted at a time
   */
  public QdrantWrites(Collections collections, int batchBytes) {
    this.collections = collections;
    this.batchBytes = batchBytes;
  }

  public JsonNode upsert(String name, byte[] body) {
    Collection collection = collections.get(name);
    int dimension = collection.settings().dimension();
    // A component takes at least two bytes of JSON and four of memory.
    long bytes = Math.min(Integer.MAX_VALUE, 2L * body.length + 4L * dimension);
    long delay = 0;
    try (PointBuffer points = new PointBuffer(dimension, (int) bytes)) {
      QdrantPointReader.read(body, points);
      checkAll(points, collection.settings().metric());
      collection.requireIds(points.ids());
      delay = insert(collection, points);
    }
    ObjectNode result = QdrantReplies.completed();
    if (delay > 0) {
      result.put("delay_ms", delay / 1_000_000);
    }
    return result;
  }

  private static void checkAll(PointBuffer points, Metric metric) {
    F32Rows rows = points.rows();
    for (int row = 0; row < rows.count(); row++) {
      String problem = LiveIndex.problemOf(rows, row, metric);
      if (!problem.isEmpty()) {
        throw ServerException.invalid("point " + points.ids().get(row) + ": " + problem);
      }
    }
  }

  /** Inserts the points batch by batch; returns the delay in nanoseconds. */
  private long insert(Collection collection, PointBuffer points) {
    F32Rows all = points.rows();
    int rows = Math.max(1, batchBytes / (4 * points.dimension()));
    long delay = 0;
    for (int from = 0; from < all.count(); from += rows) {
      int to = Math.min(all.count(), from + rows);
      F32Rows part =
          new F32Rows(
              all.memory(), all.offset(from), all.strideBytes(), to - from, all.dimension());
      WriteReceipt receipt =
          collection.upsert(
              points.ids().subList(from, to), points.payloads().subList(from, to), part);
      delay += receipt.delayNanos();
    }
    return delay;
  }

  public JsonNode delete(String name, byte[] body) {
    Collection collection = collections.get(name);
    JsonBody request = JsonBody.parse(body);
    Filter filter = QdrantFilters.parse(request.get("filter"));
    requireSelector(request, filter);
    int deleted =
        filter == null
            ? collection.delete(QdrantPointReader.ids(request.get("points")))
            : collection.delete(filter);
    return QdrantReplies.completed().put("deleted", deleted);
  }

  /** A request that selects nothing is misspelt: whoever sent it would believe it was done. */
  private static void requireSelector(JsonBody request, @Nullable Filter filter) {
    if (filter == null && !request.get("points").isArray()) {
      throw ServerException.invalid("the request needs \"points\", a list of ids, or a \"filter\"");
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
    Collection collection = collections.get(name);
    JsonBody request = JsonBody.parse(body);
    Filter filter = QdrantFilters.parse(request.get("filter"));
    request.refuse("key", "nested keys of payloads cannot be set alone");
    JsonNode payload = request.get(PAYLOAD);
    List<String> keys = QdrantPointReader.names(request.get("keys"));
    if (operation == PayloadOperation.SET || operation == PayloadOperation.OVERWRITE) {
      if (QdrantPointReader.payload(payload) == null) {
        throw ServerException.invalid("the request needs a \"payload\"");
      }
    }
    requireSelector(request, filter);
    PayloadChange change = old -> changed(operation, old, payload, keys);
    if (filter == null) {
      collection.changePayloads(QdrantPointReader.ids(request.get("points")), change);
    } else {
      collection.changePayloads(filter, change);
    }
    return QdrantReplies.completed();
  }

  private static @Nullable String changed(
      PayloadOperation operation, @Nullable String old, JsonNode payload, List<String> keys) {
    if (operation == PayloadOperation.CLEAR) {
      return null;
    }
    if (operation == PayloadOperation.OVERWRITE) {
      return QdrantPointReader.payload(payload);
    }
    ObjectNode merged =
        old == null ? QdrantReplies.object() : (ObjectNode) JsonBody.JSON.readTree(old);
    if (operation == PayloadOperation.SET) {
      payload.properties().forEach(field -> merged.set(field.getKey(), field.getValue()));
    } else {
      merged.remove(keys);
    }
    return merged.toString();
  }
}
