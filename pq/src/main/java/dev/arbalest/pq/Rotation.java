// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import java.util.SplittableRandom;

/**
 * A random rotation of vectors, padded to a multiple of 64 components, in O(D log D): four rounds
 * of random signs and a Walsh-Hadamard transform, as in the fast Johnson-Lindenstrauss transform
 * (Ailon and Chazelle, 2009). Where the padded size is no power of two, a transform of the largest
 * power of two that fits alternates between the front and the back, and halves are mixed in
 * between, so that every component reaches every other.
 *
 * <p>It is linear and preserves inner products up to rounding. Determined by size and seed alone.
 * Immutable and thread-safe.
 */
public final class Rotation {
  private static final int ROUNDS = 4;
  private static final float HALF_SQRT = (float) Math.sqrt(0.5);

  private final int dimension;
  private final int padded;
  private final int window;
  private final long seed;

  /** Signs of each round, those inside the transform's window scaled to keep norms. */
  private final float[][] signs;

  /**
   * @param dimension components of the vectors, in [1, 65536]
   * @param seed chooses the rotation
   */
  public Rotation(int dimension, long seed) {
    if (dimension < 1 || dimension > 65_536) {
      throw new IllegalArgumentException("dimension must be in [1, 65536]: " + dimension);
    }
    this.dimension = dimension;
    this.padded = (dimension + 63) / 64 * 64;
    this.window = Integer.highestOneBit(padded);
    this.seed = seed;
    this.signs = new float[ROUNDS][padded];
    SplittableRandom random = new SplittableRandom(seed);
    float scale = (float) (1 / Math.sqrt(window));
    for (int round = 0; round < ROUNDS; round++) {
      int start = windowStart(round);
      for (int i = 0; i < padded; i++) {
        float magnitude = i >= start && i < start + window ? scale : 1;
        signs[round][i] = random.nextBoolean() ? magnitude : -magnitude;
      }
    }
  }

  /** Components before padding. */
  public int dimension() {
    return dimension;
  }

  /** Components after padding, a multiple of 64: the length of rotated vectors. */
  public int paddedDimension() {
    return padded;
  }

  /** The seed it was made from. */
  public long seed() {
    return seed;
  }

  /**
   * Rotates {@code vector[0, paddedDimension())} in place; the caller has set the components from
   * {@code dimension()} on to 0.
   */
  public void apply(float[] vector) {
    if (vector.length < padded) {
      throw new IllegalArgumentException(
          "vector needs room for " + padded + " components: " + vector.length);
    }
    for (int round = 0; round < ROUNDS; round++) {
      float[] sign = signs[round];
      for (int i = 0; i < padded; i++) {
        vector[i] *= sign[i];
      }
      hadamard(vector, windowStart(round), window);
      if (window < padded) {
        mixHalves(vector, padded / 2);
      }
    }
  }

  private int windowStart(int round) {
    return round % 2 == 0 ? 0 : padded - window;
  }

  private static void hadamard(float[] x, int start, int length) {
    for (int i = start; i < start + length; i += 8) {
      hadamard8(x, i);
    }
    for (int half = 8; half < length; half *= 2) {
      for (int block = start; block < start + length; block += 2 * half) {
        butterflies(x, block, half);
      }
    }
  }

  private static void hadamard8(float[] x, int i) {
    float a0 = x[i] + x[i + 1];
    float a1 = x[i] - x[i + 1];
    float a2 = x[i + 2] + x[i + 3];
    float a3 = x[i + 2] - x[i + 3];
    float a4 = x[i + 4] + x[i + 5];
    float a5 = x[i + 4] - x[i + 5];
    float a6 = x[i + 6] + x[i + 7];
    float a7 = x[i + 6] - x[i + 7];
    float b0 = a0 + a2;
    float b1 = a1 + a3;
    float b2 = a0 - a2;
    float b3 = a1 - a3;
    float b4 = a4 + a6;
    float b5 = a5 + a7;
    float b6 = a4 - a6;
    float b7 = a5 - a7;
    x[i] = b0 + b4;
    x[i + 1] = b1 + b5;
    x[i + 2] = b2 + b6;
    x[i + 3] = b3 + b7;
    x[i + 4] = b0 - b4;
    x[i + 5] = b1 - b5;
    x[i + 6] = b2 - b6;
    x[i + 7] = b3 - b7;
  }

  private static void butterflies(float[] x, int start, int half) {
    for (int i = start; i < start + half; i++) {
      float a = x[i];
      float b = x[i + half];
      x[i] = a + b;
      x[i + half] = a - b;
    }
  }

  private static void mixHalves(float[] x, int half) {
    for (int i = 0; i < half; i++) {
      float a = x[i];
      float b = x[i + half];
      x[i] = (a + b) * HALF_SQRT;
      x[i + half] = (a - b) * HALF_SQRT;
    }
  }
}
