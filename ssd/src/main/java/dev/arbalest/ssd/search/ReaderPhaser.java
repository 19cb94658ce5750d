// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Tells a writer when every reader that could still see a removed item has finished. Readers never
 * wait. This inverts the scheme of HdrHistogram's {@code WriterReaderPhaser}.
 *
 * <p>Assumptions: every read section starts with {@link #enter} and ends within bounded time with
 * one {@link #exit} of the returned value, on any thread. The writer removes an item (a node's last
 * edge, unlinked rows) before it calls {@link #flip}.
 *
 * <p>Guarantees: when {@link #flip} returns, every section that started before the call has ended,
 * and later sections see everything the writer did before the call. The writer may therefore reuse
 * memory that was reachable through removed items alone.
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
