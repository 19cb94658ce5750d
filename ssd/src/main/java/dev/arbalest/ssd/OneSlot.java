package dev.arbalest.ssd;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Reads one slot at a time, where that is not what takes the time. Owns its buffer; one thread. */
final class OneSlot implements AutoCloseable {
  private final IndexLoader.Loaded loaded;
  private final VectorFile geometry;
  private final int alignment;
  private final NativeMemory memory;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  OneSlot(IndexLoader.Loaded loaded, VectorFile geometry) {
    this.loaded = loaded;
    this.geometry = geometry;
    this.alignment = loaded.vectors().alignmentBytes();
    long most = geometry.slotBytes() + 2L * alignment;
    this.memory = NativeMemory.allocate((most + 4095) / 4096 * 4096);
  }

  /**
   * Reads a vector as floats. The node may die meanwhile and its slot be written anew: then what is
   * read means nothing.
   *
   * @throws CorruptIndexException if it is not what was written, and the node still lives
   */
  void read(int node, MemorySegment target, long offset) throws IOException {
    DirectFile file = loaded.vectors();
    long start = geometry.offset(node) / alignment * alignment;
    long end = geometry.offset(node) + geometry.slotBytes();
    long length = (end + alignment - 1) / alignment * alignment - start;
    long done = file.readUpTo(memory.segment(), 0, length, start);
    long at = geometry.offset(node) - start;
    boolean isWhole = done >= end - start;
    int sum = isWhole ? FileHeader.checksum(memory.segment(), at, geometry.slotBytes()) : 0;
    if (!loaded.isDead(node)) {
      loaded.checkSum(node, sum);
    }
    geometry.type().load(memory.segment(), at, geometry.dimension(), target, offset);
  }

  @Override
  public void close() {
    memory.close();
  }
}
