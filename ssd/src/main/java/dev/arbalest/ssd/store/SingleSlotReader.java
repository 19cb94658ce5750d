// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.VectorFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/** Reads one slot at a time, where that is not what takes the time. One thread. */
public final class SingleSlotReader implements AutoCloseable {
  private final LoadedIndex loaded;
  private final VectorFile geometry;
  private final int alignment;
  private final MemorySegment buffer;
  private final @Nullable NativeMemory owned;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  public SingleSlotReader(LoadedIndex loaded, VectorFile geometry) {
    this(loaded, geometry, NativeMemory.allocate(bufferBytes(loaded, geometry)));
  }

  @MustBeClosed
  public SingleSlotReader(LoadedIndex loaded, VectorFile geometry, NativeMemory owned) {
    this.loaded = loaded;
    this.geometry = geometry;
    this.alignment = loaded.vectors().alignmentBytes();
    this.buffer = owned.segment();
    this.owned = owned;
  }

  /** One whose buffer is somebody else's memory: it need not be closed. */
  @SuppressWarnings("MustBeClosedChecker") // owns nothing
  public SingleSlotReader(LoadedIndex loaded, VectorFile geometry, SegmentAllocator memory) {
    this.loaded = loaded;
    this.geometry = geometry;
    this.alignment = loaded.vectors().alignmentBytes();
    this.buffer = memory.allocate(bufferBytes(loaded, geometry), 4096);
    this.owned = null;
  }

  private static long bufferBytes(LoadedIndex loaded, VectorFile geometry) {
    long most = geometry.slotBytes() + 2L * loaded.vectors().alignmentBytes();
    return (most + 4095) / 4096 * 4096;
  }

  /**
   * Reads a vector as floats. The node may die meanwhile and its slot be overwritten; what is read
   * then means nothing.
   *
   * @throws CorruptIndexException if the slot fails its checksum and the node is still alive
   */
  public void read(int node, MemorySegment target, long offset) throws IOException {
    DirectFile file = loaded.vectors();
    long start = geometry.offset(node) / alignment * alignment;
    long end = geometry.offset(node) + geometry.slotBytes();
    long length = (end + alignment - 1) / alignment * alignment - start;
    long done = file.readUpTo(buffer, 0, length, start);
    long at = geometry.offset(node) - start;
    boolean isWhole = done >= end - start;
    int checksum = isWhole ? FileHeader.checksum(buffer, at, geometry.slotBytes()) : 0;
    if (!loaded.isDead(node)) {
      loaded.verifyChecksum(node, checksum);
    }
    geometry.type().load(buffer, at, geometry.dimension(), target, offset);
  }

  @Override
  public void close() {
    if (owned != null) {
      owned.close();
    }
  }
}
