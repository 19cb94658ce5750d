// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

/**
 * A point in the order of a field.
 *
 * @param value the field's: a Long or a Double; of a moment, microseconds from 1970
 */
public record OrderedPoint(PointId id, Number value) {}
