// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.collection;

import java.util.LinkedHashSet;
import java.util.SequencedSet;
import java.util.concurrent.locks.LockSupport;

/**
 * Checks the recall of the collections that are searched, one after the other, on a thread that
 * works a fiftieth of the time.
 */
final class RecallWatch implements AutoCloseable {
  /** Time of rest per time of work. */
  private static final int REST = 49;

  /** Collections with a search to check. */
  private final SequencedSet<CollectionLifecycle> waiting = new LinkedHashSet<>();

  private final Thread thread =
      Thread.ofPlatform().daemon().name("arbalest-recall").unstarted(this::run);
  private boolean closed;

  /** Starts the thread. */
  RecallWatch() {
    thread.start();
  }

  /** Has a collection checked in its turn. */
  void add(CollectionLifecycle collection) {
    synchronized (waiting) {
      if (!closed && waiting.add(collection)) {
        waiting.notifyAll();
      }
    }
  }

  private void run() {
    try {
      while (true) {
        CollectionLifecycle collection = take();
        long start = System.nanoTime();
        if (collection.checkRecall()) {
          add(collection); // it may have more
        }
        rest(REST * (System.nanoTime() - start));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // by close
    }
  }

  private CollectionLifecycle take() throws InterruptedException {
    synchronized (waiting) {
      while (waiting.isEmpty()) {
        waiting.wait();
      }
      return waiting.removeFirst();
    }
  }

  private static void rest(long nanos) throws InterruptedException {
    long end = System.nanoTime() + nanos;
    for (long left = nanos; left > 0; left = end - System.nanoTime()) {
      LockSupport.parkNanos(left);
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
    }
  }

  /** Ends the thread, after the check that is running. */
  @Override
  public void close() {
    synchronized (waiting) {
      closed = true;
      waiting.clear();
    }
    thread.interrupt();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
