// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.LiveIndex;
import dev.arbalest.WriteReceipt;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonText;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Writes points from the heap in batches of bounded size. */
final class PointBatches {
  private static final int BATCH_BYTES = 8 << 20;

  private PointBatches() {}

  /** Looks at the ids of all points, before the first is written. */
  @FunctionalInterface
  interface Check {
    void ids(List<PointId> ids);
  }

  /** Writes a batch. */
  @FunctionalInterface
  interface Batch {
    WriteReceipt write(List<PointId> ids, List<@Nullable String> payloads, F32Rows vectors);
  }

  /** Writes points of a collection with some settings, all of which are checked first. */
  static void write(List<Point> points, CollectionSettings settings, Check check, Batch batch) {
    int rows = Math.max(1, BATCH_BYTES / (4 * settings.dimension()));
    try (PointBuffer buffer =
        PointBuffer.ofRows(settings.dimension(), Math.clamp(points.size(), 1, rows))) {
      for (Point point : points) {
        String id = point.id().text();
        if (id != null && !isText(id)) {
          throw CollectionException.invalid("an id has half a surrogate: " + id);
        }
        add(buffer, point, settings);
        buffer.clear();
      }
      check.ids(points.stream().map(Point::id).toList());
      for (Point point : points) {
        add(buffer, point, settings);
        if (buffer.isFull()) {
          write(buffer, batch);
        }
      }
      write(buffer, batch);
    }
  }

  /** The same points with the vector without a name, for a collection with named vectors. */
  static List<Point> points(List<PointId> ids, List<@Nullable String> payloads, F32Rows vectors) {
    List<Point> points = new ArrayList<>();
    for (int row = 0; row < ids.size(); row++) {
      float[] components = new float[vectors.dimension()];
      MemorySegment.copy(
          vectors.memory(), F32Rows.FLOAT, vectors.offset(row), components, 0, components.length);
      PointVector vector = new PointVector.Dense(components);
      points.add(Point.of(ids.get(row), Map.of("", vector), payloads.get(row)));
    }
    return points;
  }

  private static void write(PointBuffer buffer, Batch batch) {
    WriteReceipt _ = batch.write(buffer.ids(), buffer.payloads(), buffer.rows());
    buffer.clear();
  }

  private static void add(PointBuffer batch, Point point, CollectionSettings settings) {
    float[] vector = point.dense("");
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
  static @Nullable String payload(Point point) {
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

  static boolean isText(String text) {
    return StandardCharsets.UTF_8.newEncoder().canEncode(text);
  }
}
