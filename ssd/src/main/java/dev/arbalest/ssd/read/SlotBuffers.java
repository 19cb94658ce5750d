// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.read;

import dev.arbalest.ssd.format.VectorFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/**
 * Buffers for reads of single slots, widened to the alignment the disk needs. On disks that read
 * sectors of 512 bytes a read is exactly the slot; on those that need 4096 it begins up to seven
 * sectors before it.
 */
final class SlotBuffers {
  private final VectorFile geometry;
  private final int alignment;
  private final int[] needed;
  private final int strideBytes;
  private final int[] inner;
  private final MemorySegment memory;

  SlotBuffers(VectorFile geometry, int alignment, int count, SegmentAllocator memory) {
    this.geometry = geometry;
    this.alignment = alignment;
    // A slot may begin anywhere in an alignment, so a widened read can be one alignment longer.
    int widest = alignment <= 512 ? geometry.slotBytes() : geometry.slotBytes() + alignment;
    this.strideBytes = (widest + 4095) / 4096 * 4096;
    this.inner = new int[count];
    this.needed = new int[count];
    this.memory = memory.allocate((long) strideBytes * count, 4096);
  }

  int count() {
    return inner.length;
  }

  MemorySegment memory() {
    return memory;
  }

  /** Start of a buffer, where reads go. */
  long start(int buffer) {
    return (long) strideBytes * buffer;
  }

  /**
   * File offset a read of the first {@code bytes} of {@code slot} begins at; remembers where the
   * slot will lie.
   */
  long fileOffset(long slot, int bytes, int buffer) {
    long exact = geometry.offset(slot);
    long aligned = exact / alignment * alignment;
    inner[buffer] = (int) (exact - aligned);
    needed[buffer] = inner[buffer] + bytes;
    return aligned;
  }

  /** Bytes that must arrive: up to the end of the request. */
  int neededBytes(int buffer) {
    return needed[buffer];
  }

  /** Bytes to read: whole alignments, which may go past the end of the file after the last slot. */
  int readBytes(int buffer) {
    return (needed[buffer] + alignment - 1) / alignment * alignment;
  }

  /** Where the slot lies in memory. */
  long offset(int buffer) {
    return start(buffer) + inner[buffer];
  }
}
