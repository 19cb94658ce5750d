// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

/**
 * Chooses between a scan of a set and a walk inside it, by what both cost on this machine. What
 * they are seen to cost corrects the estimates. Thread-safe.
 */
class SetPlanner {
  /** Weight of the newest measurement. */
  private static final double RECENT = 0.1;

  private static final double MAX_CORRECTION = 8;

  private final CodeTimes times;
  private volatile double scanCorrection = 1;
  private volatile double walkCorrection = 1;

  SetPlanner(CodeTimes times) {
    this.times = times;
  }

  /** Scans every set. */
  static SetPlanner alwaysScan() {
    return new SetPlanner(new CodeTimes(1, 1, 1)) {
      @Override
      double walkNanos(int nodes, int count, int degree, int listSize) {
        return Double.MAX_VALUE;
      }
    };
  }

  /** Nanoseconds that a scan of a set is expected to take. */
  double scanNanos(int nodes, int count) {
    return scanCorrection * SetSearch.scanNanos(times, nodes, count);
  }

  /** Nanoseconds that a walk inside a set is expected to take. */
  double walkNanos(int nodes, int count, int degree, int listSize) {
    return walkCorrection * SetSearch.walkNanos(times, nodes, count, degree, listSize);
  }

  /** Notes how long a scan took. */
  void scanned(double expected, double nanos) {
    scanCorrection = corrected(scanCorrection, expected, nanos);
  }

  /** Notes how long a walk took. */
  void walked(double expected, double nanos) {
    walkCorrection = corrected(walkCorrection, expected, nanos);
  }

  /** Updates of several threads may get lost: the next one does as well. */
  private static double corrected(double correction, double expected, double nanos) {
    double seen = correction * nanos / Math.max(1, expected);
    double next = (1 - RECENT) * correction + RECENT * seen;
    return Math.clamp(next, 1 / MAX_CORRECTION, MAX_CORRECTION);
  }
}
