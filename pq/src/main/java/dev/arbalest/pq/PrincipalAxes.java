// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.natives.kernels.F32Matrix;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/**
 * Orthonormal axes that span nearly the directions of greatest variance: subspace iteration
 * (orthogonal iteration, Rutishauser 1970) on the covariance of a sample. How the axes lie within
 * their span is not made more exact than that: a codec rotates them anyway.
 *
 * <p>The result does not depend on the number of workers: every number is computed by one of them,
 * in an order of its own.
 */
final class PrincipalAxes {
  private static final int ITERATIONS = 5;

  /**
   * Added to the diagonal in each pass of the orthonormalisation, as a share of the trace: rows
   * that hardly differ are first brought apart, then made orthonormal.
   */
  private static final double[] SHIFTS = {1e-5, 1e-7, 0};

  /** Rows whose products are added up before the next are taken: they fit the cache. */
  private static final int CHUNK_ROWS = 512;

  private static final int TILE = 64;

  /** Of the mean variance: keeps axes apart where the sample spans too few. */
  private static final double RIDGE = 0.01;

  private final int dimension;
  private final int count;
  private final Workers workers;

  private PrincipalAxes(int dimension, int count, Workers workers) {
    this.dimension = dimension;
    this.count = count;
    this.workers = workers;
  }

  /** Rows to learn from. */
  @FunctionalInterface
  interface Sample {
    /** Sets {@code target} to row {@code i}. */
    void row(int i, float[] target);
  }

  /**
   * Finds axes.
   *
   * @param sample centred rows
   * @param sampleRows how many
   * @param dimension components of a row
   * @param count axes wanted, at most {@code dimension}
   * @param target receives {@code count} rows of {@code dimension} floats
   */
  static void find(
      Sample sample,
      int sampleRows,
      int dimension,
      int count,
      long seed,
      Workers workers,
      MemorySegment target)
      throws IOException {
    PrincipalAxes axes = new PrincipalAxes(dimension, count, workers);
    long axesBytes = 4L * count * dimension;
    try (NativeMemory covariance = NativeMemory.allocate(4L * dimension * dimension);
        NativeMemory current = NativeMemory.allocate(axesBytes);
        NativeMemory next = NativeMemory.allocate(axesBytes)) {
      axes.addCovariance(sample, sampleRows, covariance.segment());
      SplittableRandom random = new SplittableRandom(seed);
      for (long i = 0; i < (long) count * dimension; i++) {
        current.segment().setAtIndex(F32Rows.FLOAT, i, (float) random.nextGaussian());
      }
      axes.orthonormalise(current.segment());
      for (int i = 0; i < ITERATIONS; i++) {
        axes.multiply(current.segment(), covariance.segment(), next.segment());
        axes.orthonormalise(next.segment());
        MemorySegment.copy(next.segment(), 0, current.segment(), 0, axesBytes);
      }
      MemorySegment.copy(current.segment(), 0, target, 0, axesBytes);
    }
  }

  private static long[] offsets(int rows, long strideBytes) {
    long[] offsets = new long[rows];
    java.util.Arrays.setAll(offsets, i -> i * strideBytes);
    return offsets;
  }

  /** Sums of products of all pairs of components, with the ridge on the diagonal. */
  private void addCovariance(Sample sample, int sampleRows, MemorySegment covariance)
      throws IOException {
    covariance.fill((byte) 0);
    long[] columns = offsets(dimension, 4L * CHUNK_ROWS);
    float[] row = new float[dimension];
    try (NativeMemory transposed = NativeMemory.allocate(4L * CHUNK_ROWS * dimension)) {
      for (int start = 0; start < sampleRows; start += CHUNK_ROWS) {
        int rows = Math.min(CHUNK_ROWS, sampleRows - start);
        for (int i = 0; i < rows; i++) {
          sample.row(start + i, row);
          for (int j = 0; j < dimension; j++) {
            transposed.segment().setAtIndex(F32Rows.FLOAT, (long) j * CHUNK_ROWS + i, row[j]);
          }
        }
        workers.forRanges(
            dimension,
            TILE,
            (worker, from, to) -> {
              F32Matrix.Scratch scratch = new F32Matrix.Scratch();
              float[] products = new float[(to - from) * TILE];
              // The matrix is symmetric: only tiles up to the diagonal are computed.
              for (int column = 0; column < to; column += TILE) {
                int width = Math.min(TILE, dimension - column);
                F32Matrix.dot(
                    transposed.segment(),
                    columns,
                    from,
                    to - from,
                    transposed.segment(),
                    columns,
                    column,
                    width,
                    rows,
                    products,
                    0,
                    scratch);
                add(covariance, from, to - from, column, width, products);
              }
            });
      }
    }
    mirror(covariance);
  }

  private void add(
      MemorySegment covariance, int row, int rows, int column, int columns, float[] products) {
    for (int i = 0; i < rows; i++) {
      long at = (long) (row + i) * dimension + column;
      for (int j = 0; j < columns; j++) {
        float sum = covariance.getAtIndex(F32Rows.FLOAT, at + j) + products[i * columns + j];
        covariance.setAtIndex(F32Rows.FLOAT, at + j, sum);
      }
    }
  }

  /** Completes the symmetric matrix, scaled so that variances are 1 in the mean. */
  private void mirror(MemorySegment covariance) {
    double trace = 0;
    for (int i = 0; i < dimension; i++) {
      trace += covariance.getAtIndex(F32Rows.FLOAT, (long) i * dimension + i);
    }
    double scale = trace > 0 ? dimension / trace : 0;
    for (int i = 0; i < dimension; i++) {
      for (int j = 0; j <= i; j++) {
        long at = (long) i * dimension + j;
        double scaled = scale * covariance.getAtIndex(F32Rows.FLOAT, at);
        float value = (float) (i == j ? scaled + RIDGE : scaled);
        covariance.setAtIndex(F32Rows.FLOAT, at, value);
        covariance.setAtIndex(F32Rows.FLOAT, (long) j * dimension + i, value);
      }
    }
  }

  /** {@code target = axes * covariance}. */
  private void multiply(MemorySegment axes, MemorySegment covariance, MemorySegment target)
      throws IOException {
    long stride = 4L * dimension;
    long[] axisOffsets = offsets(count, stride);
    long[] rowOffsets = offsets(dimension, stride);
    workers.forRanges(
        dimension,
        TILE,
        (worker, from, to) -> {
          F32Matrix.Scratch scratch = new F32Matrix.Scratch();
          float[] products = new float[count * (to - from)];
          F32Matrix.dot(
              axes,
              axisOffsets,
              0,
              count,
              covariance,
              rowOffsets,
              from,
              to - from,
              dimension,
              products,
              0,
              scratch);
          for (int i = 0; i < count; i++) {
            MemorySegment.copy(
                products,
                i * (to - from),
                target,
                F32Rows.FLOAT,
                i * stride + 4L * from,
                to - from);
          }
        });
  }

  /** Shifted Cholesky-QR (Fukaya et al. 2020). */
  private void orthonormalise(MemorySegment axes) throws IOException {
    for (double shift : SHIFTS) {
      solve(axes, cholesky(gram(axes), shift));
    }
  }

  private double[][] gram(MemorySegment axes) throws IOException {
    long[] offsets = offsets(count, 4L * dimension);
    double[][] gram = new double[count][count];
    workers.forRanges(
        count,
        TILE,
        (worker, from, to) -> {
          float[] products = new float[(to - from) * count];
          F32Matrix.dot(
              axes,
              offsets,
              from,
              to - from,
              axes,
              offsets,
              0,
              count,
              dimension,
              products,
              0,
              new F32Matrix.Scratch());
          for (int i = from; i < to; i++) {
            for (int j = 0; j < count; j++) {
              gram[i][j] = products[(i - from) * count + j];
            }
          }
        });
    return gram;
  }

  /** Lower factor, in place. */
  private static double[][] cholesky(double[][] matrix, double shift) {
    double trace = 0;
    for (int i = 0; i < matrix.length; i++) {
      trace += matrix[i][i];
    }
    for (int i = 0; i < matrix.length; i++) {
      double[] row = matrix[i];
      row[i] += shift * trace;
      for (int j = 0; j <= i; j++) {
        double[] other = matrix[j];
        double sum = row[j];
        for (int k = 0; k < j; k++) {
          sum -= row[k] * other[k];
        }
        row[j] = j == i ? Math.sqrt(sum) : sum / other[j];
      }
    }
    return matrix;
  }

  /** {@code axes = lower^-1 axes}, a range of columns at a time. */
  private void solve(MemorySegment axes, double[][] lower) throws IOException {
    workers.forRanges(
        dimension,
        256,
        (worker, from, to) -> {
          int width = to - from;
          float[][] rows = new float[count][width];
          for (int i = 0; i < count; i++) {
            long at = 4L * ((long) i * dimension + from);
            float[] row = rows[i];
            MemorySegment.copy(axes, F32Rows.FLOAT, at, row, 0, width);
            for (int j = 0; j < i; j++) {
              float factor = (float) lower[i][j];
              float[] other = rows[j];
              for (int k = 0; k < width; k++) {
                row[k] -= factor * other[k];
              }
            }
            float inverse = (float) (1 / lower[i][i]);
            for (int k = 0; k < width; k++) {
              row[k] *= inverse;
            }
            MemorySegment.copy(row, 0, axes, F32Rows.FLOAT, at, width);
          }
        });
  }
}
