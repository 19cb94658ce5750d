// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.natives.SystemFacts;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Decides which collections keep their files open. A request opens its collection. The least
 * recently used ones are closed when others need their memory within the server's budget, or when
 * too many are open. Small collections open in a moment, so they are also closed after being idle
 * for a while; closed, they use disk space only. Thread-safe.
 */
final class OpenCollections implements AutoCloseable {
  /** Memory that an open collection takes in addition to its points. */
  private static final long OPEN_BYTES = 8L << 20;

  private static final long SMALL_BYTES = 8L << 20;
  private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(30);
  private static final long SWEEP_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final long RETRY_MILLIS = 1000;

  /** A collection that can be closed while it is idle. */
  interface Member {
    /** The name. */
    String name();

    /** {@link System#nanoTime} of its last use. */
    long idleSince();

    /** Memory its points take. */
    long memoryBytes();

    /** Closes it if no request uses it; returns whether it did. */
    boolean closeIfIdle();
  }

  private final long budgetBytes;
  private final int mostOpen;
  private final Set<Member> open = ConcurrentHashMap.newKeySet();
  private final Thread sweeper;
  private volatile boolean closed;

  OpenCollections(long budgetBytes, int mostOpen) {
    this.budgetBytes = budgetBytes;
    this.mostOpen = mostOpen;
    this.sweeper =
        Thread.ofPlatform().daemon().name("arbalest-idle-collections").start(this::sweepForEver);
  }

  /** Most that are open at a time, as long as others are not in use. */
  int mostOpen() {
    return mostOpen;
  }

  /** How many are open. */
  int count() {
    return open.size();
  }

  void opened(Member collection) {
    open.add(collection);
  }

  void closed(Member collection) {
    open.remove(collection);
  }

  /**
   * Makes room for a collection that is about to be opened, by closing idle ones.
   *
   * @param bytes of memory its points take
   * @throws CollectionException EXHAUSTED if there is none
   */
  synchronized void makeRoom(Member wanted, long bytes) {
    long needed = bytes + OPEN_BYTES;
    while (open.size() >= mostOpen || used() + needed > budgetBytes) {
      if (!closeOne(wanted)) {
        break;
      }
    }
    if (used() + needed > budgetBytes) {
      throw new CollectionException(
          CollectionException.Kind.EXHAUSTED,
          "collection "
              + wanted.name()
              + " needs "
              + needed
              + " bytes of memory; of the budget of "
              + budgetBytes
              + " are "
              + used()
              + " used, and no other collection is idle; drop some, or start the server with more"
              + " --memory or a smaller heap",
          RETRY_MILLIS,
          null);
    }
  }

  private static long used() {
    return SystemFacts.budgetedBytes();
  }

  /** Closes the one not used for longest that can be closed; returns whether there was one. */
  private boolean closeOne(Member wanted) {
    List<Member> byUse =
        open.stream()
            .filter(collection -> !collection.name().equals(wanted.name()))
            .sorted(Comparator.comparingLong(Member::idleSince))
            .toList();
    for (Member collection : byUse) {
      if (collection.closeIfIdle()) {
        return true;
      }
    }
    return false;
  }

  private void sweepForEver() {
    while (!closed) {
      LockSupport.parkNanos(SWEEP_NANOS);
      long now = System.nanoTime();
      for (Member collection : open) {
        if (!closed
            && now - collection.idleSince() > IDLE_NANOS
            && collection.memoryBytes() < SMALL_BYTES) {
          boolean _ = collection.closeIfIdle();
        }
      }
    }
  }

  @Override
  public void close() {
    closed = true;
    LockSupport.unpark(sweeper);
  }
}
