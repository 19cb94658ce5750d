// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.collections.model.CollectionException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * The threads that search, whatever protocol a query came by: a ring of io_uring is cheapest in the
 * hands of one thread, and more searches at a time than processors only wait for each other. Who
 * asks waits; the queue is bounded, and when it is full requests are refused.
 */
public final class SearchPool implements AutoCloseable {
  private static final long RETRY_MILLIS = 100;

  private final ThreadPoolExecutor executor;

  public SearchPool(int threads, int queue) {
    ThreadFactory factory = Thread.ofPlatform().daemon().name("arbalest-search-", 0).factory();
    this.executor =
        new ThreadPoolExecutor(
            threads, threads, 0, TimeUnit.SECONDS, new ArrayBlockingQueue<>(queue), factory);
  }

  /** Runs something on one of the threads and waits for it. */
  public <T> T call(Callable<T> search) {
    Future<T> future;
    try {
      future = executor.submit(search);
    } catch (RejectedExecutionException e) {
      throw new CollectionException(
          CollectionException.Kind.EXHAUSTED,
          "too many searches are waiting; try again",
          RETRY_MILLIS,
          e);
    }
    try {
      return future.get();
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      if (cause instanceof CollectionException failure) {
        throw failure;
      }
      throw new CollectionException(
          CollectionException.Kind.INTERNAL, "search failed: " + cause, 0, cause);
    } catch (InterruptedException e) {
      future.cancel(false);
      Thread.currentThread().interrupt();
      throw new CollectionException(CollectionException.Kind.UNAVAILABLE, "the server stops", 0, e);
    }
  }

  /** Searches that wait for a thread. */
  public int waiting() {
    return executor.getQueue().size();
  }

  /** Running searches. */
  public int active() {
    return executor.getActiveCount();
  }

  @Override
  public void close() {
    executor.close();
  }
}
