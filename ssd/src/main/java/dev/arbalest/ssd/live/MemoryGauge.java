// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.natives.SystemFacts;

/**
 * How much of its budget an index takes that is written to, measured as what the process has in
 * memory that no file backs: tables, buffers, the JVM's own, and the heap, which counts as large as
 * it may become: it grows when it likes. Thread-safe.
 */
public final class MemoryGauge {
  /** Share of the budget from which on inserts are slowed down. */
  private static final double SOFT = 0.9;

  /**
   * Delay of a chunk when the budget is exhausted; it grows with the square of the memory in use.
   */
  private static final long MAX_DELAY_NANOS = 100_000_000;

  /** To measure takes some microseconds and kilobytes of heap. */
  private static final long MEASURE_NANOS = 1_000_000_000;

  private final long budgetBytes;
  private final long bytesPerNode;
  private long measuredBytes = SystemFacts.budgetedBytes();
  private long measuredAt = System.nanoTime();
  private long grownBytes;

  /**
   * Creates it.
   *
   * @param bytesPerNode of memory that a node more takes
   */
  public MemoryGauge(long budgetBytes, long bytesPerNode) {
    this.budgetBytes = budgetBytes;
    this.bytesPerNode = bytesPerNode;
  }

  long budgetBytes() {
    return budgetBytes;
  }

  /** What was used a moment ago, with what nodes take that came since. */
  synchronized long usedBytes() {
    long now = System.nanoTime();
    if (now - measuredAt > MEASURE_NANOS) {
      measuredAt = now;
      grownBytes = 0;
      measuredBytes = SystemFacts.budgetedBytes();
    }
    return measuredBytes + grownBytes;
  }

  /** Counts additional nodes. */
  synchronized void grew(int nodes) {
    grownBytes += nodes * bytesPerNode;
  }

  /** Whether there is room for additional nodes and bytes. */
  boolean allows(long nodes, long bytes) {
    return nodes == 0 || usedBytes() + nodes * bytesPerNode + bytes <= budgetBytes;
  }

  /** How long to wait before the next chunk. */
  long delayNanos() {
    double share = (usedBytes() / (double) budgetBytes - SOFT) / (1 - SOFT);
    return share <= 0 ? 0 : (long) (MAX_DELAY_NANOS * Math.min(1, share * share));
  }
}
