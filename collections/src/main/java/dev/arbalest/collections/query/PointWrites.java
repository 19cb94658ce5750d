// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.LiveIndex;
import dev.arbalest.WriteReceipt;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.PointBuffer;
import dev.arbalest.collections.UpsertCondition;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonPaths;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Writes of points in batches of bounded size, and changes of payloads. Thread-safe. */
public final class PointWrites {
  private final int batchBytes;

  /**
   * Creates it.
   *
   * @param batchBytes bytes of vectors that are written at a time
   */
  public PointWrites(int batchBytes) {
    this.batchBytes = batchBytes;
  }

  /**
   * Refuses points that the collection cannot have, before any of them is written.
   *
   * @throws CollectionException INVALID, naming the first
   */
  public static void check(Collection collection, PointBuffer points) {
    Metric metric = collection.settings().metric();
    F32Rows rows = points.rows();
    for (int row = 0; row < rows.count(); row++) {
      String problem = LiveIndex.problemOf(rows, row, metric);
      if (!problem.isEmpty()) {
        throw CollectionException.invalid("point " + points.ids().get(row) + ": " + problem);
      }
    }
    collection.requireIds(points.ids());
  }

  /** Writes a batch. */
  @FunctionalInterface
  private interface Batch {
    WriteReceipt write(List<PointId> ids, List<@Nullable String> payloads, F32Rows vectors);
  }

  /** Inserts or replaces checked points; returns by how many nanoseconds it was slowed down. */
  public long upsert(Collection collection, PointBuffer points, UpsertCondition condition) {
    return inBatches(
        points, (ids, payloads, vectors) -> collection.upsert(ids, payloads, vectors, condition));
  }

  /**
   * Replaces the vectors of points; returns as {@link #upsert}.
   *
   * @throws CollectionException NOT_FOUND, before any is replaced, if one of the points is not
   *     there
   */
  public long updateVectors(Collection collection, PointBuffer points, @Nullable Filter filter) {
    collection.requirePresent(points.ids());
    return inBatches(points, (ids, _, vectors) -> collection.updateVectors(ids, vectors, filter));
  }

  private long inBatches(PointBuffer points, Batch batch) {
    F32Rows all = points.rows();
    int rows = Math.max(1, batchBytes / (4 * points.dimension()));
    long delay = 0;
    for (int from = 0; from < all.count(); from += rows) {
      int to = Math.min(all.count(), from + rows);
      F32Rows part =
          new F32Rows(
              all.memory(), all.offset(from), all.strideBytes(), to - from, all.dimension());
      WriteReceipt receipt =
          batch.write(points.ids().subList(from, to), points.payloads().subList(from, to), part);
      delay += receipt.delayNanos();
    }
    return delay;
  }

  /**
   * A payload with members set.
   *
   * @param old payload, or null
   * @param path of the object that gets them, or the empty string
   * @param replace whether the object loses the members it has
   */
  public static String merged(
      @Nullable String old, String path, JsonNode members, boolean replace) {
    ObjectNode payload = parse(old);
    if (path.isEmpty()) {
      members.properties().forEach(member -> payload.set(member.getKey(), member.getValue()));
      return payload.toString();
    }
    if (replace) {
      JsonPaths.remove(payload, path);
    }
    JsonPaths.merge(payload, path, members);
    return payload.toString();
  }

  /** A payload without the values at some paths. */
  public static String without(@Nullable String old, List<String> paths) {
    ObjectNode payload = parse(old);
    paths.forEach(path -> JsonPaths.remove(payload, path));
    return payload.toString();
  }

  private static ObjectNode parse(@Nullable String payload) {
    return payload == null
        ? JsonBody.JSON.createObjectNode()
        : (ObjectNode) JsonBody.JSON.readTree(payload);
  }
}
