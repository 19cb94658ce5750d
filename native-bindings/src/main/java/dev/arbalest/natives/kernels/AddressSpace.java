// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;

/**
 * The whole address space as one segment, so that kernels address operands by absolute address and
 * pay no per-operand segment check. Only kernels whose public wrappers have validated every record
 * may use it.
 */
final class AddressSpace {
  /** Offset {@code a} of this segment is the byte at address {@code a}. */
  @SuppressWarnings("restricted") // wrappers validate each record before its address gets here
  static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private AddressSpace() {}

  /**
   * Returns the address of {@code segment[offsetBytes, offsetBytes + lengthBytes)} after checking
   * that the range lies inside the segment.
   *
   * @throws IndexOutOfBoundsException if it does not
   * @throws IllegalArgumentException if the segment is on the heap
   */
  static long address(MemorySegment segment, long offsetBytes, long lengthBytes) {
    long size = segment.byteSize();
    if ((offsetBytes | lengthBytes) < 0 || offsetBytes > size - lengthBytes) {
      throw new IndexOutOfBoundsException(
          "record ["
              + offsetBytes
              + ", +"
              + lengthBytes
              + ") lies outside a segment of "
              + size
              + " bytes");
    }
    if (!segment.isNative()) {
      throw new IllegalArgumentException("kernels need off-heap operands, found a heap segment");
    }
    return segment.address() + offsetBytes;
  }

  /**
   * Checks that the records of {@code count} nodes, {@code recordBytes} each from {@code offset +
   * node * stride}, lie inside a segment off the heap.
   *
   * @throws IndexOutOfBoundsException naming the first node whose record does not
   */
  static void checkRecords(
      MemorySegment segment,
      long offset,
      long stride,
      long recordBytes,
      int[] nodes,
      int from,
      int count) {
    long room = segment.byteSize() - offset - recordBytes;
    if (offset < 0 || stride < 1 || recordBytes < 0 || !segment.isNative()) {
      throw new IllegalArgumentException(
          "records need an off-heap segment, offset >= 0, stride >= 1: " + offset + ", " + stride);
    }
    long limit = room < 0 ? 0 : room / stride + 1;
    int last = (int) Math.min(limit, Integer.MAX_VALUE) - 1;
    int outside = 0; // its sign bit: no branch per node, which the compiler turns into vectors
    for (int i = from; i < from + count; i++) {
      outside |= nodes[i] | (last - nodes[i]);
    }
    if (outside < 0) {
      refuse(nodes, from, count, limit);
    }
  }

  private static void refuse(int[] nodes, int from, int count, long limit) {
    for (int i = from; i < from + count; i++) {
      if (nodes[i] < 0 || nodes[i] >= limit) {
        throw new IndexOutOfBoundsException(
            "the record of node " + nodes[i] + " lies outside a table of " + limit + " records");
      }
    }
  }
}
