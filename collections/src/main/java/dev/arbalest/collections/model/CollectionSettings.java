// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import dev.arbalest.IdType;
import dev.arbalest.vector.Metric;
import org.jspecify.annotations.Nullable;

/**
 * What a collection is.
 *
 * @param dimension components of its vectors
 * @param metric distance
 * @param idType type of its points' ids, null until the first point comes
 * @param schema columns as a client of Arrow Flight sent them first, as JSON, null if none did
 */
public record CollectionSettings(
    int dimension, Metric metric, @Nullable IdType idType, @Nullable String schema) {
  private static final int MAX_DIMENSION = 65_535;

  public CollectionSettings {
    if (dimension < 1 || dimension > MAX_DIMENSION) {
      throw CollectionException.invalid(
          "dimension must be in [1, " + MAX_DIMENSION + "], found " + dimension);
    }
  }

  /** A collection whose first points will decide what its ids are. */
  public static CollectionSettings of(int dimension, Metric metric) {
    return new CollectionSettings(dimension, metric, null, null);
  }

  public CollectionSettings withIdType(IdType newIdType) {
    return new CollectionSettings(dimension, metric, newIdType, schema);
  }

  public CollectionSettings withSchema(String newSchema) {
    return new CollectionSettings(dimension, metric, idType, newSchema);
  }
}
