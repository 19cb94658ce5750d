// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.read;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.Ring;
import dev.arbalest.ssd.format.VectorFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/**
 * Reads through a ring of its own: a whole batch is handed to the kernel and waited for with one
 * system call. The ring belongs to the thread that submits; when another takes over the context, a
 * new ring is opened for it.
 */
final class UringReader implements SlotReader {
  private final DirectFile file;
  private final SlotBuffers buffers;
  private final long[] tags;
  private final int[] results;
  private final long[] offsets;
  private final int[] done;
  private @Nullable Ring ring;
  private long ownerThreadId;

  UringReader(DirectFile file, VectorFile geometry, int capacity, SegmentAllocator memory) {
    this.file = file;
    this.buffers = new SlotBuffers(geometry, file.alignmentBytes(), capacity, memory);
    this.tags = new long[capacity];
    this.results = new int[capacity];
    this.offsets = new long[capacity];
    this.done = new int[capacity];
  }

  @SuppressWarnings("MustBeClosedChecker") // kept until the owner changes or close()
  private Ring ring() throws IOException {
    Thread current = Thread.currentThread();
    Ring present = ring;
    if (present != null && ownerThreadId == current.threadId()) {
      return present;
    }
    if (present != null) {
      ring = null;
      present.close();
    }
    // The kernel binds to its own threads, which a virtual thread may change between calls.
    Ring opened =
        Ring.open(
            capacity(), current.isVirtual() ? Ring.Sharing.ANY_THREAD : Ring.Sharing.OWNER_THREAD);
    try {
      opened.register(file, buffers.memory());
    } catch (Throwable e) {
      opened.close();
      throw e;
    }
    ring = opened;
    ownerThreadId = current.threadId();
    return opened;
  }

  @Override
  public int capacity() {
    return buffers.count();
  }

  @Override
  public int submit(long slot, int bytes, int buffer) throws IOException {
    offsets[buffer] = buffers.fileOffset(slot, bytes, buffer);
    int length = buffers.readBytes(buffer);
    done[buffer] = 0;
    ring().prepareRead(buffers.start(buffer), length, offsets[buffer], buffer);
    return length;
  }

  @Override
  public void start() throws IOException {
    ring().submit();
  }

  @Override
  public void await() throws IOException {
    Ring current = ring();
    IOException failure = null;
    while (current.inFlight() > 0) {
      current.submitAndWait(current.inFlight());
      int count = current.reap(tags, results);
      for (int i = 0; i < count; i++) {
        int buffer = (int) tags[i];
        if (results[i] < 0) {
          failure =
              Ring.failure("read of " + file.path() + " at offset " + offsets[buffer], results[i]);
          continue;
        }
        done[buffer] += results[i];
        if (done[buffer] >= buffers.neededBytes(buffer)) {
          continue;
        }
        if (results[i] == 0) {
          failure =
              new CorruptIndexException(
                  file.path(),
                  offsets[buffer] + done[buffer],
                  "the rest of a vector",
                  "the end of the file");
          continue;
        }
        // A short read: ask for the rest.
        current.prepareRead(
            buffers.start(buffer) + done[buffer],
            buffers.readBytes(buffer) - done[buffer],
            offsets[buffer] + done[buffer],
            buffer);
      }
    }
    if (failure != null) {
      throw failure;
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
  public void close() throws IOException {
    Ring present = ring;
    ring = null;
    if (present != null) {
      present.close();
    }
  }
}
