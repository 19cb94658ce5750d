// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.log.WriteAheadLog;
import dev.arbalest.ssd.search.UnlinkedRows;
import dev.arbalest.ssd.store.IdMap;
import dev.arbalest.ssd.store.LoadedIndex;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The lock of an index that accepts writes, and what it guards. Every piece of the writing side
 * takes this lock and no other.
 */
final class LiveState implements AutoCloseable {
  final LoadedIndex loaded;
  final VectorFile geometry;
  final UnlinkedRows unlinked;
  final IdMap map;
  final FreeNodes free = new FreeNodes();
  final DeadNodes dead = new DeadNodes();
  final TrackedSets sets;

  final ReentrantLock lock = new ReentrantLock();
  final Condition roomForUnlinked = lock.newCondition();
  final Condition workToDo = lock.newCondition();
  final Condition workDone = lock.newCondition();

  // Guarded by lock:
  @Nullable WriteAheadLog log;
  int operation = 1;
  boolean closing;

  private volatile int live;
  private volatile @Nullable Throwable failure;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  LiveState(LoadedIndex loaded, SlabPool.Lease memory) throws IOException {
    this.loaded = loaded;
    this.geometry = loaded.geometry();
    this.unlinked = new UnlinkedRows(geometry.dimension(), memory);
    this.live = loaded.manifest().live();
    this.map = new IdMap(loaded.ids(), live);
    this.sets = new TrackedSets(loaded);
    try {
      for (int node = 0; node < loaded.graph().nodeCount(); node++) {
        if (loaded.isDead(node)) {
          if (loaded.manifest().checkpoint().clean()) {
            free.add(node);
          } else {
            dead.add(node, 0); // it may still be somebody's neighbour
          }
        } else if (!map.add(node)) {
          throw new CorruptIndexException(
              loaded.directory(), "two vectors have the id " + loaded.ids().text(node));
        }
      }
    } catch (Throwable e) {
      map.close();
      throw e;
    }
    unlinked.publish(operation, 0);
  }

  /** Number of vectors. */
  int live() {
    return live;
  }

  void setLive(int count) {
    assert lock.isHeldByCurrentThread();
    live = count;
  }

  void setDeath(int node, int when) {
    loaded.deaths().segment().setAtIndex(FileHeader.INT, node, when);
  }

  /** Operations 0 and 1 stand for living and long dead. */
  int nextOperation() {
    int next = operation + 1;
    return next == 0 ? 2 : next;
  }

  /** The error that ended writing, or null. */
  @Nullable Throwable failure() {
    return failure;
  }

  /** Ends writing: memory and disk may disagree until the index is opened again. */
  void fail(Throwable cause) {
    lock.lock();
    try {
      failure = cause;
      roomForUnlinked.signalAll();
      workDone.signalAll();
      workToDo.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void requireNotFailed() throws IOException {
    Throwable cause = failure;
    if (cause != null) {
      throw new IOException(
          "writing to "
              + loaded.directory()
              + " failed before ("
              + cause.getMessage()
              + "); open the index again, nothing acknowledged is lost",
          cause);
    }
  }

  /** Waits for a condition or a second, spurious wake-ups included: callers look again. */
  @SuppressWarnings("WaitNotInLoop")
  static void await(Condition condition) throws IOException {
    try {
      boolean _ = condition.await(1, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  static IOException interrupted(InterruptedException e) {
    Thread.currentThread().interrupt();
    IOException interrupted = new java.io.InterruptedIOException("interrupted while writing");
    interrupted.initCause(e);
    return interrupted;
  }

  @Override
  public void close() {
    map.close();
  }
}
