// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Objects;

/**
 * Scores 4-bit product-quantizer codes with the table in registers: "fast scan" (André, Kermarrec
 * and Le Scouarnec, VLDB 2015). A table of 16 bytes per subspace is looked up for as many
 * candidates at once as a register has bytes.
 *
 * <p>Codes lie scattered, node by node: byte {@code j} holds subspace {@code 2j} in its low and
 * {@code 2j + 1} in its high half. A batch is first turned so that the same byte of all candidates
 * lies together, eight bytes at a time. Holds the memory that takes; not thread-safe, nothing
 * allocates after construction.
 */
public final class FastScan {
  /** Candidates scored at once. */
  public static final int LANES = FastScanVectorKernels.LANES;

  /** Entries of a subspace's table. */
  public static final int CENTROIDS = 16;

  /** Codes scored at once: as many as a vector has bytes. */
  public static final int BLOCK = LANES;

  private final int codeBytes;
  private final MemorySegment turned;
  private final MemorySegment tables;
  private final short[] sums = new short[2 * LANES];

  /**
   * Makes a scorer.
   *
   * @param codeBytes bytes per code, a multiple of 8: two subspaces each
   * @param memory where its tables go; must outlive it
   */
  public FastScan(int codeBytes, SegmentAllocator memory) {
    if (codeBytes < 8 || codeBytes % 8 != 0) {
      throw new IllegalArgumentException("codeBytes must be a multiple of 8: " + codeBytes);
    }
    this.codeBytes = codeBytes;
    this.turned = memory.allocate((long) codeBytes * LANES, 64);
    this.tables = memory.allocate(2L * codeBytes * CENTROIDS, 64);
  }

  /** Highest table entry with which no sum over all subspaces overflows 16 bits. */
  public int maxEntry() {
    return Math.min(255, 65_535 / (2 * codeBytes));
  }

  /**
   * The tables of a query, to be filled before {@link #score}: byte {@code 16 m + c} is the entry
   * of centroid {@code c} of subspace {@code m}, at most {@link #maxEntry}; tables past the last
   * subspace are zero.
   */
  public MemorySegment tables() {
    return tables;
  }

  /**
   * Sums table entries: {@code out[i]} belongs to node {@code nodes[from + i]}, whose code starts
   * at {@code codesOffsetBytes + node * strideBytes}.
   *
   * @throws IndexOutOfBoundsException if a code lies outside its segment
   */
  public void score(
      MemorySegment codes,
      long codesOffsetBytes,
      long strideBytes,
      int[] nodes,
      int from,
      int count,
      int[] out) {
    Objects.checkFromIndexSize(from, count, nodes.length);
    Objects.checkFromIndexSize(0, count, out.length);
    AddressSpace.checkRecords(codes, codesOffsetBytes, strideBytes, codeBytes, nodes, from, count);
    long base = codes.address() + codesOffsetBytes;
    long scratch = turned.address();
    for (int start = 0; start < count; start += LANES) {
      int size = Math.min(LANES, count - start);
      FastScanVectorKernels.turn(base, strideBytes, codeBytes, nodes, from + start, size, scratch);
      scoreBlock(scratch, size, out, start);
    }
  }

  /**
   * Sums table entries of a block of {@link #BLOCK} codes laid out by byte: {@code out[i]} belongs
   * to the code whose byte {@code j} lies at {@code blockOffsetBytes + j * BLOCK + i}.
   *
   * @throws IndexOutOfBoundsException if the block lies outside its segment
   */
  public void scoreBlock(MemorySegment blocks, long blockOffsetBytes, int[] out) {
    Objects.checkFromIndexSize(0, BLOCK, out.length);
    scoreBlock(
        AddressSpace.address(blocks, blockOffsetBytes, (long) codeBytes * LANES), BLOCK, out, 0);
  }

  private void scoreBlock(long block, int size, int[] out, int outFrom) {
    FastScanVectorKernels.sum(block, codeBytes, tables.address(), sums);
    for (int i = 0; i < size / 2; i++) {
      out[outFrom + 2 * i] = sums[i] & 0xffff;
      out[outFrom + 2 * i + 1] = sums[i + LANES / 2] & 0xffff;
    }
    if (size % 2 != 0) {
      out[outFrom + size - 1] = sums[size / 2] & 0xffff;
    }
  }
}
