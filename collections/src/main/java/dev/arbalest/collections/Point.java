// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.SearchResult;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.PointRow;
import dev.arbalest.collections.model.PointId;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A point.
 *
 * @param id what it is known by
 * @param payload attributes as a JSON object, or null
 * @param vector null if it was not asked for
 * @param distance to the query as the engine has it (squared for l2), 0 if there was none
 */
@SuppressWarnings("ArrayRecordComponent") // never compared as a whole
public record Point(
    PointId id, @Nullable String payload, float @Nullable [] vector, float distance) {
  /** A point to be written. */
  public static Point of(PointId id, float[] vector, @Nullable String payload) {
    return new Point(id, payload, vector, 0);
  }

  /** The points of rows, in their order; those without a vector are left out. */
  static List<Point> ofRows(
      @Nullable Index index, List<@Nullable PointRow> rows, boolean withVectors)
      throws IOException {
    List<Point> points = new ArrayList<>();
    if (index == null) {
      return points;
    }
    IdType type = index.idType();
    for (PointRow row : rows) {
      if (row == null) {
        continue;
      }
      Ids one = PointId.toIds(List.of(row.id()), type);
      float[] vector = withVectors ? index.vector(one, 0) : null;
      if (withVectors ? vector != null : index.contains(one, 0)) {
        points.add(new Point(row.id(), row.payload(), vector, 0));
      }
    }
    return points;
  }

  /** The points of a search's neighbours, nearest first; those gone meanwhile are left out. */
  static List<Point> ofNeighbors(
      AttributeStore store,
      @Nullable Index index,
      SearchResult result,
      boolean withPayloads,
      boolean withVectors)
      throws IOException {
    List<Point> points = new ArrayList<>();
    if (index == null) {
      return points;
    }
    IdType type = index.idType();
    List<PointId> ids = new ArrayList<>();
    for (int rank = 0; rank < result.size(); rank++) {
      ids.add(PointId.of(result, rank, type));
    }
    List<@Nullable PointRow> rows = withPayloads ? store.rows(ids) : List.<@Nullable PointRow>of();
    for (int rank = 0; rank < ids.size(); rank++) {
      PointId id = ids.get(rank);
      PointRow row = withPayloads ? rows.get(rank) : null;
      float[] vector = withVectors ? index.vector(PointId.toIds(List.of(id), type), 0) : null;
      boolean isGone = (withPayloads && row == null) || (withVectors && vector == null);
      if (!isGone) {
        points.add(
            new Point(id, row == null ? null : row.payload(), vector, result.distance(rank)));
      }
    }
    return points;
  }
}
