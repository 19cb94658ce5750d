// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.ProgressListener;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.ssd.store.SingleSlotReader;
import java.io.IOException;
import java.util.concurrent.locks.LockSupport;

/**
 * Returns the disk space of deleted vectors: re-inserts the vectors in the highest slots into free
 * lower ones, then truncates the file. These inserts pass through the log and the unlinked rows
 * like any other write. A crash at any moment therefore loses nothing, and searches see no change.
 *
 * <p>Compaction starts by itself when more than an eighth of the slots are empty, and then takes at
 * most half of the linker's time.
 */
final class Compactor {
  /** Share of slots that may be free. */
  private static final int SLOTS_PER_FREE = 8;

  private static final int MIN_FREE = 1024;
  private static final int MAX_ROUNDS = 4;

  private final LoadedIndex loaded;
  private final IndexWriter writer;
  private final Linker linker;
  private final Checkpointer checkpointer;

  Compactor(LoadedIndex loaded, IndexWriter writer, Linker linker, Checkpointer checkpointer) {
    this.loaded = loaded;
    this.writer = writer;
    this.linker = linker;
    this.checkpointer = checkpointer;
  }

  /** Whether enough slots are free. */
  boolean isDue() {
    int unused = writer.slots().freeSlots();
    return unused > MIN_FREE && unused > loaded.graph().nodeCount() / SLOTS_PER_FREE;
  }

  /** Other duties of the compacting thread. */
  interface Interrupts {
    /** Whether to end early. */
    boolean isStopped();

    /** Whether there is something to do. */
    boolean isDue();

    /** Does it. */
    void run() throws IOException;
  }

  /**
   * Compacts.
   *
   * @param isGentle whether to leave half of the time to others
   */
  synchronized void compact(boolean isGentle, Interrupts interrupts, ProgressListener listener)
      throws IOException {
    settle(interrupts);
    for (int round = 0; round < MAX_ROUNDS && !interrupts.isStopped(); round++) {
      int first = writer.slots().firstSuperfluous();
      int slots = loaded.graph().nodeCount();
      if (first >= slots) {
        break;
      }
      listener.stage("compact", slots - first);
      if (!move(first, slots, isGentle, interrupts, listener)) {
        break;
      }
      settle(interrupts);
    }
    if (interrupts.isStopped()) {
      return;
    }
    linker.leaving().lock(); // no copy of the graph is being made
    try {
      writer.slots().shrink();
    } finally {
      linker.leaving().unlock();
    }
    checkpointer.force();
    writer.slots().truncate();
  }

  /** Lets slots become free that are about to; others may write all the time. */
  private void settle(Interrupts interrupts) throws IOException {
    for (int turn = 0; turn < MAX_ROUNDS; turn++) {
      if (writer.queue().awaitLinkedSoFar(() -> interrupts.isStopped() || interrupts.isDue())
          || interrupts.isStopped()) {
        return;
      }
      interrupts.run();
    }
  }

  /**
   * Moves the vectors in slots [first, end), the last one first; returns whether each found a lower
   * slot.
   */
  private boolean move(
      int first, int end, boolean isGentle, Interrupts interrupts, ProgressListener listener)
      throws IOException {
    VectorFile geometry = writer.geometry();
    int[] nodes = new int[writer.unlinked().capacity() / 8];
    try (SingleSlotReader slot = new SingleSlotReader(loaded, geometry);
        NativeMemory floats = NativeMemory.allocate(4L * geometry.dimension())) {
      int node = end - 1;
      while (node >= first && !interrupts.isStopped()) {
        if (interrupts.isDue()) {
          interrupts.run();
        }
        long start = System.nanoTime();
        int from = node;
        int count = 0;
        for (; node >= first && count < nodes.length; node--) {
          if (!loaded.isDead(node)) {
            nodes[count++] = node;
          }
        }
        if (!writer.relocate(nodes, count, slot, floats.segment())) {
          return false;
        }
        listener.advanced(from - node);
        if (isGentle) {
          LockSupport.parkNanos(System.nanoTime() - start);
        }
      }
    }
    return true;
  }
}
