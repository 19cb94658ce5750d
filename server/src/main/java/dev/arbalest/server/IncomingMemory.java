package dev.arbalest.server;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.AllocationOutcome;

/**
 * Has large messages of Flight wait for memory until others have given theirs back, where Arrow
 * would fail: the client then cannot send more, which is all it sees. Thread-safe.
 */
final class IncomingMemory implements AllocationListener {
  private static final long SMALL_BYTES = 64 << 10;
  private static final long MOST_NANOS = TimeUnit.MINUTES.toNanos(2);

  private final long most;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition released = lock.newCondition();

  /** Bytes of large buffers; guarded by the lock. */
  private long taken;

  /**
   * Makes one.
   *
   * @param most bytes of large buffers at a time
   */
  IncomingMemory(long most) {
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

  @Override
  public void onPreAllocation(long size) {
    if (size < SMALL_BYTES) {
      return;
    }
    lock.lock();
    try {
      long left = MOST_NANOS;
      while (taken > 0 && taken + size > most && left > 0) {
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
