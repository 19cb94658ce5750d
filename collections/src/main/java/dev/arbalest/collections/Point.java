// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A point.
 *
 * @param id what it is known by
 * @param payload attributes as a JSON object, or null
 * @param vector of a collection with one vector without a name; null if it was not asked for, or
 *     the collection has named vectors
 * @param vectors of a collection with named vectors, by their names: those that the point has and
 *     that were asked for
 * @param distance to the query as the engine has it (squared for l2), 0 if there was none
 */
@SuppressWarnings("ArrayRecordComponent") // never compared as a whole
public record Point(
    PointId id,
    @Nullable String payload,
    float @Nullable [] vector,
    Map<String, PointVector> vectors,
    float distance) {
  public Point {
    vectors = Map.copyOf(vectors);
  }

  /** A point of a collection with one vector without a name. */
  public Point(PointId id, @Nullable String payload, float @Nullable [] vector, float distance) {
    this(id, payload, vector, Map.of(), distance);
  }

  /** A point to be written. */
  public static Point of(PointId id, float[] vector, @Nullable String payload) {
    return new Point(id, payload, vector, 0);
  }

  /** A point to be written to a collection with named vectors. */
  public static Point of(PointId id, Map<String, PointVector> vectors, @Nullable String payload) {
    return new Point(id, payload, null, vectors, 0);
  }

  /** Its vector of a name, or null. */
  public @Nullable PointVector named(String name) {
    float[] unnamed = vector;
    return name.isEmpty() && unnamed != null ? new PointVector.Dense(unnamed) : vectors.get(name);
  }

  /** Its dense vector of a name, or null. */
  public float @Nullable [] dense(String name) {
    return named(name) instanceof PointVector.Dense dense ? dense.components() : null;
  }
}
