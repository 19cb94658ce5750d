// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import dev.arbalest.natives.DirectFile;
import dev.arbalest.ssd.format.VectorFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/**
 * Writes single slots of the vector file, neighbouring ones together. On disks that write more than
 * 512 bytes at a time what lies around them is read first and written again as it is. One thread.
 */
public final class SlotWriter {
  private static final int STAGING_BYTES = 1 << 20;

  private final DirectFile file;
  private final VectorFile geometry;
  private final int alignment;
  private final MemorySegment staging;
  private final int most;
  private int first;
  private int count;

  public SlotWriter(DirectFile file, VectorFile geometry, SegmentAllocator memory) {
    this(file, geometry, memory, file.alignmentBytes());
  }

  /** The same as if the disk wrote {@code alignment} bytes at a time. */
  public SlotWriter(DirectFile file, VectorFile geometry, SegmentAllocator memory, int alignment) {
    this.file = file;
    this.geometry = geometry;
    this.alignment = alignment;
    this.most = Math.max(1, STAGING_BYTES / geometry.slotBytes());
    long bytes = (long) most * geometry.slotBytes() + 3L * alignment;
    this.staging = memory.allocate((bytes + 4095) / 4096 * 4096, 4096);
  }

  /** Offset in {@link #image} at which the caller puts a slot's image before the next call. */
  public long place(int slot) throws IOException {
    if (count > 0 && (slot != first + count || count == most)) {
      flush();
    }
    if (count == 0) {
      first = slot;
    }
    return before() + (long) geometry.slotBytes() * count++;
  }

  /** Images of slots. */
  public MemorySegment image() {
    return staging;
  }

  /** Bytes of the file before the first slot that must be written with it. */
  private long before() {
    return geometry.offset(first) % alignment;
  }

  /** Writes the image. */
  public void flush() throws IOException {
    if (count == 0) {
      return;
    }
    long start = geometry.offset(first) - before();
    long used = before() + (long) geometry.slotBytes() * count;
    long length = (used + alignment - 1) / alignment * alignment;
    if (before() > 0) {
      keep(start, 0, 0, before());
    }
    if (length > used) {
      long last = length - alignment;
      keep(start + last, last, used - last, alignment);
    }
    file.write(staging, 0, length, start);
    count = 0;
  }

  /** Reads a block of the file, and keeps bytes [from, to) of it, which lie outside the slots. */
  private void keep(long fileOffset, long at, long from, long to) throws IOException {
    MemorySegment block = staging.asSlice(staging.byteSize() - alignment, alignment);
    long present = file.readUpTo(block, 0, alignment, fileOffset);
    block.asSlice(present).fill((byte) 0); // the file may end within it
    MemorySegment.copy(block, from, staging, at + from, to - from);
  }
}
