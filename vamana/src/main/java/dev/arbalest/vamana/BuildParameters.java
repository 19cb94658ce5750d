// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

/**
 * How a graph is built.
 *
 * @param degree R: most out-neighbours of a node, in [4, 1024]
 * @param searchListSize L of the searches that find candidates, in [1, 10000]
 * @param alpha how much longer an edge must be than a detour to be left out, in [1, 4], on squared
 *     distances
 * @param fast searches with half the list: about 0.6 of the time, slightly lower recall
 * @param seed chooses the order of insertion
 */
public record BuildParameters(
    int degree, int searchListSize, float alpha, boolean fast, long seed) {

  /**
   * Passes over all nodes: the first makes short edges only, which keeps nodes from overflowing and
   * the second from being slow. One pass with alpha took as long as two with half the list, and its
   * recall was lower by a point and a half.
   */
  public static final int PASSES = 2;

  private static final int MAX_DEGREE = 1024;

  /** Checks the ranges. */
  public BuildParameters {
    if (degree < 4 || degree > MAX_DEGREE) {
      throw new IllegalArgumentException("degree must be in [4, 1024]: " + degree);
    }
    if (searchListSize < 1 || searchListSize > 10_000) {
      throw new IllegalArgumentException("build list must be in [1, 10000]: " + searchListSize);
    }
    if (!(alpha >= 1 && alpha <= 4)) {
      throw new IllegalArgumentException("alpha must be in [1, 4]: " + alpha);
    }
  }

  /** Degree 64, list 100, alpha 1.2, two passes, seed 1. */
  public static BuildParameters defaults() {
    return new BuildParameters(64, 100, 1.2f, false, 1);
  }

  /** Candidates a search of the build keeps. */
  public int effectiveListSize() {
    return fast ? (searchListSize + 1) / 2 : searchListSize;
  }

  /** Degree up to which a node grows before it is pruned back: spares most prunes. */
  public int slackDegree() {
    return Math.min(MAX_DEGREE, degree + degree / 3);
  }
}
