// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Inner products of float32 queries with vectors stored in narrow types: half floats and signed
 * bytes. Stateless and thread-safe; nothing allocates.
 */
public final class NarrowDistance {
  private NarrowDistance() {}

  /** Factor half-float queries are multiplied by; see {@link #splitHalfQuery}. */
  private static final float HALF_SCALE = 0x1p112f;

  /**
   * Lays a query out for {@link #dotHalf}: components at even places first, then those at odd
   * places, each times 2^112. Half floats come in pairs that share an int; shifted into the place
   * of a float's exponent and fraction they are 2^-112 times their value, which the factor undoes
   * exactly.
   *
   * @param query {@code dimension} floats
   * @param dimension even, at least 2
   * @param target receives {@code dimension} floats, 64-byte aligned for speed
   */
  public static void splitHalfQuery(float[] query, int dimension, MemorySegment target) {
    if (dimension < 2 || dimension % 2 != 0) {
      throw new IllegalArgumentException("dimension must be even: " + dimension);
    }
    for (int i = 0; i < dimension; i++) {
      long place = i % 2 == 0 ? i / 2 : dimension / 2 + i / 2;
      target.set(F32Rows.FLOAT, 4 * place, query[i] * HALF_SCALE);
    }
  }

  /**
   * Inner products with rows of IEEE half floats: {@code out[i]} belongs to node {@code nodes[from
   * + i]}, whose {@code dimension} halves start at {@code rowsOffsetBytes + node * strideBytes}.
   *
   * @param splitQuery laid out by {@link #splitHalfQuery}
   * @param dimension even, at least 2
   * @throws IndexOutOfBoundsException if a row or the query lies outside its segment
   */
  public static void dotHalf(
      MemorySegment splitQuery,
      MemorySegment rows,
      long rowsOffsetBytes,
      long strideBytes,
      int dimension,
      int[] nodes,
      int from,
      int count,
      float[] out) {
    if (dimension < 2 || dimension % 2 != 0) {
      throw new IllegalArgumentException("dimension must be even: " + dimension);
    }
    long query = AddressSpace.address(splitQuery, 0, 4L * dimension);
    long base =
        checkRows(rows, rowsOffsetBytes, strideBytes, 2L * dimension, nodes, from, count, out);
    NarrowVectorKernels.dotHalf(query, base, strideBytes, dimension, nodes, from, count, out);
  }

  /**
   * Inner products with rows of signed bytes, as {@link #dotHalf} with one byte per component.
   *
   * @param query {@code dimension} floats from its start, 64-byte aligned for speed
   * @param dimension at least 1
   */
  public static void dotByte(
      MemorySegment query,
      MemorySegment rows,
      long rowsOffsetBytes,
      long strideBytes,
      int dimension,
      int[] nodes,
      int from,
      int count,
      float[] out) {
    long q = AddressSpace.address(query, 0, 4L * dimension);
    long base = checkRows(rows, rowsOffsetBytes, strideBytes, dimension, nodes, from, count, out);
    for (int i = 0; i < count; i++) {
      long row = base + nodes[from + i] * strideBytes;
      out[i] = NarrowVectorKernels.dotByte(q, row, dimension);
    }
  }

  /**
   * Turns a row of signed bytes into floats: {@code target_i = row_i factors_i}.
   *
   * @param factors {@code dimension} floats from their start
   * @param target receives {@code dimension} floats
   * @throws IndexOutOfBoundsException if anything lies outside its segment
   */
  public static void widen(
      MemorySegment rows,
      long rowOffsetBytes,
      MemorySegment factors,
      int dimension,
      MemorySegment target) {
    NarrowVectorKernels.widen(
        AddressSpace.address(rows, rowOffsetBytes, dimension),
        AddressSpace.address(factors, 0, 4L * dimension),
        dimension,
        AddressSpace.address(target, 0, 4L * dimension));
  }

  /**
   * Turns {@code dimension} half floats into floats.
   *
   * @throws IndexOutOfBoundsException if anything lies outside its segment
   */
  public static void widenHalf(
      MemorySegment row,
      long rowOffsetBytes,
      int dimension,
      MemorySegment target,
      long targetOffsetBytes) {
    NarrowVectorKernels.widenHalf(
        AddressSpace.address(row, rowOffsetBytes, 2L * dimension),
        dimension,
        AddressSpace.address(target, targetOffsetBytes, 4L * dimension));
  }

  /** Checks every row and returns the address of node 0. */
  private static long checkRows(
      MemorySegment rows,
      long offset,
      long stride,
      long bytes,
      int[] nodes,
      int from,
      int count,
      float[] out) {
    Objects.checkFromIndexSize(from, count, nodes.length);
    Objects.checkFromIndexSize(0, count, out.length);
    AddressSpace.checkRecords(rows, offset, stride, bytes, nodes, from, count);
    long base = rows.address() + offset;
    if (count > 0 && rows.byteSize() > CacheTouch.CACHED_BYTES) {
      // The sum of what was touched must be used, or the compiler drops the loads.
      out[0] = CacheTouch.touch(base, stride, bytes, nodes, from, count);
    }
    return base;
  }
}
