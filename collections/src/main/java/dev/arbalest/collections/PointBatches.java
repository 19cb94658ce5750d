// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.LiveIndex;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Writes points from the heap in batches of bounded size. */
final class PointBatches {
  private static final int BATCH_BYTES = 8 << 20;

  private PointBatches() {}

  static void upsert(Collection collection, List<Point> points) {
    CollectionSettings settings = collection.settings();
    int rows = Math.max(1, BATCH_BYTES / (4 * settings.dimension()));
    try (PointBuffer batch =
        PointBuffer.ofRows(settings.dimension(), Math.clamp(points.size(), 1, rows))) {
      for (Point point : points) { // before any is written
        String id = point.id().text();
        if (id != null && !isText(id)) {
          throw CollectionException.invalid("an id has half a surrogate: " + id);
        }
        add(batch, point, settings);
        batch.clear();
      }
      collection.requireIds(points.stream().map(Point::id).toList());
      for (Point point : points) {
        add(batch, point, settings);
        if (batch.isFull()) {
          write(collection, batch);
        }
      }
      write(collection, batch);
    }
  }

  private static void write(Collection collection, PointBuffer batch) {
    var _ = collection.upsert(batch.ids(), batch.payloads(), batch.rows());
    batch.clear();
  }

  private static void add(PointBuffer batch, Point point, CollectionSettings settings) {
    float[] vector = point.vector();
    if (vector == null) {
      throw CollectionException.invalid("point " + point.id() + " has no vector");
    }
    if (vector.length != settings.dimension()) {
      throw CollectionException.invalid(
          "point "
              + point.id()
              + ": expected a vector of "
              + settings.dimension()
              + " components, found "
              + vector.length);
    }
    MemorySegment.copy(vector, 0, batch.memory(), F32Rows.FLOAT, batch.nextOffset(), vector.length);
    String problem = LiveIndex.problemOf(batch.next(), 0, settings.metric());
    if (!problem.isEmpty()) {
      throw CollectionException.invalid("point " + point.id() + ": " + problem);
    }
    batch.add(point.id(), payload(point));
  }

  /** The payload as it is kept, which is JSON that the database reads, too. */
  private static @Nullable String payload(Point point) {
    String payload = point.payload();
    if (payload == null) {
      return null;
    }
    JsonNode node;
    try {
      node = JsonMapper.shared().readTree(payload);
    } catch (JacksonException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID,
          "point " + point.id() + ": its payload is no JSON: " + e.getOriginalMessage(),
          0,
          e);
    }
    if (!node.isObject()) {
      throw CollectionException.invalid(
          "point " + point.id() + ": its payload is no JSON object, but " + JsonText.shorten(node));
    }
    String text = node.toString();
    if (!isText(text)) {
      throw CollectionException.invalid(
          "point " + point.id() + ": its payload has half a surrogate");
    }
    return text;
  }

  private static boolean isText(String text) {
    return StandardCharsets.UTF_8.newEncoder().canEncode(text);
  }
}
