// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.model.VectorSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Points drawn by chance, and the nearest of them to each.
 *
 * @param ids of the points
 * @param rows the nearest of each point, in the order of the ids
 */
public record PairMatrix(List<PointId> ids, List<List<Hit>> rows) {
  public static final int DEFAULT_SAMPLE = 10;
  public static final int MAX_SAMPLE = 1000;
  public static final int DEFAULT_LIMIT = 3;

  /**
   * Draws points and compares them.
   *
   * @param using name of the dense vector that is compared
   * @param filter which points may be drawn, or null
   * @param sample points to draw
   * @param limit nearest of each
   */
  public static PairMatrix of(
      QueryEngine engine,
      Collection collection,
      String using,
      @Nullable Filter filter,
      int sample,
      int limit) {
    VectorSpec _ = collection.settings().dense(using);
    Filter has = new Filter.HasVector(using);
    Filter having = filter == null ? has : new Filter.And(List.of(filter, has));
    List<PointId> ids = collection.sample(having, sample);
    List<Point> points =
        collection.retrieve(ids, VectorSelector.of(List.of(using))).stream()
            .filter(point -> point.dense(using) != null)
            .toList();
    List<PointId> there = points.stream().map(Point::id).toList();
    List<List<Hit>> rows = new ArrayList<>();
    Filter within = new Filter.HasId(there);
    for (Point point : points) {
      float[] vector = Objects.requireNonNull(point.dense(using));
      QueryRequest request =
          QueryRequest.by(using, PointQuery.Nearest.to(vector), within, limit + 1);
      rows.add(
          engine
              .run(collection, request, false, VectorSelector.NONE, collectionName -> collection)
              .hits()
              .stream()
              .filter(hit -> !hit.point().id().equals(point.id()))
              .limit(limit)
              .toList());
    }
    return new PairMatrix(there, rows);
  }
}
