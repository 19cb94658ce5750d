package dev.arbalest.ssd;

import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.NativeMemory;
import java.io.IOException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Gives back the room of what was deleted: vectors in the highest slots are inserted again, which
 * gives them lower ones that are free, then the file is cut. That goes the way of all writes, log
 * and tail, so a crash at any moment loses nothing and searches see no difference.
 *
 * <p>Compaction happens by itself when more than an eighth of the slots hold nothing, and then
 * takes at most half of the linker's time.
 */
final class Compactor {
  /** Share of slots that may be free. */
  private static final int SLOTS_PER_FREE = 8;

  private static final int LEAST_FREE = 1024;
  private static final int MOST_ROUNDS = 4;

  private final IndexLoader.Loaded loaded;
  private final IndexWriter writer;
  private final Linker linker;
  private final Checkpointer checkpointer;

  Compactor(
      IndexLoader.Loaded loaded, IndexWriter writer, Linker linker, Checkpointer checkpointer) {
    this.loaded = loaded;
    this.writer = writer;
    this.linker = linker;
    this.checkpointer = checkpointer;
  }

  /** Whether enough slots are free. */
  boolean isDue() {
    int unused = writer.freeSlots();
    return unused > LEAST_FREE && unused > loaded.graph().nodeCount() / SLOTS_PER_FREE;
  }

  /**
   * Compacts.
   *
   * @param isGentle whether to leave half of the time to others
   * @param isStopped whether to end early
   */
  synchronized void compact(boolean isGentle, BooleanSupplier isStopped, ProgressListener listener)
      throws IOException {
    writer.awaitLinkedSoFar(isStopped);
    for (int round = 0; round < MOST_ROUNDS && !isStopped.getAsBoolean(); round++) {
      int first = writer.firstSuperfluous();
      int slots = loaded.graph().nodeCount();
      if (first >= slots) {
        break;
      }
      listener.stage("compact", slots - first);
      if (!move(first, slots, isGentle, isStopped, listener)) {
        break;
      }
      writer.awaitLinkedSoFar(isStopped);
    }
    if (isStopped.getAsBoolean()) {
      return;
    }
    linker.leaving().lock(); // no copy of the graph is being made
    try {
      writer.shrink();
    } finally {
      linker.leaving().unlock();
    }
    checkpointer.force();
    writer.truncate();
  }

  /** Moves what is in slots [first, end); returns whether there was a lower slot for all. */
  private boolean move(
      int first, int end, boolean isGentle, BooleanSupplier isStopped, ProgressListener listener)
      throws IOException {
    VectorFile geometry = writer.geometry();
    int chunk = writer.tail().capacity() / 8;
    int dimension = geometry.dimension();
    int[] nodes = new int[chunk];
    try (OneSlot slot = new OneSlot(loaded, geometry);
        NativeMemory floats = NativeMemory.allocate(4L * dimension * chunk)) {
      F32Rows rows = new F32Rows(floats.segment(), 0, 4L * dimension, chunk, dimension);
      int node = first;
      while (node < end && !isStopped.getAsBoolean()) {
        long start = System.nanoTime();
        int from = node;
        int count = 0;
        for (; node < end && count < chunk; node++) {
          if (!loaded.isDead(node)) {
            slot.read(node, floats.segment(), 4L * dimension * count);
            nodes[count++] = node;
          }
        }
        if (!writer.relocate(nodes, count, rows, first)) {
          return false;
        }
        listener.advanced(node - from);
        if (isGentle) {
          LockSupport.parkNanos(System.nanoTime() - start);
        }
      }
    }
    return true;
  }
}
