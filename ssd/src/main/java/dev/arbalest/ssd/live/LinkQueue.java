// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.cache.VectorCache;
import dev.arbalest.ssd.log.WriteAheadLog;
import dev.arbalest.ssd.search.UnlinkedRows;
import java.io.IOException;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The queue between writers and the {@link Linker}: rows to link, dead nodes to unlink, and those
 * that wait until both are done. Thread-safe.
 */
final class LinkQueue {
  private final LiveState state;
  private final UnlinkedRows unlinked;
  private final DeadNodes dead;
  private final FreeNodes free;
  private final @Nullable VectorCache cache;

  // Guarded by the lock of the state:
  private boolean isLinking;
  private int waiters;

  /** Dead nodes that have left the graph and become free since the index was opened. */
  private long freed;

  /** Last block of the log when nodes were taken to leave the graph; of the linker's thread. */
  private long leavingSequence;

  LinkQueue(LiveState state, @Nullable VectorCache cache) {
    this.state = state;
    this.unlinked = state.unlinked;
    this.dead = state.dead;
    this.free = state.free;
    this.cache = cache;
  }

  /** Decides what the linker does next. */
  interface LinkPolicy {
    /** Whether to stop waiting for work. */
    boolean isStopped();

    /**
     * Whether to unlink this many dead nodes now; {@code idle} means that the linker has nothing
     * else to do.
     */
    boolean isUnlinkDue(int ready, boolean idle);

    /**
     * Whether to look for unreachable nodes; {@code finishing} means that a caller waits for all
     * work.
     */
    boolean isReconnectDue(boolean idle, boolean finishing);
  }

  /**
   * Waits until there are rows to link or dead nodes to unlink, or for a while.
   *
   * @param policy decides when linking, unlinking and compaction are due
   * @return false if stopped, or when the index is being closed and no work is left
   */
  boolean awaitWork(LinkPolicy policy) throws InterruptedException {
    state.lock.lock();
    try {
      while (true) {
        int ready = dead.ready(unlinked.start());
        if (policy.isStopped()) {
          isLinking = false;
          return false;
        }
        if (unlinked.pending() > 0
            || (ready > 0 && policy.isUnlinkDue(ready, true))
            || policy.isReconnectDue(true, state.closing || waiters > 0)) {
          isLinking = true;
          return true;
        }
        isLinking = false;
        state.workDone.signalAll();
        if (state.closing) {
          return false;
        }
        state.workToDo.await();
      }
    } finally {
      state.lock.unlock();
    }
  }

  /** Whether a caller waits for all work. */
  boolean isFinishing() {
    state.lock.lock();
    try {
      return state.closing || waiters > 0;
    } finally {
      state.lock.unlock();
    }
  }

  /** Wakes the linker, so that it sees whether to stop. */
  void wakeLinker() {
    state.lock.lock();
    try {
      state.workToDo.signalAll();
    } finally {
      state.lock.unlock();
    }
  }

  /** Releases unlinked rows before a position. */
  void unkeep(int position) {
    state.lock.lock();
    try {
      unlinked.moveKept(position);
      state.roomForUnlinked.signalAll();
      state.workDone.signalAll();
    } finally {
      state.lock.unlock();
    }
  }

  /** Takes the dead nodes that can leave the graph, if the policy wants to unlink now. */
  int[] takeDead(LinkPolicy policy, int most) {
    state.lock.lock();
    try {
      int ready = Math.min(most, dead.ready(unlinked.start()));
      if (ready == 0 || !policy.isUnlinkDue(ready, unlinked.pending() == 0 || waiters > 0)) {
        return new int[0];
      }
      leavingSequence = state.log == null ? 0 : state.log.lastSequence();
      return dead.take(ready);
    } finally {
      state.lock.unlock();
    }
  }

  /**
   * Frees the nodes taken last, which have left the graph and which no search sees any more. Their
   * slots may be overwritten only when the log says durably that their vectors are gone; otherwise
   * a power failure would lose acknowledged vectors.
   */
  void freed(int[] nodes) throws IOException {
    WriteAheadLog present = state.log;
    if (present != null && present.durableSequence() < leavingSequence) {
      present.makeDurable();
    }
    state.lock.lock();
    try {
      for (int node : nodes) {
        free.add(node);
      }
      freed += nodes.length;
      state.workDone.signalAll();
    } finally {
      state.lock.unlock();
    }
  }

  /** Drops a slot that is about to be overwritten from the cache. */
  void forgetCached(int slot) {
    VectorCache present = cache;
    if (present != null) {
      present.forget(slot);
    }
  }

  /** Waits until everything written is linked and all dead nodes have left. */
  void awaitLinked() throws IOException {
    state.lock.lock();
    try {
      beginWait();
      try {
        while (unlinked.pending() > 0 || dead.size() > 0 || isLinking) {
          awaitDone();
        }
      } finally {
        waiters--;
      }
    } finally {
      state.lock.unlock();
    }
  }

  private void beginWait() {
    if (state.closing) {
      throw new IllegalStateException("the index is closed");
    }
    waiters++;
    isLinking = true; // until the linker says that nothing is left
    state.workToDo.signal();
  }

  /**
   * Waits only for writes made before the call, because other threads may write all the time.
   *
   * @param isStopped whether to stop waiting; checked every second
   * @return false if it was stopped
   */
  boolean awaitLinkedSoFar(BooleanSupplier isStopped) throws IOException {
    state.lock.lock();
    try {
      beginWait();
      try {
        int end = unlinked.end();
        long died = dead.added();
        while (!isStopped.getAsBoolean()) {
          boolean othersWrote = unlinked.end() != end || dead.added() != died;
          boolean isDone = unlinked.start() - end >= 0 && freed >= died;
          if (isDone && (othersWrote || !isLinking)) {
            return true;
          }
          awaitDone();
        }
        return false;
      } finally {
        waiters--;
      }
    } finally {
      state.lock.unlock();
    }
  }

  private void awaitDone() throws IOException {
    state.requireNotFailed();
    if (state.closing && !isLinking) {
      throw new IllegalStateException("the index is closed");
    }
    LiveState.await(state.workDone);
  }
}
