// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.collections.model.PointId;
import org.jspecify.annotations.Nullable;

/**
 * A point in the database.
 *
 * @param id of the point
 * @param payload its attributes as a JSON object, or null
 */
public record PointRow(PointId id, @Nullable String payload) {}
