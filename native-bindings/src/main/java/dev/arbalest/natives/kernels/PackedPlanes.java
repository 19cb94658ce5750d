// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A query against codes of {@link BitDistance}'s kind that have few components and many bits: their
 * planes lie one after another without gaps and are taken eight longs (a row, one cache line) at a
 * time, whatever planes those belong to. A plane of 256 components alone would leave half the lanes
 * of a vector register idle.
 *
 * <p>Code: {@code codeBits} planes of {@code words} longs, lowest first, padded with zeros to whole
 * rows. Holds the query laid out to match; one per searching thread, not thread-safe. Nothing
 * allocates after construction.
 */
public final class PackedPlanes {
  private static final int ROW_WORDS = 8;
  private static final int ROW_BYTES = 8 * ROW_WORDS;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Products beyond this could pass 32 bits. */
  private static final int MAX_COMPONENTS = 65_536;

  private final int words;
  private final int codeBits;
  private final int queryBits;
  private final int rows;

  /** Per row: {@code queryBits} rows of query, then one of shifts. */
  private final MemorySegment table;

  /**
   * Makes room for a query.
   *
   * @param words longs per plane, at least 1
   * @param codeBits planes of a code, in [1, {@value BitDistance#MAX_BITS}]
   * @param queryBits planes of the query, in [1, {@value BitDistance#MAX_BITS}]
   * @param memory where it goes; must outlive this
   */
  public PackedPlanes(int words, int codeBits, int queryBits, SegmentAllocator memory) {
    if (words < 1 || 64L * words > MAX_COMPONENTS) {
      throw new IllegalArgumentException("words must be in [1, 1024]: " + words);
    }
    if (codeBits < 1
        || codeBits > BitDistance.MAX_BITS
        || queryBits < 1
        || queryBits > BitDistance.MAX_BITS) {
      throw new IllegalArgumentException(
          "bits must be in [1, " + BitDistance.MAX_BITS + "]: " + queryBits + ", " + codeBits);
    }
    this.words = words;
    this.codeBits = codeBits;
    this.queryBits = queryBits;
    this.rows = rows(words, codeBits);
    this.table = memory.allocate((long) rows * (queryBits + 1) * ROW_BYTES, ROW_BYTES);
    table.fill((byte) 0);
    for (int place = 0; place < words * codeBits; place++) {
      long row = (long) (place / ROW_WORDS) * (queryBits + 1) + queryBits;
      table.set(LONG, row * ROW_BYTES + 8L * (place % ROW_WORDS), (long) (place / words));
    }
  }

  private static int rows(int words, int codeBits) {
    return (words * codeBits + ROW_WORDS - 1) / ROW_WORDS;
  }

  /** Bytes of a code: whole rows. */
  public static int codeBytes(int words, int codeBits) {
    return rows(words, codeBits) * ROW_BYTES;
  }

  /** Sets components {@code [64 * word, 64 * word + 64)} of a plane of the query. */
  public void setQuery(int plane, int word, long bits) {
    java.util.Objects.checkIndex(plane, queryBits);
    java.util.Objects.checkIndex(word, words);
    for (int place = word; place < words * codeBits; place += words) {
      long row = (long) (place / ROW_WORDS) * (queryBits + 1) + plane;
      table.set(LONG, row * ROW_BYTES + 8L * (place % ROW_WORDS), bits);
    }
  }

  /**
   * Computes {@link BitDistance#weightedDifferences} of {@code count} codes: {@code out[i]} belongs
   * to node {@code nodes[from + i]}, whose record starts at {@code node * strideBytes} and begins
   * with the code.
   *
   * @param recordBytes bytes of the record to fetch ahead, at least the code's
   * @throws IndexOutOfBoundsException if a record lies outside the segment
   */
  public void weightedDifferences(
      MemorySegment codes,
      long strideBytes,
      int recordBytes,
      int[] nodes,
      int from,
      int count,
      int[] out) {
    if (recordBytes < rows * ROW_BYTES) {
      throw new IllegalArgumentException("record of " + recordBytes + " bytes is too short");
    }
    java.util.Objects.checkFromIndexSize(from, count, nodes.length);
    java.util.Objects.checkFromIndexSize(0, count, out.length);
    if (count == 0) {
      return;
    }
    AddressSpace.checkRecords(codes, 0, strideBytes, recordBytes, nodes, from, count);
    if (codes.byteSize() > CacheTouch.CACHED_BYTES) {
      // The sum of what was touched must be used, or the compiler drops the loads.
      out[0] =
          (int) CacheTouch.touch(codes.address(), strideBytes, recordBytes, nodes, from, count);
    }
    BitVectorKernels.packed(
        table.address(), queryBits, rows, codes.address(), strideBytes, nodes, from, count, out);
  }
}
