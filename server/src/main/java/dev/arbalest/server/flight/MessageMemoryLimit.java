// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.AllocationOutcome;
import org.jspecify.annotations.Nullable;

/**
 * Has large messages of Flight wait for memory until others have given theirs back, where Arrow
 * would fail: the client then cannot send more, which is all it sees. Thread-safe.
 */
final class MessageMemoryLimit implements AllocationListener, AutoCloseable {
  private static final long SMALL_BYTES = 64 << 10;
  private static final long MAX_NANOS = TimeUnit.MINUTES.toNanos(2);

  /**
   * Bound in threads that take messages in: they give memory back, so they must not wait for it.
   */
  private static final ScopedValue<Boolean> TAKING_IN = ScopedValue.newInstance();

  private final long most;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition released = lock.newCondition();

  // Guarded by the lock:
  private long taken;
  private boolean closed;

  /**
   * Creates it.
   *
   * @param most bytes of large buffers at a time
   */
  MessageMemoryLimit(long most) {
    this.most = most;
  }

  /** Bytes of large buffers now. */
  long taken() {
    lock.lock();
    try {
      return taken;
    } finally {
      lock.unlock();
    }
  }

  /** Does something that never waits. */
  static <T extends @Nullable Object, X extends Throwable> T whileTakingIn(
      ScopedValue.CallableOp<T, X> work) throws X {
    return ScopedValue.where(TAKING_IN, true).call(work);
  }

  /** Releases all waiting threads. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      released.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void onPreAllocation(long size) {
    if (size < SMALL_BYTES) {
      return;
    }
    lock.lock();
    try {
      long left = MAX_NANOS;
      while (taken > 0 && taken + size > most && left > 0 && !closed && !TAKING_IN.isBound()) {
        left = released.awaitNanos(left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the allocator's own limit decides
    } finally {
      taken += size;
      lock.unlock();
    }
  }

  @Override
  public boolean onFailedAllocation(long size, AllocationOutcome outcome) {
    onRelease(size);
    return false;
  }

  @Override
  public void onRelease(long size) {
    if (size < SMALL_BYTES) {
      return;
    }
    lock.lock();
    try {
      taken -= size;
      released.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
