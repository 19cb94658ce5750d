// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import java.lang.foreign.MemorySegment;

/**
 * Rounds vectors to odd integers of {@code B} bits so that the direction is kept best. One bit
 * leaves no choice but the signs. With more, the step of the grid is chosen among a few around the
 * one that suits normal components best, then single components move to a neighbouring level
 * wherever that brings the direction closer, as the code adjustment of SAQ does.
 *
 * <p>Not thread-safe: holds scratch for one vector.
 */
final class DirectionRounder {
  /**
   * Step sizes in standard deviations that suit normal components, by number of bits (Max 1960).
   */
  private static final double[] NORMAL_STEPS = {
    0, 1.596, 0.9957, 0.586, 0.3352, 0.1881, 0.1041, 0.0569, 0.0308
  };

  private static final double[] STEP_FACTORS = {0.8, 0.9, 1, 1.1, 1.25};
  private static final int ADJUSTMENTS = 2;

  private final int bits;
  private final int limit;
  private final int[] levels;

  DirectionRounder(int bits, int dimension) {
    this.bits = bits;
    this.limit = (1 << bits) - 1;
    this.levels = new int[dimension];
  }

  /**
   * Rounds {@code vector}; the levels are kept for {@link #writePlanes}.
   *
   * @return inner product of the levels and the vector, 0 for the zero vector
   */
  double round(float[] vector, double squaredNorm) {
    if (bits == 1 || squaredNorm == 0) {
      return roundToSigns(vector);
    }
    double deviation = Math.sqrt(squaredNorm / vector.length);
    double bestFactor = 0;
    double bestCosine = Double.NEGATIVE_INFINITY;
    for (double factor : STEP_FACTORS) {
      double cosine = fill(vector, factor * NORMAL_STEPS[bits] * deviation);
      if (cosine > bestCosine) {
        bestCosine = cosine;
        bestFactor = factor;
      }
    }
    double unused = fill(vector, bestFactor * NORMAL_STEPS[bits] * deviation);
    assert unused == bestCosine;
    return adjust(vector);
  }

  private double roundToSigns(float[] vector) {
    double sum = 0;
    for (int i = 0; i < vector.length; i++) {
      levels[i] = vector[i] > 0 ? 1 : -1;
      sum += Math.abs(vector[i]);
    }
    return limit == 1 ? sum : 0;
  }

  /** Sets the levels for a step; returns a figure that orders as their cosine to the vector. */
  private double fill(float[] vector, double step) {
    float inverse = (float) (1 / step);
    double product = 0;
    double squares = 0;
    for (int i = 0; i < vector.length; i++) {
      int level = 2 * (int) Math.floor(vector[i] * inverse) + 1;
      level = Math.min(limit, Math.max(-limit, level));
      levels[i] = level;
      product += level * vector[i];
      squares += level * level;
    }
    return product / Math.sqrt(squares);
  }

  /** Moves components by one level where that raises the cosine; returns the inner product. */
  private double adjust(float[] vector) {
    double product = 0;
    double squares = 0;
    for (int i = 0; i < vector.length; i++) {
      product += levels[i] * vector[i];
      squares += levels[i] * levels[i];
    }
    for (int pass = 0; pass < ADJUSTMENTS; pass++) {
      boolean moved = false;
      for (int i = 0; i < vector.length; i++) {
        // The best real level is where the derivative of the cosine vanishes.
        double wanted = vector[i] * squares / product;
        int level = levels[i];
        int next = wanted > level + 1 ? level + 2 : wanted < level - 1 ? level - 2 : level;
        if (next == level || next > limit || next < -limit) {
          continue;
        }
        double newProduct = product + (next - level) * (double) vector[i];
        double newSquares = squares + next * next - level * level;
        if (newProduct * newProduct * squares > product * product * newSquares) {
          levels[i] = next;
          product = newProduct;
          squares = newSquares;
          moved = true;
        }
      }
      if (!moved) {
        break;
      }
    }
    return product;
  }

  /** Sum of the squares of the levels of the last vector. */
  double squaredLevels() {
    long sum = 0;
    for (int level : levels) {
      sum += (long) level * level;
    }
    return sum;
  }

  /** Writes the levels as bit planes, lowest first: level = sum_b 2^b s_b. */
  void writePlanes(MemorySegment codes, long offset) {
    int words = levels.length / 64;
    for (int word = 0; word < words; word++) {
      for (int bit = 0; bit < bits; bit++) {
        long plane = 0;
        for (int i = 0; i < 64; i++) {
          plane |= (long) ((levels[64 * word + i] + limit) >> 1 >> bit & 1) << i;
        }
        codes.set(RaBitQ.LONG, offset + 8L * (bit * words + word), plane);
      }
    }
  }
}
