// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.natives.SystemFacts;

/** How an index is written to. Values are never changed: each {@code with} returns another. */
public final class WriteOptions {
  private static final long MIN_CHECKPOINT_BYTES = 1 << 20;

  private final long memoryBytes;
  private final int linkThreads;
  private final int syncMillis;
  private final boolean compress;
  private final long checkpointBytes;

  private WriteOptions(
      long memoryBytes, int linkThreads, int syncMillis, boolean compress, long checkpointBytes) {
    if (memoryBytes < 1) {
      throw new IllegalArgumentException("memory must be at least 1 byte: " + memoryBytes);
    }
    if (linkThreads < 1 || linkThreads > 1024) {
      throw new IllegalArgumentException("link threads must be in [1, 1024]: " + linkThreads);
    }
    if (syncMillis < 0 || syncMillis > 60_000) {
      throw new IllegalArgumentException("sync interval must be in [0, 60000] ms: " + syncMillis);
    }
    if (checkpointBytes < MIN_CHECKPOINT_BYTES) {
      throw new IllegalArgumentException(
          "checkpoints need at least 1 MiB of log between them: " + checkpointBytes);
    }
    this.memoryBytes = memoryBytes;
    this.linkThreads = linkThreads;
    this.syncMillis = syncMillis;
    this.compress = compress;
    this.checkpointBytes = checkpointBytes;
  }

  /**
   * Half of the machine's memory, half of its processors (the others search), every write durable,
   * logs of up to 256 MiB.
   */
  public static WriteOptions defaults() {
    int processors = Runtime.getRuntime().availableProcessors();
    return new WriteOptions(
        SystemFacts.memoryLimitBytes() / 2, Math.max(1, processors / 2), 0, true, 256L << 20);
  }

  /** The same with another memory budget. */
  public WriteOptions withMemoryBytes(long newMemoryBytes) {
    return new WriteOptions(newMemoryBytes, linkThreads, syncMillis, compress, checkpointBytes);
  }

  /** The same with another number of linking threads. */
  public WriteOptions withLinkThreads(int newLinkThreads) {
    return new WriteOptions(memoryBytes, newLinkThreads, syncMillis, compress, checkpointBytes);
  }

  /** The same with another sync interval. */
  public WriteOptions withSyncMillis(int newSyncMillis) {
    return new WriteOptions(memoryBytes, linkThreads, newSyncMillis, compress, checkpointBytes);
  }

  /** The same with or without compression of the log. */
  public WriteOptions withCompress(boolean newCompress) {
    return new WriteOptions(memoryBytes, linkThreads, syncMillis, newCompress, checkpointBytes);
  }

  /** The same with other distances between checkpoints. */
  public WriteOptions withCheckpointBytes(long newCheckpointBytes) {
    return new WriteOptions(memoryBytes, linkThreads, syncMillis, compress, newCheckpointBytes);
  }

  /**
   * Memory budget of the index, the heap of the process included: inserts are delayed beyond nine
   * tenths of it and refused beyond it.
   */
  public long memoryBytes() {
    return memoryBytes;
  }

  /** Threads that link inserted vectors, in [1, 1024]. */
  public int linkThreads() {
    return linkThreads;
  }

  /**
   * 0: a write returns when it is durable. N: it returns at once, and a crash of the machine, not
   * of the process alone, may lose the writes of the last N milliseconds.
   */
  public int syncMillis() {
    return syncMillis;
  }

  /** Whether to compress blocks of the log where that saves a sixteenth. */
  public boolean compress() {
    return compress;
  }

  /**
   * Length of the log at which a checkpoint is made at the latest. It is made earlier, from 32 MiB
   * on, when the log is as long as the checkpoint will be. Bounds the time of a recovery.
   */
  public long checkpointBytes() {
    return checkpointBytes;
  }
}
