// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class PrincipalAxesTest {
  private static final int DIMENSION = 150;
  private static final int COUNT = 70;

  /** Rows whose component {@code i} has deviation {@code scale / (1 + i)}. */
  private static PrincipalAxes.Sample decaying(F32Rows rows, double scale) {
    return (i, target) -> {
      rows.copyRow(i, target);
      for (int j = 0; j < target.length; j++) {
        target[j] *= (float) (scale / (1 + j));
      }
    };
  }

  private static float[][] find(PrincipalAxes.Sample sample, int rows, int threads)
      throws IOException {
    try (Workers workers = Workers.start(threads);
        NativeMemory target = NativeMemory.allocate(4L * COUNT * DIMENSION)) {
      PrincipalAxes.find(sample, rows, DIMENSION, COUNT, 5, workers, target.segment());
      F32Rows found = new F32Rows(target.segment(), 0, 4L * DIMENSION, COUNT, DIMENSION);
      float[][] axes = new float[COUNT][DIMENSION];
      for (int i = 0; i < COUNT; i++) {
        found.copyRow(i, axes[i]);
      }
      return axes;
    }
  }

  private static void requireOrthonormal(float[][] axes) {
    for (int i = 0; i < axes.length; i++) {
      for (int j = 0; j <= i; j++) {
        double product = 0;
        for (int k = 0; k < DIMENSION; k++) {
          product += axes[i][k] * axes[j][k];
        }
        assertThat(product).as("%s, %s", i, j).isCloseTo(i == j ? 1 : 0, within(1e-4));
      }
    }
  }

  @Test
  void axesHoldNearlyAllTheVarianceAnyCouldAndDoNotDependOnThreads() throws IOException {
    F32Rows rows = TestRows.gaussian(3, 2000, DIMENSION);
    for (double scale : new double[] {1e-12, 1, 1e6}) {
      PrincipalAxes.Sample sample = decaying(rows, scale);
      float[][] axes = find(sample, 2000, 1);
      requireOrthonormal(axes);
      double held = 0;
      double best = 0;
      for (int j = 0; j < DIMENSION; j++) {
        double variance = 1.0 / (1 + j) / (1 + j);
        best += j < COUNT ? variance : 0;
        for (float[] axis : axes) {
          held += variance * axis[j] * axis[j];
        }
      }
      assertThat(held).isBetween(0.999 * best, best * 1.0001);
      assertThat(find(sample, 2000, 3)).isDeepEqualTo(axes);
    }
  }

  @Test
  void samplesThatSpanFewerDirectionsStillGiveOrthonormalAxes() throws IOException {
    F32Rows rows = TestRows.gaussian(4, 3, DIMENSION);
    requireOrthonormal(find(decaying(rows, 1), 3, 2));
    requireOrthonormal(find(decaying(rows, 1), 1, 2));
    requireOrthonormal(find((i, target) -> java.util.Arrays.fill(target, 0), 5, 2));
  }
}
