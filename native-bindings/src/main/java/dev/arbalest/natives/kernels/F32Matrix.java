// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Exact distances of many queries to many rows, all pairs, in register tiles of 4 x 4: about half
 * the time per pair of {@link F32Distance}'s one query against a tile, with the same bits. Operands
 * as there: little-endian floats off the heap at any offset. Stateless and thread-safe; nothing
 * allocates.
 */
public final class F32Matrix {
  /** Queries and rows of a tile. */
  private static final int TILE = 4;

  /** Floats of the widest vector register. */
  private static final int MAX_LANES = 16;

  /** Scratch of one thread for any call. */
  public static final class Scratch {
    private final float[] tile = new float[TILE * TILE];
    private final float[] sums = new float[TILE * TILE * MAX_LANES];

    /** Allocates it. */
    public Scratch() {}
  }

  private F32Matrix() {}

  /**
   * Inner products of all pairs: {@code out[outFrom + i * rowCount + j]} is of the query at {@code
   * queryOffsets[queryFrom + i]} bytes and the row at {@code rowOffsets[rowFrom + j]} bytes.
   *
   * @throws IndexOutOfBoundsException if a query, a row or the result lies outside its place
   */
  public static void dot(
      MemorySegment queries,
      long[] queryOffsets,
      int queryFrom,
      int queryCount,
      MemorySegment rows,
      long[] rowOffsets,
      int rowFrom,
      int rowCount,
      int dimension,
      float[] out,
      int outFrom,
      Scratch scratch) {
    pairs(
        false,
        queries,
        queryOffsets,
        queryFrom,
        queryCount,
        rows,
        rowOffsets,
        rowFrom,
        rowCount,
        dimension,
        out,
        outFrom,
        scratch);
  }

  /** Squared Euclidean distances of all pairs; see {@link #dot}. */
  public static void squaredL2(
      MemorySegment queries,
      long[] queryOffsets,
      int queryFrom,
      int queryCount,
      MemorySegment rows,
      long[] rowOffsets,
      int rowFrom,
      int rowCount,
      int dimension,
      float[] out,
      int outFrom,
      Scratch scratch) {
    pairs(
        true,
        queries,
        queryOffsets,
        queryFrom,
        queryCount,
        rows,
        rowOffsets,
        rowFrom,
        rowCount,
        dimension,
        out,
        outFrom,
        scratch);
  }

  private static void pairs(
      boolean l2,
      MemorySegment queries,
      long[] queryOffsets,
      int queryFrom,
      int queryCount,
      MemorySegment rows,
      long[] rowOffsets,
      int rowFrom,
      int rowCount,
      int dimension,
      float[] out,
      int outFrom,
      Scratch scratch) {
    long bytes = 4L * dimension;
    Objects.checkFromIndexSize(queryFrom, queryCount, queryOffsets.length);
    Objects.checkFromIndexSize(rowFrom, rowCount, rowOffsets.length);
    Objects.checkFromIndexSize(outFrom, Math.multiplyExact(queryCount, rowCount), out.length);
    float[] tile = scratch.tile;
    for (int i = 0; i < queryCount; i += TILE) {
      // Tiles that are not full repeat their last query and row: one kernel, one rounding.
      int lastQuery = Math.min(queryCount - i, TILE) - 1;
      int query = queryFrom + i;
      long q0 = AddressSpace.address(queries, queryOffsets[query], bytes);
      long q1 = AddressSpace.address(queries, queryOffsets[query + Math.min(1, lastQuery)], bytes);
      long q2 = AddressSpace.address(queries, queryOffsets[query + Math.min(2, lastQuery)], bytes);
      long q3 = AddressSpace.address(queries, queryOffsets[query + Math.min(3, lastQuery)], bytes);
      for (int j = 0; j < rowCount; j += TILE) {
        int lastRow = Math.min(rowCount - j, TILE) - 1;
        int row = rowFrom + j;
        long r0 = AddressSpace.address(rows, rowOffsets[row], bytes);
        long r1 = AddressSpace.address(rows, rowOffsets[row + Math.min(1, lastRow)], bytes);
        long r2 = AddressSpace.address(rows, rowOffsets[row + Math.min(2, lastRow)], bytes);
        long r3 = AddressSpace.address(rows, rowOffsets[row + Math.min(3, lastRow)], bytes);
        if (l2) {
          F32MatrixKernels.squaredL2(q0, q1, q2, q3, r0, r1, r2, r3, dimension, scratch.sums, tile);
        } else {
          F32MatrixKernels.dot(q0, q1, q2, q3, r0, r1, r2, r3, dimension, scratch.sums, tile);
        }
        for (int a = 0; a <= lastQuery; a++) {
          System.arraycopy(tile, TILE * a, out, outFrom + (i + a) * rowCount + j, lastRow + 1);
        }
      }
    }
  }
}
