// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cache;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.LongAdder;

/**
 * A bounded off-heap cache of fixed-size records (slots of the vector file), set-associative with
 * {@value #WAYS} ways. A hit raises its record's frequency, up to {@value #MAX_FREQUENCY}; a record
 * enters only in the place of one whose frequency has aged to 0, and each refused entry ages its
 * set: a scan of rarely used records cannot flush the often used ones.
 *
 * <p>Thread-safe and lock-free: a record is copied out between two reads of its version, which a
 * writer makes odd while it changes the record. A reader that meets a change takes it as a miss.
 * Nothing allocates after construction.
 *
 * <p>Entry: version (8 B), slot + 1 or 0 (8 B), frequency (8 B), padding to 64 B, then the record.
 */
public final class VectorCache implements AutoCloseable {
  private static final int WAYS = 8;
  private static final int MAX_FREQUENCY = 7;
  private static final int HEAD_BYTES = 64;
  private static final long SLOT = 8;
  private static final long FREQUENCY = 16;
  private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

  private final NativeMemory memory;
  private final MemorySegment entries;
  private final int recordBytes;
  private final long entryBytes;
  private final long sets;
  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();

  /**
   * Allocates a cache.
   *
   * @param capacityBytes memory it may take, room for at least one set of records
   * @param recordBytes bytes per record, a multiple of 8
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  public VectorCache(long capacityBytes, int recordBytes) {
    if (recordBytes < 8 || recordBytes % 8 != 0) {
      throw new IllegalArgumentException("recordBytes must be a multiple of 8: " + recordBytes);
    }
    this.recordBytes = recordBytes;
    this.entryBytes = HEAD_BYTES + (recordBytes + 63L) / 64 * 64;
    this.sets = capacityBytes / (entryBytes * WAYS);
    if (sets < 1) {
      throw new IllegalArgumentException(
          "cache of "
              + capacityBytes
              + " bytes holds not one set of vectors; give at least "
              + entryBytes * WAYS
              + " or 0");
    }
    this.memory = NativeMemory.allocate(sets * WAYS * entryBytes);
    this.entries = memory.segment();
  }

  /** Memory the cache takes. */
  public long byteSize() {
    return memory.byteSize();
  }

  /** Records it has places for. */
  public long capacity() {
    return sets * WAYS;
  }

  /** Lookups that found their record. */
  public long hits() {
    return hits.sum();
  }

  /** Lookups that did not. */
  public long misses() {
    return misses.sum();
  }

  /** Copies the record of {@code slot} to {@code target} if it is cached; returns whether it is. */
  public boolean get(long slot, MemorySegment target, long targetOffset) {
    long set = setOffset(slot);
    for (int way = 0; way < WAYS; way++) {
      long entry = set + way * entryBytes;
      if (entries.get(ValueLayout.JAVA_LONG, entry + SLOT) != slot + 1) {
        continue;
      }
      long version = (long) LONG.getAcquire(entries, entry);
      if ((version & 1) == 0 && entries.get(ValueLayout.JAVA_LONG, entry + SLOT) == slot + 1) {
        MemorySegment.copy(entries, entry + HEAD_BYTES, target, targetOffset, recordBytes);
        VarHandle.acquireFence();
        if ((long) LONG.getOpaque(entries, entry) == version) {
          long frequency = entries.get(ValueLayout.JAVA_LONG, entry + FREQUENCY);
          if (frequency < MAX_FREQUENCY) {
            LONG.setOpaque(entries, entry + FREQUENCY, frequency + 1); // a lost update is harmless
          }
          hits.increment();
          return true;
        }
      }
    }
    misses.increment();
    return false;
  }

  /**
   * Offers a record just read; it enters if its set has a free place or a record not used lately.
   */
  public void offer(long slot, MemorySegment source, long sourceOffset) {
    long set = setOffset(slot);
    long victim = -1;
    for (int way = 0; way < WAYS; way++) {
      long entry = set + way * entryBytes;
      long held = entries.get(ValueLayout.JAVA_LONG, entry + SLOT);
      if (held == slot + 1) {
        return;
      }
      if (victim < 0 && (held == 0 || (long) LONG.getOpaque(entries, entry + FREQUENCY) == 0)) {
        victim = entry;
      }
    }
    if (victim < 0) {
      age(set);
    } else {
      boolean _ = put(victim, slot, source, sourceOffset);
    }
  }

  /** Puts a record into an empty place of its set; returns whether there was one. */
  public boolean fill(long slot, MemorySegment source, long sourceOffset) {
    long set = setOffset(slot);
    for (int way = 0; way < WAYS; way++) {
      long entry = set + way * entryBytes;
      long held = entries.get(ValueLayout.JAVA_LONG, entry + SLOT);
      if (held == slot + 1) {
        return false;
      }
      if (held == 0) {
        return put(entry, slot, source, sourceOffset);
      }
    }
    return false;
  }

  /** Forgets a slot. No thread may read it from disk meanwhile and offer its old content. */
  public void forget(long slot) {
    long set = setOffset(slot);
    for (int way = 0; way < WAYS; way++) {
      long entry = set + way * entryBytes;
      while (entries.get(ValueLayout.JAVA_LONG, entry + SLOT) == slot + 1) {
        long version = (long) LONG.getAcquire(entries, entry);
        if ((version & 1) == 0 && LONG.compareAndSet(entries, entry, version, version + 1)) {
          VarHandle.storeStoreFence();
          entries.set(ValueLayout.JAVA_LONG, entry + SLOT, 0);
          LONG.setRelease(entries, entry, version + 2);
        }
      }
    }
  }

  private boolean put(long victim, long slot, MemorySegment source, long sourceOffset) {
    long version = (long) LONG.getAcquire(entries, victim);
    if ((version & 1) != 0 || !LONG.compareAndSet(entries, victim, version, version + 1)) {
      return false; // another writer is here
    }
    VarHandle.storeStoreFence();
    entries.set(ValueLayout.JAVA_LONG, victim + SLOT, slot + 1);
    entries.set(ValueLayout.JAVA_LONG, victim + FREQUENCY, 1);
    MemorySegment.copy(source, sourceOffset, entries, victim + HEAD_BYTES, recordBytes);
    LONG.setRelease(entries, victim, version + 2);
    return true;
  }

  private void age(long set) {
    for (int way = 0; way < WAYS; way++) {
      long at = set + way * entryBytes + FREQUENCY;
      long frequency = (long) LONG.getOpaque(entries, at);
      if (frequency > 0) {
        LONG.setOpaque(entries, at, frequency - 1);
      }
    }
  }

  private long setOffset(long slot) {
    long h = slot * 0x9E3779B97F4A7C15L;
    h ^= h >>> 32;
    return Long.remainderUnsigned(h, sets) * WAYS * entryBytes;
  }

  /** Frees the memory; no call may be running. */
  @Override
  public void close() {
    memory.close();
  }
}
