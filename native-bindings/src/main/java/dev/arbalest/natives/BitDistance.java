package dev.arbalest.natives;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Inner products of 1-bit codes with a 4-bit query, by exclusive-or and population count: the
 * scoring loop of RaBitQ (Gao and Long, SIGMOD 2024).
 *
 * <p>A code is {@code words} longs; bit 1 stands for +1, bit 0 for -1. The query is {@value
 * #PLANES} planes of as many longs each, plane after plane, where component {@code i} is {@code
 * sum_j 2^j s_ij} with {@code s_ij} = +1 or -1 read from plane {@code j} in the same way: the odd
 * integers in [-15, 15]. The inner product of code and query is then {@code 15 * 64 * words - 2 *
 * weighted}, {@code weighted = sum_j 2^j popcount(code ^ plane_j)}, with no separate count of the
 * code's bits.
 *
 * <p>Stateless and thread-safe; nothing allocates.
 */
public final class BitDistance {
  /** Bits per query component. */
  public static final int PLANES = 4;

  private BitDistance() {}

  /**
   * Computes the weighted difference counts of {@code count} codes: {@code out[i]} belongs to node
   * {@code nodes[from + i]}, whose code starts at {@code codesOffsetBytes + node * strideBytes}.
   *
   * @param planes the query, {@code PLANES * words} longs from its start, 64-byte aligned for speed
   * @param words longs per code, at least 1
   * @throws IndexOutOfBoundsException if a code or the query lies outside its segment
   */
  public static void weightedDifferences(
      MemorySegment planes,
      MemorySegment codes,
      long codesOffsetBytes,
      long strideBytes,
      int words,
      int[] nodes,
      int from,
      int count,
      int[] out) {
    long query = Memory.address(planes, 0, 8L * PLANES * words);
    Objects.checkFromIndexSize(from, count, nodes.length);
    Objects.checkFromIndexSize(0, count, out.length);
    if (count == 0) {
      return;
    }
    for (int i = from; i < from + count; i++) {
      long unused = Memory.address(codes, codesOffsetBytes + nodes[i] * strideBytes, 8L * words);
      assert unused != 0;
    }
    long base = codes.address() + codesOffsetBytes;
    out[0] = (int) BitVectorKernels.touch(base, strideBytes, 8 * words, nodes, from, count);
    BitVectorKernels.weightedDifferences(query, base, strideBytes, words, nodes, from, count, out);
  }
}
