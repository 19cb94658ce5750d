// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

/**
 * A point in a ranking.
 *
 * @param score the more the better
 */
public record ScoredPoint(PointId id, float score) {}
