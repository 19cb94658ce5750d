// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import java.io.IOException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Bounded pool of search contexts. A thread gets the context it used last while that is free, since
 * a ring is cheapest in the hands of the thread that opened it. More searches than contexts wait.
 * Thread-safe.
 */
public final class SearchContextPool implements AutoCloseable {
  private final Factory factory;
  private final Semaphore permits;
  private final AtomicReferenceArray<@Nullable SearchContext> free;
  private final AtomicInteger created = new AtomicInteger();
  private final int size;
  private volatile boolean closed;

  /** Makes contexts. */
  @FunctionalInterface
  public interface Factory {
    SearchContext create() throws IOException;
  }

  public SearchContextPool(int size, Factory factory) {
    this.size = size;
    this.factory = factory;
    this.permits = new Semaphore(size);
    this.free = new AtomicReferenceArray<>(size);
  }

  /** Takes a context, waiting for one if all are in use. */
  public SearchContext acquire() throws IOException {
    permits.acquireUninterruptibly();
    try {
      if (closed) {
        throw new IllegalStateException("the index is closed");
      }
      int home = home();
      while (true) {
        for (int i = 0; i < size; i++) {
          SearchContext context = free.getAndSet((home + i) % size, null);
          if (context != null) {
            return context;
          }
          if (i == 0 && reserve()) {
            return create();
          }
        }
        Thread.onSpinWait(); // a context was given back behind the scan
      }
    } catch (Throwable e) {
      permits.release();
      throw e;
    }
  }

  private boolean reserve() {
    int count = created.get();
    while (count < size) {
      int seen = created.compareAndExchange(count, count + 1);
      if (seen == count) {
        return true;
      }
      count = seen;
    }
    return false;
  }

  private SearchContext create() throws IOException {
    try {
      return factory.create();
    } catch (Throwable e) {
      created.decrementAndGet();
      throw e;
    }
  }

  /** Closes a context whose search failed: what it was reading may still arrive in its buffers. */
  public void discard(SearchContext context, Throwable cause) {
    try {
      context.close();
    } catch (IOException e) {
      cause.addSuppressed(e);
    } finally {
      created.decrementAndGet();
      permits.release();
    }
  }

  /** Gives a context back. */
  public void release(SearchContext context) {
    int home = home();
    for (int i = 0; ; i = (i + 1) % size) {
      if (free.compareAndSet((home + i) % size, null, context)) {
        permits.release();
        return;
      }
    }
  }

  private int home() {
    return (int) (Thread.currentThread().threadId() % size);
  }

  /** Waits for running searches, then closes all contexts; later searches are refused. */
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true; // first, or a stream of new searches would keep the permits from being free
    permits.acquireUninterruptibly(size);
    permits.release(size);
    IOException failure = null;
    for (int i = 0; i < size; i++) {
      SearchContext context = free.getAndSet(i, null);
      try {
        if (context != null) {
          context.close();
        }
      } catch (IOException e) {
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
