// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

/** Makes searches within sets take one plan. */
public final class TestPlans {
  private static final double CHEAP = 1e-6;
  private static final double DEAR = 1e6;

  private TestPlans() {}

  /** Scans sets, whatever their size. */
  public static void alwaysScan(Searcher searcher) {
    searcher.usePlanner(new SetPlanner(new CodeTimes(CHEAP, CHEAP, DEAR)));
  }

  /** Walks inside sets, whatever their size, and scans only if a walk finds too few. */
  public static void alwaysWalk(Searcher searcher) {
    searcher.usePlanner(
        new SetPlanner(new CodeTimes(DEAR, DEAR, CHEAP)) {
          @Override
          double scanNanos(int nodes, int count) {
            return Double.MAX_VALUE;
          }
        });
  }
}
