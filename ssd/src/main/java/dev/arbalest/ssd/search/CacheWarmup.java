// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.cache.VectorCache;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.read.SlotReader;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.vamana.Graph;
import java.io.IOException;

/**
 * Fills a vector cache after opening with the vectors that most others have as a neighbour: those
 * are in the answers of most queries (of the hits of queries known beforehand, these get two thirds
 * or more). On a thread of its own beside searches, in the order of the file.
 */
public final class CacheWarmup implements AutoCloseable {
  /** Few enough to leave the disk to searches. */
  private static final int BATCH = 16;

  private final LoadedIndex index;
  private final ReaderPhaser phaser;
  private final VectorCache cache;
  private final SlotReader reader;
  private final SlabPool.Lease memory;
  private final Thread thread;
  private final int[] submitted = new int[BATCH];
  private volatile boolean stopped;

  /**
   * Starts.
   *
   * @param reader own one; closed at the end
   * @param memory where the reader has its buffers; given back at the end
   */
  public CacheWarmup(
      LoadedIndex index,
      ReaderPhaser phaser,
      VectorCache cache,
      SlotReader reader,
      SlabPool.Lease memory) {
    this.index = index;
    this.phaser = phaser;
    this.cache = cache;
    this.reader = reader;
    this.memory = memory;
    this.thread = Thread.ofPlatform().daemon().name("arbalest-cache-warm-up").unstarted(this::run);
  }

  public void start() {
    thread.start();
  }

  private void run() {
    try (memory;
        reader) {
      int[] slots = mostLinked(index.graph(), cache.capacity());
      for (int from = 0; from < slots.length && !stopped; from += BATCH) {
        // A slot may be overwritten only when no search uses its old vector.
        long phase = phaser.enter();
        try {
          fill(slots, from, Math.min(BATCH, slots.length - from));
        } finally {
          phaser.exit(phase);
        }
      }
    } catch (IOException e) {
      // Nobody waits for this. The search that needs what could not be read will tell.
      stopped = true;
    }
  }

  private void fill(int[] slots, int from, int count) throws IOException {
    int present = 0;
    for (int i = from; i < from + count; i++) {
      if (!index.isDead(slots[i])) {
        int _ = reader.submit(slots[i], index.geometry().slotBytes(), present);
        submitted[present++] = slots[i];
      }
    }
    reader.await();
    for (int i = 0; i < present; i++) {
      offer(submitted[i], i);
    }
  }

  private void offer(int slot, int buffer) {
    long offset = reader.offset(buffer);
    int checksum = FileHeader.checksum(reader.memory(), offset, index.geometry().slotBytes());
    try {
      index.verifyChecksum(slot, checksum);
    } catch (CorruptIndexException e) {
      return; // as above
    }
    boolean _ = cache.fill(slot, reader.memory(), offset);
  }

  /** The {@code wanted} nodes with the most in-neighbours, ascending. */
  public static int[] mostLinked(Graph graph, long wanted) {
    int nodes = graph.nodeCount();
    int[] linked = new int[nodes];
    int[] neighbors = new int[graph.maxDegree()];
    int most = 0;
    for (int node = 0; node < nodes; node++) {
      int degree = graph.neighbors(node, neighbors);
      for (int i = 0; i < degree; i++) {
        if (neighbors[i] >= 0 && neighbors[i] < nodes) { // not so while it is being written
          most = Math.max(most, ++linked[neighbors[i]]);
        }
      }
    }
    int[] nodesWith = new int[most + 1];
    for (int count : linked) {
      nodesWith[count]++;
    }
    // The largest count whose nodes do not all fit, and how many of them do.
    int least = most;
    long room = Math.min(wanted, nodes);
    long size = room;
    while (least > 0 && nodesWith[least] <= room) {
      room -= nodesWith[least--];
    }
    int[] chosen = new int[(int) size];
    int at = 0;
    for (int node = 0; node < nodes && at < chosen.length; node++) {
      if (linked[node] > least || (linked[node] == least && room-- > 0)) {
        chosen[at++] = node;
      }
    }
    return java.util.Arrays.copyOf(chosen, at);
  }

  /** Waits until it has filled the cache. */
  public void await() throws InterruptedException {
    thread.join();
  }

  /** Stops and waits for reads in flight. */
  @Override
  public void close() {
    stopped = true;
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true; // buffers are being written to
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
