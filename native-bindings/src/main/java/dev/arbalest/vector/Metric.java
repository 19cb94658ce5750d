// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vector;

import java.util.Locale;

/**
 * What "near" means. Every distance in Arbalest is smaller-is-nearer, so inner product is negated.
 */
public enum Metric {
  /** Squared Euclidean distance, in [0, +inf). */
  L2,
  /** Negated inner product of vectors of any norm, in (-inf, +inf). */
  DOT,
  /** One minus the cosine, in [0, 2]; vectors are normalised when they enter an index. */
  COSINE;

  /** Name on the command line and in the manifest: {@code l2}, {@code dot} or {@code cosine}. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Parses {@link #label()}.
   *
   * @throws IllegalArgumentException naming the accepted values
   */
  public static Metric parse(String label) {
    for (Metric metric : values()) {
      if (metric.label().equals(label)) {
        return metric;
      }
    }
    throw new IllegalArgumentException("metric must be l2, dot or cosine: " + label);
  }
}
