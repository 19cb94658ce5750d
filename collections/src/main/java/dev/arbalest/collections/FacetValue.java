// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

/**
 * A value of a field.
 *
 * @param value a Boolean, Long, Double or String
 * @param count of the points that have it
 */
public record FacetValue(Object value, int count) {}
