// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;

/**
 * Exact distances of float32 vectors in off-heap memory: one pair at a time, or one query against
 * many rows in tiles of {@value #TILE_ROWS}. Stateless and thread-safe; nothing allocates.
 *
 * <p>Tiles keep one accumulator per row, so a row's result does not depend on which rows share its
 * tile: scoring the same row twice gives the same bits in any batch. The single-pair methods use
 * four accumulators and may differ from a tile in the last bits.
 *
 * <p>Query and rows are little-endian floats at any offset; 64-byte alignment of both is fastest.
 * The caller keeps the segments alive for the duration of a call.
 */
public final class F32Distance {
  /** Rows a tile kernel scores at once. */
  public static final int TILE_ROWS = 8;

  /** Where a tile's sums are folded; half a kilobyte for a thread. */
  private static final ThreadLocal<float[]> SCRATCH =
      ThreadLocal.withInitial(() -> new float[F32VectorKernels.SCRATCH]);

  private F32Distance() {}

  /** Inner product of {@code a} and {@code b}, each {@code dimension} floats at its offset. */
  public static float dot(
      MemorySegment a, long aOffsetBytes, MemorySegment b, long bOffsetBytes, int dimension) {
    return F32VectorKernels.dot(
        AddressSpace.address(a, aOffsetBytes, 4L * dimension),
        AddressSpace.address(b, bOffsetBytes, 4L * dimension),
        dimension);
  }

  /** Squared Euclidean distance of {@code a} and {@code b}. */
  public static float squaredL2(
      MemorySegment a, long aOffsetBytes, MemorySegment b, long bOffsetBytes, int dimension) {
    return F32VectorKernels.squaredL2(
        AddressSpace.address(a, aOffsetBytes, 4L * dimension),
        AddressSpace.address(b, bOffsetBytes, 4L * dimension),
        dimension);
  }

  /** One minus the cosine of {@code a} and {@code b}; NaN if either has norm 0. */
  public static float cosine(
      MemorySegment a, long aOffsetBytes, MemorySegment b, long bOffsetBytes, int dimension) {
    return F32VectorKernels.cosine(
        AddressSpace.address(a, aOffsetBytes, 4L * dimension),
        AddressSpace.address(b, bOffsetBytes, 4L * dimension),
        dimension);
  }

  /**
   * Inner products of one query with {@code count} rows: {@code out[outFrom + i]} belongs to the
   * row at {@code rowOffsets[from + i]} bytes in {@code rows}.
   *
   * @throws IndexOutOfBoundsException if a row or the query lies outside its segment
   */
  public static void dot(
      MemorySegment query,
      long queryOffsetBytes,
      MemorySegment rows,
      long[] rowOffsets,
      int from,
      int count,
      int dimension,
      float[] out,
      int outFrom) {
    tiles(
        Tile.DOT, query, queryOffsetBytes, rows, rowOffsets, from, count, dimension, out, outFrom);
  }

  /**
   * Splits a vector by axes: {@code products[i] = <vector, axis i>}, and the sum of {@code
   * products[i]} times axis i is taken from {@code rest}. The axes are gone through once, eight at
   * a time.
   *
   * @param axes {@code count} rows of {@code dimension} floats, one after another
   * @param count of axes, a multiple of {@value #TILE_ROWS}
   * @param dimension a multiple of 64
   * @param rest {@code dimension} floats from its start, apart from {@code vector}
   * @throws IndexOutOfBoundsException if anything lies outside its segment
   */
  public static void split(
      MemorySegment vector,
      MemorySegment axes,
      int count,
      int dimension,
      float[] products,
      MemorySegment rest) {
    if (count % TILE_ROWS != 0 || dimension % 64 != 0) {
      throw new IllegalArgumentException(
          "axes must be a multiple of "
              + TILE_ROWS
              + ", dimension of 64: "
              + count
              + ", "
              + dimension);
    }
    long bytes = 4L * dimension;
    long v = AddressSpace.address(vector, 0, bytes);
    long t = AddressSpace.address(rest, 0, bytes);
    long r = AddressSpace.address(axes, 0, bytes * count);
    java.util.Objects.checkFromIndexSize(0, count, products.length);
    float[] scratch = SCRATCH.get();
    for (int i = 0; i < count; i += TILE_ROWS) {
      long r0 = r + bytes * i;
      long r1 = r0 + bytes;
      long r2 = r1 + bytes;
      long r3 = r2 + bytes;
      long r4 = r3 + bytes;
      long r5 = r4 + bytes;
      long r6 = r5 + bytes;
      long r7 = r6 + bytes;
      F32VectorKernels.dot8(
          v, r0, r1, r2, r3, r4, r5, r6, r7, dimension, scratch, products, i, TILE_ROWS);
      F32VectorKernels.subtract8(t, r0, r1, r2, r3, r4, r5, r6, r7, products, i, dimension);
    }
  }

  /** Squared Euclidean distances of one query to {@code count} rows; see {@link #dot}. */
  public static void squaredL2(
      MemorySegment query,
      long queryOffsetBytes,
      MemorySegment rows,
      long[] rowOffsets,
      int from,
      int count,
      int dimension,
      float[] out,
      int outFrom) {
    tiles(Tile.L2, query, queryOffsetBytes, rows, rowOffsets, from, count, dimension, out, outFrom);
  }

  /** Cosine distances of one query to {@code count} rows of any norm; see {@link #dot}. */
  public static void cosine(
      MemorySegment query,
      long queryOffsetBytes,
      MemorySegment rows,
      long[] rowOffsets,
      int from,
      int count,
      int dimension,
      float[] out,
      int outFrom) {
    tiles(
        Tile.COSINE,
        query,
        queryOffsetBytes,
        rows,
        rowOffsets,
        from,
        count,
        dimension,
        out,
        outFrom);
  }

  /**
   * Distances under {@code metric} of vectors as an index stores them: for {@link Metric#COSINE}
   * query and rows have unit norm, so this is {@code 1 - dot}, clamped at 0.
   */
  public static void stored(
      Metric metric,
      MemorySegment query,
      long queryOffsetBytes,
      MemorySegment rows,
      long[] rowOffsets,
      int from,
      int count,
      int dimension,
      float[] out,
      int outFrom) {
    if (metric == Metric.L2) {
      squaredL2(query, queryOffsetBytes, rows, rowOffsets, from, count, dimension, out, outFrom);
      return;
    }
    dot(query, queryOffsetBytes, rows, rowOffsets, from, count, dimension, out, outFrom);
    for (int i = outFrom; i < outFrom + count; i++) {
      out[i] = metric == Metric.DOT ? -out[i] : Math.max(0f, 1f - out[i]);
    }
  }

  private enum Tile {
    DOT,
    L2,
    COSINE
  }

  private static void tiles(
      Tile kernel,
      MemorySegment query,
      long queryOffsetBytes,
      MemorySegment rows,
      long[] rowOffsets,
      int from,
      int count,
      int dimension,
      float[] out,
      int outFrom) {
    long bytes = 4L * dimension;
    long q = AddressSpace.address(query, queryOffsetBytes, bytes);
    java.util.Objects.checkFromIndexSize(from, count, rowOffsets.length);
    java.util.Objects.checkFromIndexSize(outFrom, count, out.length);
    float[] scratch = SCRATCH.get();
    for (int i = 0; i < count; i += TILE_ROWS) {
      // A last tile that is not full scores its last row again: one kernel, one rounding.
      int last = Math.min(count - i, TILE_ROWS) - 1;
      int base = from + i;
      long r0 = AddressSpace.address(rows, rowOffsets[base], bytes);
      long r1 = AddressSpace.address(rows, rowOffsets[base + Math.min(1, last)], bytes);
      long r2 = AddressSpace.address(rows, rowOffsets[base + Math.min(2, last)], bytes);
      long r3 = AddressSpace.address(rows, rowOffsets[base + Math.min(3, last)], bytes);
      long r4 = AddressSpace.address(rows, rowOffsets[base + Math.min(4, last)], bytes);
      long r5 = AddressSpace.address(rows, rowOffsets[base + Math.min(5, last)], bytes);
      long r6 = AddressSpace.address(rows, rowOffsets[base + Math.min(6, last)], bytes);
      long r7 = AddressSpace.address(rows, rowOffsets[base + Math.min(7, last)], bytes);
      int o = outFrom + i;
      switch (kernel) {
        case DOT ->
            F32VectorKernels.dot8(
                q, r0, r1, r2, r3, r4, r5, r6, r7, dimension, scratch, out, o, last + 1);
        case L2 ->
            F32VectorKernels.squaredL2Of8(
                q, r0, r1, r2, r3, r4, r5, r6, r7, dimension, scratch, out, o, last + 1);
        case COSINE ->
            F32VectorKernels.cosine8(
                q, r0, r1, r2, r3, r4, r5, r6, r7, dimension, scratch, out, o, last + 1);
      }
    }
  }
}
