// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Lets one writer know when all readers that could still see something have gone, without readers
 * ever waiting: the scheme of HdrHistogram's {@code WriterReaderPhaser} the other way round.
 *
 * <p>Assumptions: every read section is begun with {@link #enter} and ended with {@link #exit} of
 * what that returned, once, by any thread, and ends after bounded time. What the writer takes away
 * (a node's last edge, rows of the tail) it takes away before it calls {@link #flip}.
 *
 * <p>Guarantees: when {@link #flip} returns, every section that had begun before the call has
 * ended; sections begun later see all the writer did before the call. So memory that was reachable
 * only through what was taken away may be written again.
 *
 * <p>Progress: {@link #enter} and {@link #exit} are one atomic addition each, wait-free where the
 * processor has one, whatever the writer does. A flip waits for the running sections, not for those
 * that begin meanwhile; flips wait for each other.
 *
 * <pre>
 *   reader: long phase = phaser.enter();      writer: unlink(node);
 *           try { ... walk, read ... }                phaser.flip();
 *           finally { phaser.exit(phase); }           reuse(node);
 * </pre>
 */
public final class ReaderPhaser {
  /** First look at whether readers have gone: about a search's shortest time. */
  private static final long MIN_WAIT_NANOS = 20_000;

  private static final long MAX_WAIT_NANOS = 1_000_000;

  /** Sections begun in the present phase; odd phases count from the least number. */
  private final AtomicLong begun = new AtomicLong();

  private final AtomicLong evenEnded = new AtomicLong();
  private final AtomicLong oddEnded = new AtomicLong(Long.MIN_VALUE);

  /** Begins a read section. */
  public long enter() {
    return begun.getAndIncrement();
  }

  /**
   * Ends a read section.
   *
   * @param phase what {@link #enter} returned
   */
  public void exit(long phase) {
    (phase < 0 ? oddEnded : evenEnded).getAndIncrement();
  }

  /** Waits until every section has ended that begins before this call. */
  public synchronized void flip() {
    boolean wasOdd = begun.get() < 0;
    long first = wasOdd ? 0 : Long.MIN_VALUE;
    AtomicLong next = wasOdd ? evenEnded : oddEnded;
    next.set(first); // nobody is in that phase: the last flip waited for it
    long count = begun.getAndSet(first);
    AtomicLong ended = wasOdd ? oddEnded : evenEnded;
    long nanos = MIN_WAIT_NANOS;
    while (ended.get() != count) {
      LockSupport.parkNanos(nanos);
      nanos = Math.min(2 * nanos, MAX_WAIT_NANOS);
    }
  }
}
