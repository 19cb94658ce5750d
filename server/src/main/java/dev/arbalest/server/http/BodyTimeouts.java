// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/**
 * Interrupts threads that wait too long for a request body: Helidon reads from sockets without a
 * timeout. An interrupt closes the connection, so nothing can be answered. Thread-safe.
 */
final class BodyTimeouts {
  private static final long PERIOD_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Set<Reading> readings = ConcurrentHashMap.newKeySet();
  private final AtomicBoolean watching = new AtomicBoolean();

  /** A body that is being read, by the thread that made this. */
  static final class Reading {
    private final Thread thread = Thread.currentThread();
    private volatile long deadline;
    private boolean ended;
    private boolean late;

    private Reading(long deadline) {
      this.deadline = deadline;
    }

    /** Until when it may take; as {@link System#nanoTime}. */
    void allowUntil(long nanos) {
      deadline = nanos;
    }

    private synchronized void interruptIfLate() {
      if (!ended && !late && System.nanoTime() - deadline > 0) {
        late = true;
        thread.interrupt();
      }
    }

    private synchronized boolean end() {
      if (late && !ended) {
        boolean _ = Thread.interrupted(); // it was meant for the reading
      }
      ended = true;
      return late;
    }
  }

  /** Begins to watch the calling thread. */
  Reading begin(long deadline) {
    Reading reading = new Reading(deadline);
    readings.add(reading);
    if (watching.compareAndSet(false, true)) {
      Thread.ofVirtual().name("arbalest-bodies").start(this::watch);
    }
    return reading;
  }

  /** Ends that; returns whether it was interrupted. To be called by the same thread. */
  boolean end(Reading reading) {
    readings.remove(reading);
    return reading.end();
  }

  private void watch() {
    while (true) {
      LockSupport.parkNanos(PERIOD_NANOS);
      readings.forEach(Reading::interruptIfLate);
      if (readings.isEmpty()) {
        watching.set(false);
        // One may have begun in between and left the watch to this thread.
        if (readings.isEmpty() || !watching.compareAndSet(false, true)) {
          return;
        }
      }
    }
  }
}
