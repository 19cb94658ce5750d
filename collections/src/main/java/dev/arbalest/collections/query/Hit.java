// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.Point;
import org.jspecify.annotations.Nullable;

/**
 * A point that was found.
 *
 * @param score as Qdrant's clients know it
 * @param orderValue the value it was ordered by, a Long or a Double, or null
 */
public record Hit(Point point, float score, @Nullable Number orderValue) {}
