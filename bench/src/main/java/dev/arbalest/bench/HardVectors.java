// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Kinds of vectors on which approximate search is known to fail: norms that differ, equal and
 * nearly equal vectors, values at the ends of what floats hold, and what users store beside
 * embeddings. Each kind generates rows and queries from a seed.
 */
final class HardVectors {
  /** Directions in which the vectors of {@code latent} vary most. */
  private static final int LATENT_DIMENSION = 32;

  private HardVectors() {}

  /** Rows and queries of one kind, drawn from the same source. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Data(float[][] rows, float[][] queries) {}

  /** Generates vectors of one kind. */
  @FunctionalInterface
  interface Kind {
    /**
     * Makes rows and queries.
     *
     * @param count rows wanted; a kind may make other numbers of them
     * @param queries queries wanted
     */
    Data make(int count, int queries, SplittableRandom random);
  }

  /** Every kind by its name, in the order of the table. */
  static Map<String, Kind> all() {
    Map<String, Kind> kinds = new LinkedHashMap<>();
    kinds.put("gaussian 3", gaussian(3));
    kinds.put("gaussian 17", gaussian(17));
    kinds.put("gaussian 100", gaussian(100));
    kinds.put("latent 96", latent(96));
    kinds.put("latent 1536", latent(1536));
    kinds.put("latent 3072", latent(3072));
    kinds.put("far clusters, sorted", HardVectors::farClusters);
    kinds.put("all equal", (n, q, r) -> data(repeated(1, 64, n, 0, r), normal(q, 64, r)));
    kinds.put("two thirds equal", HardVectors::mostlyEqual);
    kinds.put("each 50 times", (n, q, r) -> data(repeated(n / 50, 64, 50, 0, r), normal(q, 64, r)));
    kinds.put("groups of 100 alike", groups(100, 1e-3));
    kinds.put("groups of 1000 alike", groups(1000, 1e-4));
    kinds.put("constant components", HardVectors::constantComponents);
    kinds.put("offset 1000", (n, q, r) -> data(shift(normal(n, 64, r)), shift(normal(q, 64, r))));
    kinds.put("bits", (n, q, r) -> data(bits(n, r), bits(q, r)));
    kinds.put("sparse", (n, q, r) -> data(sparse(n, r), sparse(q, r)));
    kinds.put("half zero rows", HardVectors::halfZero);
    kinds.put("norms lognormal 0.3", norms(r -> Math.exp(0.3 * r.nextGaussian())));
    kinds.put("norms lognormal 1", norms(r -> Math.exp(r.nextGaussian())));
    kinds.put("norms lognormal 2", norms(r -> Math.exp(2 * r.nextGaussian())));
    kinds.put("gaussian norms lognormal 1", HardVectors::gaussianLognormal);
    kinds.put("heavy tails", HardVectors::heavyTails);
    kinds.put("norms 1e-6 to 1e6", norms(r -> Math.pow(10, 12 * r.nextDouble() - 6)));
    kinds.put("one of norm 1e4", outlier(1e4f));
    kinds.put("one of norm 1e8", outlier(1e8f));
    kinds.put("tiny 1e-18", scaledGaussian(1e-18f));
    kinds.put("denormal 1e-40", scaledGaussian(1e-40f));
    kinds.put("huge 1e17", scaledGaussian(1e17f));
    return kinds;
  }

  private static Data data(float[][] rows, float[][] queries) {
    return new Data(rows, queries);
  }

  private static float[][] normal(int count, int dimension, SplittableRandom random) {
    float[][] rows = new float[count][dimension];
    for (float[] row : rows) {
      for (int i = 0; i < dimension; i++) {
        row[i] = (float) random.nextGaussian();
      }
    }
    return rows;
  }

  private static Kind gaussian(int dimension) {
    return (n, q, r) -> data(normal(n, dimension, r), normal(q, dimension, r));
  }

  private static Kind scaledGaussian(float factor) {
    return (n, q, r) -> data(scale(normal(n, 64, r), factor), scale(normal(q, 64, r), factor));
  }

  private static float[][] scale(float[][] rows, float factor) {
    for (float[] row : rows) {
      multiply(row, factor);
    }
    return rows;
  }

  private static void multiply(float[] row, double factor) {
    for (int i = 0; i < row.length; i++) {
      row[i] = (float) (row[i] * factor);
    }
  }

  /** Vectors of norm 1 that vary in some directions much more than in others, as embeddings do. */
  private static Kind latent(int dimension) {
    return (n, q, r) -> {
      float[][] both = latent(n + q, dimension, r);
      return split(both, n);
    };
  }

  private static Data split(float[][] both, int count) {
    return data(
        java.util.Arrays.copyOf(both, count),
        java.util.Arrays.copyOfRange(both, count, both.length));
  }

  private static float[][] latent(int count, int dimension, SplittableRandom random) {
    int directions = Math.min(dimension, LATENT_DIMENSION);
    float[][] axes = normal(directions, dimension, random);
    float[] mean = normal(1, dimension, random)[0];
    float[][] rows = new float[count][dimension];
    for (float[] row : rows) {
      for (int i = 0; i < dimension; i++) {
        row[i] = (float) (mean[i] + 0.3 * random.nextGaussian());
      }
      for (int axis = 0; axis < directions; axis++) {
        double along = random.nextGaussian() / Math.sqrt(axis + 1);
        for (int i = 0; i < dimension; i++) {
          row[i] += (float) (along * axes[axis][i]);
        }
      }
      double norm = 0;
      for (float component : row) {
        norm += (double) component * component;
      }
      multiply(row, 1 / Math.sqrt(norm));
    }
    return rows;
  }

  /** A norm drawn for each vector. */
  @FunctionalInterface
  private interface Norm {
    double draw(SplittableRandom random);
  }

  /** Embeddings whose norms differ; queries keep norm 1. */
  private static Kind norms(Norm norm) {
    return (n, q, r) -> {
      Data unit = split(latent(n + q, 64, r), n);
      for (float[] row : unit.rows()) {
        multiply(row, norm.draw(r));
      }
      return unit;
    };
  }

  private static Kind outlier(float factor) {
    return (n, q, r) -> {
      Data unit = split(latent(n + q, 64, r), n);
      multiply(unit.rows()[17], factor);
      return unit;
    };
  }

  /** As matrix factorisation gives them. */
  private static Data gaussianLognormal(int count, int queries, SplittableRandom random) {
    float[][] rows = normal(count, 32, random);
    for (float[] row : rows) {
      multiply(row, Math.exp(random.nextGaussian()));
    }
    return data(rows, normal(queries, 32, random));
  }

  /** Student's t of two degrees of freedom, whose variance is infinite, in every component. */
  private static Data heavyTails(int count, int queries, SplittableRandom random) {
    float[][] both = normal(count + queries, 64, random);
    for (float[] row : both) {
      for (int i = 0; i < row.length; i++) {
        row[i] = (float) (row[i] / Math.sqrt(-Math.log(1 - random.nextDouble())));
      }
    }
    return split(both, count);
  }

  private static Data farClusters(int count, int queries, SplittableRandom random) {
    float[][] centers = scale(normal(50, 96, random), 6);
    float[][] rows = new float[count][];
    for (int i = 0; i < count; i++) {
      rows[i] = near(centers[(int) (50L * i / count)], 0.3, random);
    }
    float[][] asked = new float[queries][];
    for (int i = 0; i < queries; i++) {
      asked[i] = near(centers[i % 50], 0.3, random);
    }
    return data(rows, asked);
  }

  private static float[] near(float[] center, double deviation, SplittableRandom random) {
    float[] row = center.clone();
    for (int i = 0; i < row.length; i++) {
      row[i] += (float) (deviation * random.nextGaussian());
    }
    return row;
  }

  /** Some vectors, each several times in a row, all but equal if {@code deviation} is not 0. */
  private static float[][] repeated(
      int different, int dimension, int times, double deviation, SplittableRandom random) {
    float[][] centers = normal(different, dimension, random);
    float[][] rows = new float[different * times][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = near(centers[i / times], deviation, random);
    }
    return rows;
  }

  /** Queries lie near the groups. */
  private static Kind groups(int size, double deviation) {
    return (n, q, r) -> {
      float[][] centers = normal(Math.max(1, n / size), 64, r);
      float[][] rows = new float[centers.length * size][];
      for (int i = 0; i < rows.length; i++) {
        rows[i] = near(centers[i / size], deviation, r);
      }
      float[][] asked = new float[q][];
      for (int i = 0; i < q; i++) {
        asked[i] = near(centers[i % centers.length], 0.1, r);
      }
      return data(rows, asked);
    };
  }

  private static Data mostlyEqual(int count, int queries, SplittableRandom random) {
    float[][] rows = normal(count, 64, random);
    for (int i = 0; i < count; i++) {
      rows[i] = i % 3 == 0 ? rows[i] : rows[1];
    }
    return data(rows, normal(queries, 64, random));
  }

  private static Data constantComponents(int count, int queries, SplittableRandom random) {
    float[][] both = new float[count + queries][64];
    for (float[] row : both) {
      java.util.Arrays.fill(row, (float) random.nextGaussian());
    }
    return split(both, count);
  }

  private static float[][] shift(float[][] rows) {
    for (float[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        row[i] += 1000;
      }
    }
    return rows;
  }

  private static float[][] bits(int count, SplittableRandom random) {
    float[][] rows = new float[count][128];
    for (float[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        row[i] = random.nextBoolean() ? 1 : 0;
      }
    }
    return rows;
  }

  /** Two of 256 components, or three, are not 0. */
  private static float[][] sparse(int count, SplittableRandom random) {
    float[][] rows = new float[count][256];
    for (float[] row : rows) {
      row[random.nextInt(256)] = 1;
      row[random.nextInt(256)] = 1;
      row[random.nextInt(256)] += (float) random.nextDouble();
    }
    return rows;
  }

  private static Data halfZero(int count, int queries, SplittableRandom random) {
    float[][] rows = normal(count, 64, random);
    for (int i = 0; i < count; i += 2) {
      rows[i] = new float[64];
    }
    return data(rows, normal(queries, 64, random));
  }
}
