// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cache;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Off-heap working memory for short-lived owners: query states, read buffers, scratch of encoders.
 * Memory is taken from the system in slabs of {@value #SLAB_BYTES} bytes, each but the first on one
 * huge page, and lent in {@link Lease}s of chunks of {@value #CHUNK_BYTES}; what a lease gives back
 * the next one gets, without asking the system. What is larger than a chunk has memory of its own
 * for as long as its lease.
 *
 * <p>The pool owns all memory and frees it on {@link #close}, when no lease may be in use any more.
 * Thread-safe; a lease belongs to one thread at a time.
 */
public final class SlabPool implements AutoCloseable {
  private static final int SLAB_BYTES = 2 << 20;
  private static final int CHUNK_BYTES = 64 << 10;

  /** Enough for whole cache lines and vector registers. */
  private static final long MIN_ALIGNMENT = 64;

  private final List<NativeMemory> slabs = new ArrayList<>();
  private final Deque<MemorySegment> free = new ArrayDeque<>();
  private long ownBytes;
  private boolean closed;

  /** Makes a pool that holds nothing yet. */
  public SlabPool() {}

  /** Borrows memory; blocks allocated from the lease are valid until it is closed. */
  @MustBeClosed
  public Lease lease() {
    return new Lease();
  }

  /** Bytes taken from the system and not given back to it. */
  public synchronized long byteSize() {
    return (long) SLAB_BYTES * slabs.size() + ownBytes;
  }

  /** Bytes of slabs that no lease holds. */
  public synchronized long freeBytes() {
    return (long) CHUNK_BYTES * free.size();
  }

  @SuppressWarnings("MustBeClosedChecker") // kept until close()
  private synchronized MemorySegment takeChunk() {
    if (closed) {
      throw new IllegalStateException("the slab pool is closed");
    }
    if (free.isEmpty()) {
      // The first on small pages: for a small index it is all, and little of it is used.
      NativeMemory slab =
          slabs.isEmpty() ? NativeMemory.reserve(SLAB_BYTES) : NativeMemory.allocate(SLAB_BYTES);
      slabs.add(slab);
      for (long at = SLAB_BYTES - CHUNK_BYTES; at >= 0; at -= CHUNK_BYTES) {
        free.push(slab.segment().asSlice(at, CHUNK_BYTES));
      }
    }
    return free.pop();
  }

  @SuppressWarnings("MustBeClosedChecker") // handed to the lease
  private synchronized NativeMemory takeOwn(long bytes) {
    if (closed) {
      throw new IllegalStateException("the slab pool is closed");
    }
    NativeMemory memory = NativeMemory.reserve(bytes); // buffers for the largest there may be
    ownBytes += bytes;
    return memory;
  }

  private synchronized void giveBack(List<MemorySegment> chunks, List<NativeMemory> own) {
    if (!closed) {
      chunks.forEach(free::push);
    }
    for (NativeMemory memory : own) {
      ownBytes -= memory.byteSize();
      memory.close();
    }
  }

  /** Frees the slabs; their memory must no longer be used. */
  @Override
  public synchronized void close() {
    closed = true;
    free.clear();
    slabs.forEach(NativeMemory::close);
    slabs.clear();
  }

  /** Memory borrowed from a pool. Not thread-safe. */
  public final class Lease implements SegmentAllocator, AutoCloseable {
    private final List<MemorySegment> chunks = new ArrayList<>();
    private final List<NativeMemory> own = new ArrayList<>();
    private MemorySegment current = MemorySegment.NULL;
    private long used;
    private boolean ended;

    private Lease() {}

    /**
     * Allocates zeroed memory, on a cache line of its own.
     *
     * @param byteSize at least 0
     * @param byteAlignment a power of two up to 4096
     * @throws OutOfMemoryError if the system has no more
     */
    @Override
    public MemorySegment allocate(long byteSize, long byteAlignment) {
      if (byteSize < 0 || Long.bitCount(byteAlignment) != 1 || byteAlignment > 4096) {
        throw new IllegalArgumentException(
            "bytes must be at least 0 and the alignment a power of two up to 4096: "
                + byteSize
                + ", "
                + byteAlignment);
      }
      if (ended) {
        throw new IllegalStateException("the lease has ended");
      }
      if (byteSize > CHUNK_BYTES) {
        NativeMemory memory = takeOwn(byteSize);
        own.add(memory);
        return memory.segment();
      }
      long alignment = Math.max(MIN_ALIGNMENT, byteAlignment);
      long start = (used + alignment - 1) / alignment * alignment;
      if (start + byteSize > current.byteSize()) {
        current = takeChunk();
        chunks.add(current);
        start = 0;
      }
      used = start + byteSize;
      return current.asSlice(start, byteSize).fill((byte) 0);
    }

    /** Gives everything back. */
    @Override
    public void close() {
      if (!ended) {
        ended = true;
        giveBack(chunks, own);
      }
    }
  }
}
