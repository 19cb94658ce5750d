// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.collections.model.PointId;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Points a filter accepts in the order of their ids, and the id to go on with.
 *
 * @param points at most as many as asked for
 * @param next id of the next, or null if these were the last
 */
public record PointPage(List<Point> points, @Nullable PointId next) {}
