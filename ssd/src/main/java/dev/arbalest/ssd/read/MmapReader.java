// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.read;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.ssd.format.VectorFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Path;

/**
 * Copies slots out of the mapped file, after asking the kernel to read the whole batch: bare page
 * faults, one after another, would take seven times as long.
 */
final class MmapReader implements SlotReader {
  private final Path path;
  private final FileMapping mapping;
  private final SlotBuffers buffers;
  private final long[] offsets;
  private final int[] pending;
  private int pendingCount;

  MmapReader(
      Path path, FileMapping mapping, VectorFile geometry, int capacity, SegmentAllocator memory) {
    this.path = path;
    this.mapping = mapping;
    this.buffers = new SlotBuffers(geometry, 512, capacity, memory);
    this.offsets = new long[capacity];
    this.pending = new int[capacity];
  }

  @Override
  public int capacity() {
    return pending.length;
  }

  @Override
  public int submit(long slot, int bytes, int buffer) throws IOException {
    offsets[buffer] = buffers.fileOffset(slot, bytes, buffer);
    long end = offsets[buffer] + buffers.neededBytes(buffer);
    if (end > mapping.segment().byteSize()) {
      throw new CorruptIndexException(
          path,
          offsets[buffer],
          end - offsets[buffer] + " bytes",
          "the end of the file at " + mapping.segment().byteSize());
    }
    mapping.adviseWillNeed(offsets[buffer], bytes);
    pending[pendingCount++] = buffer;
    return bytes;
  }

  @Override
  public void start() {
    // The kernel was asked for every page when it was submitted.
  }

  @Override
  public void await() throws IOException {
    try {
      for (int i = 0; i < pendingCount; i++) {
        int buffer = pending[i];
        MemorySegment.copy(
            mapping.segment(),
            offsets[buffer],
            buffers.memory(),
            buffers.offset(buffer),
            buffers.neededBytes(buffer));
      }
    } catch (InternalError e) {
      // The JVM's report of a bus error: the file became shorter or the device failed.
      throw new IOException("reading " + path + " through its mapping failed", e);
    } finally {
      pendingCount = 0;
    }
  }

  @Override
  public MemorySegment memory() {
    return buffers.memory();
  }

  @Override
  public long offset(int buffer) {
    return buffers.offset(buffer);
  }

  @Override
  public void close() {
    // Mapping and memory belong to others; no read outlives await().
  }
}
