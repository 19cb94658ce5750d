// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.testing.ForSeeds;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** RaBitQ codes, and the rotation they are made in. */
class RaBitQTest {
  @Test
  void rabitqDistancesEqualTheirDefinition() throws IOException {
    F32Rows rows = TestRows.clustered(10, 50, 130, 4);
    for (Metric metric : Metric.values()) {
      try (CodedRows fixture = new CodedRows("rabitq:1", metric, rows, 1)) {
        RaBitQ codec = (RaBitQ) fixture.codec;
        float[] scored = fixture.score(7);
        float[] query = residual(codec, rows, 7);
        double queryNorm = squaredNorm(query);
        double centerDot = 0;
        for (int i = 0; i < 130; i++) {
          centerDot += rows.get(7, i) * codec.center()[i];
        }
        double step = 6 * Math.sqrt(queryNorm / query.length) / 16;
        for (int row = 0; row < 50; row++) {
          float[] vector = residual(codec, rows, row);
          double gain = squaredNorm(vector) / Arrays.stream(boxed(vector)).map(Math::abs).sum();
          double product = 0;
          double rowCenterDot = 0;
          for (int i = 0; i < query.length; i++) {
            double level = Math.clamp((long) Math.floor(query[i] / step), -8, 7);
            product += (vector[i] > 0 ? 1 : -1) * (level + 0.5) * step;
          }
          for (int i = 0; i < 130; i++) {
            rowCenterDot += ((double) rows.get(row, i) - codec.center()[i]) * codec.center()[i];
          }
          double expected =
              switch (metric) {
                case L2 -> squaredNorm(vector) + queryNorm - 2 * gain * product;
                case COSINE -> (squaredNorm(vector) + queryNorm) / 2 - gain * product;
                case DOT -> -centerDot - rowCenterDot - gain * product;
              };
          assertThat((double) scored[row]).isCloseTo(expected, within(2e-4));
        }
      }
    }
  }

  @ForSeeds(30)
  void rotationsKeepInnerProducts(long seed) {
    int dimension = (int) (1 + seed * 53);
    Rotation rotation = new Rotation(dimension, seed);
    F32Rows rows = TestRows.gaussian(seed, 2, dimension);
    float[] a = new float[rotation.paddedDimension()];
    float[] b = new float[rotation.paddedDimension()];
    rows.copyRow(0, a);
    rows.copyRow(1, b);
    double before = dot(a, b);
    double norm = dot(a, a);
    rotation.apply(a);
    rotation.apply(b);
    assertThat(dot(a, b)).isCloseTo(before, within(1e-4 * dimension));
    assertThat(dot(a, a)).isCloseTo(norm, within(1e-4 * dimension));
  }

  @Test
  void aRotationSpreadsASingleCoordinateOverAll() {
    for (int dimension : new int[] {64, 96, 192, 1536, 3072}) {
      Rotation rotation = new Rotation(dimension, 1);
      for (int coordinate : new int[] {0, dimension / 2, dimension - 1}) {
        float[] vector = new float[rotation.paddedDimension()];
        vector[coordinate] = 1;
        rotation.apply(vector);
        double largest = Arrays.stream(boxed(vector)).map(Math::abs).max().orElseThrow();
        assertThat(largest).isLessThan(6 / Math.sqrt(vector.length));
      }
    }
  }

  private static float[] residual(RaBitQ codec, F32Rows rows, int row) {
    float[] vector = new float[codec.rotation().paddedDimension()];
    rows.copyRow(row, vector);
    for (int i = 0; i < codec.center().length; i++) {
      vector[i] -= codec.center()[i];
    }
    codec.rotation().apply(vector);
    return vector;
  }

  private static double squaredNorm(float[] vector) {
    return dot(vector, vector);
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }

  private static double[] boxed(float[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
  }
}
