// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

/**
 * Mean recall of some searches.
 *
 * @param recall mean share of the true neighbours that the searches found, in [0, 1]
 * @param standardError of {@code recall}
 * @param samples searches that were checked, at least 1
 */
public record RecallEstimate(double recall, double standardError, int samples) {}
