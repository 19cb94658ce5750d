// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

/** Quantiles of the standard normal distribution. */
final class NormalQuantile {
  private static final int STEPS = 60;
  private static final double FARTHEST = 9;

  private NormalQuantile() {}

  /** The value that a normal variable is below with probability {@code p} in [0, 1]. */
  static double of(double p) {
    double low = -FARTHEST;
    double high = FARTHEST;
    for (int i = 0; i < STEPS; i++) {
      double middle = (low + high) / 2;
      if (distribution(middle) < p) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return (low + high) / 2;
  }

  /** Distribution function, within 1e-7: Abramowitz and Stegun 26.2.17. */
  static double distribution(double x) {
    double t = 1 / (1 + 0.2316419 * Math.abs(x));
    double tail =
        Math.exp(-x * x / 2)
            / Math.sqrt(2 * Math.PI)
            * t
            * (0.319381530
                + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    return x >= 0 ? 1 - tail : tail;
  }
}
