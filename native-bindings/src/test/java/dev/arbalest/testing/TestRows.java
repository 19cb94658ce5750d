// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.testing;

import dev.arbalest.vector.F32Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/** Random vectors for tests, in memory that lives as long as they are reachable. */
public final class TestRows {
  private TestRows() {}

  /** Rows with independent normal components. */
  public static F32Rows gaussian(long seed, int count, int dimension) {
    SplittableRandom random = new SplittableRandom(seed);
    F32Rows rows = empty(count, dimension);
    for (int row = 0; row < count; row++) {
      for (int i = 0; i < dimension; i++) {
        rows.memory().set(F32Rows.FLOAT, rows.offset(row) + 4L * i, (float) random.nextGaussian());
      }
    }
    return rows;
  }

  /**
   * Unit rows around {@code clusters} random centres with a common mean: nearer to embeddings than
   * independent components are.
   */
  public static F32Rows clustered(long seed, int count, int dimension, int clusters) {
    SplittableRandom random = new SplittableRandom(seed);
    float[][] centres = new float[clusters][dimension];
    float[] mean = new float[dimension];
    for (int i = 0; i < dimension; i++) {
      mean[i] = (float) random.nextGaussian();
    }
    for (float[] centre : centres) {
      for (int i = 0; i < dimension; i++) {
        centre[i] = mean[i] + (float) random.nextGaussian();
      }
    }
    F32Rows rows = empty(count, dimension);
    float[] row = new float[dimension];
    for (int n = 0; n < count; n++) {
      float[] centre = centres[random.nextInt(clusters)];
      double norm = 0;
      for (int i = 0; i < dimension; i++) {
        row[i] = centre[i] + 0.7f * (float) random.nextGaussian();
        norm += row[i] * row[i];
      }
      for (int i = 0; i < dimension; i++) {
        rows.memory()
            .set(F32Rows.FLOAT, rows.offset(n) + 4L * i, (float) (row[i] / Math.sqrt(norm)));
      }
    }
    return rows;
  }

  /** Rows of small integers: every sum and difference of them is exact in any order. */
  public static F32Rows integers(long seed, int count, int dimension) {
    SplittableRandom random = new SplittableRandom(seed);
    F32Rows rows = empty(count, dimension);
    for (int row = 0; row < count; row++) {
      for (int i = 0; i < dimension; i++) {
        rows.memory().set(F32Rows.FLOAT, rows.offset(row) + 4L * i, random.nextInt(-8, 9));
      }
    }
    return rows;
  }

  private static F32Rows empty(int count, int dimension) {
    MemorySegment memory = Arena.ofAuto().allocate(4L * dimension * Math.max(1, count), 64);
    return new F32Rows(memory, 0, 4L * dimension, count, dimension);
  }
}
