// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.search.ReaderPhaser;
import dev.arbalest.ssd.search.UnlinkedRows;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.ssd.store.SlotWriter;
import dev.arbalest.vamana.GraphUpdater;
import dev.arbalest.vamana.NodeSet;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Moves unlinked rows to their slots and into the graph, and removes dead nodes from the graph, on
 * a thread of its own with a team of workers.
 *
 * <p>Nodes are linked only when no search that started before they came is running: it would find
 * them beside those they replaced. Unlinked rows and nodes that left the graph are given up only
 * when no search that started before is running. {@link ReaderPhaser} waits for both.
 */
final class Linker implements LinkQueue.LinkPolicy, AutoCloseable {
  /** Nodes per dead node when dead nodes leave together, which share a pass over the graph. */
  private static final int NODES_PER_DEAD = 500;

  /** Nodes per change when a pass over the graph looks for unreachable nodes. */
  private static final int CHANGES_PER_RECONNECT = 20;

  private static final int CHANGES_PER_IDLE_RECONNECT = 100;
  private static final int MIN_DEAD = 64;
  private static final int MAX_DEAD = 4096;

  private final LoadedIndex loaded;
  private final IndexWriter writer;
  private final ReaderPhaser phaser;
  private final UnlinkedRows unlinked;
  private final Workers workers;
  private final LiveDistances distances;
  private final GraphUpdater updater;
  private final SlotWriter slots;

  /** Nodes whose vectors searches find in the graph and in their slots. */
  private final NodeSet linked;

  private final float[] row;
  private final int[] nodes;
  private final Runnable afterBatch;

  /** Held while nodes leave the graph or are made reachable, and while it is copied. */
  private final ReentrantLock leaving = new ReentrantLock();

  private final Thread thread;
  private volatile boolean stopped;

  /** Nodes that came or went since all were made reachable. */
  private int changes;

  /**
   * Creates it.
   *
   * @param memory for scratch; must outlive this
   * @param afterBatch called after each batch
   */
  Linker(
      LoadedIndex loaded,
      IndexWriter writer,
      ReaderPhaser phaser,
      Workers workers,
      SlabPool.Lease memory,
      Runnable afterBatch) {
    this.loaded = loaded;
    this.writer = writer;
    this.phaser = phaser;
    this.unlinked = writer.unlinked();
    this.workers = workers;
    this.distances = new LiveDistances(loaded, unlinked, memory);
    this.updater = new GraphUpdater(loaded.graph(), distances, loaded.manifest().build(), workers);
    this.slots = new SlotWriter(loaded.vectors(), writer.geometry(), memory);
    this.row = new float[writer.geometry().dimension()];
    this.nodes = new int[unlinked.capacity()];
    this.linked = loaded.livingNodes();
    unlinked.link(linked);
    this.changes = loaded.manifest().checkpoint().clean() ? 0 : 1; // copied while it changed
    this.afterBatch = afterBatch;
    this.thread = Thread.ofPlatform().daemon().name("arbalest-linker").unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /** Held while the graph is copied: no node leaves it meanwhile. */
  ReentrantLock leaving() {
    return leaving;
  }

  private void run() {
    try {
      while (writer.queue().awaitWork(this)) {
        link();
        unlink();
        reconnect();
        afterBatch.run();
      }
    } catch (InterruptedException e) {
      writer.fail(e);
    } catch (Throwable e) {
      writer.fail(e); // the next write fails with it; searches continue
    }
  }

  @Override
  public boolean isStopped() {
    return stopped;
  }

  @Override
  public boolean isReconnectDue(boolean idle, boolean finishing) {
    int share = idle ? CHANGES_PER_IDLE_RECONNECT : CHANGES_PER_RECONNECT;
    return changes > 0 && (finishing || changes > loaded.graph().nodeCount() / share);
  }

  private void reconnect() throws IOException {
    if (isReconnectDue(
        unlinked.pending() == 0, unlinked.pending() == 0 && writer.queue().isFinishing())) {
      changes = 0;
      leaving.lock(); // compaction may forget nodes at the end
      try {
        distances.take(unlinked.start(), unlinked.start());
        int _ = updater.reconnect();
      } finally {
        leaving.unlock();
      }
    }
  }

  @Override
  public boolean isUnlinkDue(int ready, boolean idle) {
    int threshold = Math.clamp(loaded.graph().nodeCount() / NODES_PER_DEAD, MIN_DEAD, MAX_DEAD);
    return idle || ready >= threshold;
  }

  /**
   * Links again what searches cannot find, as earlier versions could leave it; nothing may be
   * written, and the thread must have ended.
   *
   * @return how many vectors that were
   */
  int mend() throws IOException {
    distances.take(unlinked.start(), unlinked.start());
    return updater.mend();
  }

  private void link() throws IOException {
    int from = unlinked.start();
    int to = from + Math.min(unlinked.pending(), unlinked.capacity() / 2);
    if (to == from) {
      return;
    }
    writeSlots(from, to);
    phaser.flip();
    distances.take(from, to);
    int count = 0;
    for (int position = from; position != to; position++) {
      if (!loaded.isDead(unlinked.node(position))) {
        nodes[count++] = unlinked.node(position);
        linked.add(unlinked.node(position)); // before the rows are given up
      }
    }
    updater.link(nodes, 0, count);
    changes += count;
    unlinked.moveStart(to);
    phaser.flip();
    writer.queue().unkeep(to);
  }

  private void writeSlots(int from, int to) throws IOException {
    VectorFile geometry = writer.geometry();
    for (int position = from; position != to; position++) {
      int slot = unlinked.node(position);
      writer.queue().forgetCached(slot);
      MemorySegment.copy(
          unlinked.rows(), F32Rows.FLOAT, unlinked.offset(position), row, 0, row.length);
      long place = slots.place(slot);
      geometry.type().store(row, slot, slots.image(), place);
      for (long at = geometry.dataBytes(); at < geometry.slotBytes(); at++) {
        slots.image().set(ValueLayout.JAVA_BYTE, place + at, (byte) 0);
      }
    }
    slots.flush();
  }

  private void unlink() throws IOException {
    int[] dead = writer.queue().takeDead(this, MAX_DEAD);
    if (dead.length == 0) {
      return;
    }
    phaser.flip(); // searches that began before their death still find them
    leaving.lock();
    try {
      distances.take(unlinked.start(), unlinked.start());
      for (int node : dead) {
        linked.remove(node);
      }
      updater.unlink(dead, 0, dead.length);
      changes += dead.length;
    } finally {
      leaving.unlock();
    }
    phaser.flip();
    writer.queue().freed(dead);
  }

  /** Ends the thread as soon as it has done what it is at. */
  void stop() {
    stopped = true;
    writer.queue().wakeLinker();
    join();
  }

  /** Waits until the thread has ended, which it does once the writer is being closed. */
  @Override
  public void close() {
    join();
    workers.close();
  }

  private void join() {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true; // it writes to memory of the index
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
