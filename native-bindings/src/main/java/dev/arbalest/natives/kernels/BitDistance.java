// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Inner products of codes of few bits per component with a rounded query, by exclusive-or and
 * population count: the scoring loop of RaBitQ (Gao and Long, SIGMOD 2024; several bits: Gao et
 * al., SIGMOD 2025).
 *
 * <p>Codes and queries are bit planes of {@code words} longs each, plane after plane. Component
 * {@code i} is {@code sum_b 2^b s_ib} with {@code s_ib} = +1 where bit {@code i} of plane {@code b}
 * is 1, else -1: an odd integer in {@code [-(2^B - 1), 2^B - 1]}. The inner product of code and
 * query is then {@code (2^B - 1)(2^Q - 1) * 64 * words - 2 * weighted}, {@code weighted = sum_bq
 * 2^(b+q) popcount(code_b ^ query_q)}.
 *
 * <p>Stateless and thread-safe; nothing allocates.
 */
public final class BitDistance {
  /** Most planes of a code or a query. */
  public static final int MAX_BITS = 8;

  /** Longs per plane with which no sum passes 32 bits: 65,536 components. */
  private static final int MAX_WORDS = 1024;

  private BitDistance() {}

  /** The largest inner product: of a code and a query whose planes are equal and all ones. */
  public static long fullProduct(int codeBits, int queryBits, int words) {
    return ((1L << codeBits) - 1) * ((1L << queryBits) - 1) * 64 * words;
  }

  /**
   * Computes the weighted difference counts of {@code count} codes: {@code out[i]} belongs to node
   * {@code nodes[from + i]}, whose code starts at {@code codesOffsetBytes + node * strideBytes}.
   *
   * @param query {@code queryBits * words} longs from its start, 64-byte aligned for speed
   * @param queryBits planes of the query, in [1, {@value #MAX_BITS}]
   * @param codeBits planes of a code, in [1, {@value #MAX_BITS}]
   * @param words longs per plane, in [1, 1024]
   * @param out receives the counts as unsigned ints
   * @throws IndexOutOfBoundsException if a code or the query lies outside its segment
   */
  public static void weightedDifferences(
      MemorySegment query,
      int queryBits,
      MemorySegment codes,
      long codesOffsetBytes,
      long strideBytes,
      int codeBits,
      int words,
      int[] nodes,
      int from,
      int count,
      int[] out) {
    if (words < 1 || words > MAX_WORDS) {
      throw new IllegalArgumentException("words must be in [1, " + MAX_WORDS + "]: " + words);
    }
    if (queryBits < 1 || queryBits > MAX_BITS || codeBits < 1 || codeBits > MAX_BITS) {
      throw new IllegalArgumentException(
          "bits must be in [1, " + MAX_BITS + "]: query " + queryBits + ", code " + codeBits);
    }
    long planes = AddressSpace.address(query, 0, 8L * queryBits * words);
    Objects.checkFromIndexSize(from, count, nodes.length);
    Objects.checkFromIndexSize(0, count, out.length);
    if (count == 0) {
      return;
    }
    long codeBytes = 8L * codeBits * words;
    AddressSpace.checkRecords(codes, codesOffsetBytes, strideBytes, codeBytes, nodes, from, count);
    long base = codes.address() + codesOffsetBytes;
    if (codes.byteSize() > CacheTouch.CACHED_BYTES) {
      // The sum of what was touched must be used, or the compiler drops the loads.
      out[0] = (int) CacheTouch.touch(base, strideBytes, codeBytes, nodes, from, count);
    }
    if (codeBits == 1 && queryBits == 4 && words == BitVectorKernels.THREE) {
      BitVectorKernels.oneByFourOfThree(planes, base, strideBytes, nodes, from, count, out);
    } else if (codeBits == 1 && queryBits == 4) {
      BitVectorKernels.oneByFour(planes, base, strideBytes, words, nodes, from, count, out);
    } else if (codeBits == 2) {
      BitVectorKernels.twoBits(
          planes, queryBits, base, strideBytes, words, nodes, from, count, out);
    } else {
      BitVectorKernels.general(
          planes, queryBits, base, strideBytes, codeBits, words, nodes, from, count, out);
    }
  }
}
