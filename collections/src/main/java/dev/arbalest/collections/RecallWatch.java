// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import java.util.LinkedHashSet;
import java.util.SequencedSet;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Checks the recall of the collections that are searched, one after the other, on a thread that
 * works a fiftieth of the time.
 */
final class RecallWatch implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger("dev.arbalest.collections");

  /** A collection. */
  interface Member {
    /** Its name. */
    String name();

    /**
     * Checks the recall of a search that was made.
     *
     * @return whether there was one
     */
    boolean checkRecall();
  }

  /** Time of rest per time of work. */
  private static final int REST = 49;

  /** Collections with a search to check. */
  private final SequencedSet<Member> waiting = new LinkedHashSet<>();

  private final Thread thread =
      Thread.ofPlatform().daemon().name("arbalest-recall").unstarted(this::run);
  private volatile boolean closed;

  /** Starts the thread. */
  void start() {
    thread.start();
  }

  /** Has a collection checked in its turn. */
  void add(Member collection) {
    synchronized (waiting) {
      if (!closed && waiting.add(collection)) {
        waiting.notifyAll();
      }
    }
  }

  private void run() {
    while (true) {
      Member collection = take();
      if (collection == null) {
        return;
      }
      long start = System.nanoTime();
      if (check(collection)) {
        add(collection); // it may have more
      }
      rest(REST * (System.nanoTime() - start));
    }
  }

  private static boolean check(Member collection) {
    try {
      return collection.checkRecall();
    } catch (Throwable e) { // the others are still to be checked
      LOG.log(
          System.Logger.Level.WARNING, "checking the recall of collection " + collection.name(), e);
      return false;
    }
  }

  /** The next collection, or null once this is closed. */
  private @Nullable Member take() {
    synchronized (waiting) {
      while (waiting.isEmpty() && !closed) {
        try {
          waiting.wait();
        } catch (InterruptedException e) {
          return null; // nobody does that but the end of the process
        }
      }
      return closed ? null : waiting.removeFirst();
    }
  }

  private void rest(long nanos) {
    long end = System.nanoTime() + nanos;
    for (long left = nanos; left > 0 && !closed; left = end - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }

  /** Ends the thread, after the check that is running. */
  @Override
  public void close() {
    synchronized (waiting) {
      closed = true;
      waiting.clear();
      waiting.notifyAll();
    }
    LockSupport.unpark(thread);
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
