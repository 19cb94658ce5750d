package dev.arbalest.ssd;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.NativeMemory;
import java.lang.foreign.MemorySegment;

/**
 * Buffers for reads of single slots, widened to the alignment the disk needs. On disks that read
 * sectors of 512 bytes a read is exactly the slot; on those that need 4096 it begins up to seven
 * sectors before it.
 */
final class SlotBuffers implements AutoCloseable {
  private final VectorFile geometry;
  private final int alignment;
  private final int readBytes;
  private final int strideBytes;
  private final int[] inner;
  private final NativeMemory memory;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  SlotBuffers(VectorFile geometry, int alignment, int count) {
    this.geometry = geometry;
    this.alignment = alignment;
    int slot = geometry.slotBytes();
    int widened = (slot + alignment - 512 + alignment - 1) / alignment * alignment;
    this.readBytes = alignment <= 512 ? slot : widened;
    this.strideBytes = (readBytes + 4095) / 4096 * 4096;
    this.inner = new int[count];
    this.memory = NativeMemory.allocate((long) strideBytes * count);
  }

  int count() {
    return inner.length;
  }

  MemorySegment memory() {
    return memory.segment();
  }

  int readBytes() {
    return readBytes;
  }

  /** Start of a buffer, where reads go. */
  long start(int buffer) {
    return (long) strideBytes * buffer;
  }

  /** File offset a read of {@code slot} begins at; remembers where the slot will lie. */
  long fileOffset(long slot, int buffer) {
    long exact = geometry.offset(slot);
    long aligned = exact / alignment * alignment;
    inner[buffer] = (int) (exact - aligned);
    return aligned;
  }

  /**
   * Bytes of a read that must arrive: up to the end of the slot. The last slot's widened read may
   * go past the end of the file.
   */
  int neededBytes(int buffer) {
    return inner[buffer] + geometry.slotBytes();
  }

  /** Where the slot lies in memory. */
  long offset(int buffer) {
    return start(buffer) + inner[buffer];
  }

  @Override
  public void close() {
    memory.close();
  }
}
