// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import com.google.errorprone.annotations.MustBeClosed;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A fixed team of threads for loops whose iterations are independent. The caller works too, as
 * worker 0. Results must not depend on which worker runs which range; then they do not depend on
 * the number of workers either.
 *
 * <p>One loop at a time: calls from several threads must not overlap.
 */
public final class Workers implements AutoCloseable {
  private final ExecutorService helpers;
  private final int size;

  private Workers(int size) {
    this.size = size;
    this.helpers =
        Executors.newFixedThreadPool(
            Math.max(1, size - 1),
            Thread.ofPlatform().daemon().name("arbalest-worker-", 1).factory());
  }

  /**
   * Starts a team.
   *
   * @param size workers including the caller, in [1, 1024]
   */
  @MustBeClosed
  public static Workers start(int size) {
    if (size < 1 || size > 1024) {
      throw new IllegalArgumentException("threads must be in [1, 1024]: " + size);
    }
    return new Workers(size);
  }

  /** Number of workers including the caller. */
  public int size() {
    return size;
  }

  /**
   * Runs {@code task} over [0, count) in ranges of {@code grain}, handed out in order.
   *
   * @throws IOException or an unchecked exception, the first a range threw; the ranges not yet
   *     begun are then left out
   */
  public void forRanges(int count, int grain, RangeTask task) throws IOException {
    if (grain < 1) {
      throw new IllegalArgumentException("grain must be at least 1: " + grain);
    }
    int ranges = (int) ((count + (long) grain - 1) / grain);
    AtomicInteger next = new AtomicInteger();
    List<Future<?>> running = new ArrayList<>();
    Throwable failure = null;
    try {
      for (int worker = 1; worker < Math.min(size, ranges); worker++) {
        int number = worker;
        running.add(
            helpers.submit(() -> {
              runRanges(number, next, ranges, count, grain, task);
              return null;
            }));
      }
      runRanges(0, next, ranges, count, grain, task);
    } catch (Throwable e) {
      failure = e; // also a thread that could not be started: those that run are waited for
      next.set(ranges);
    }
    boolean interrupted = false;
    for (Future<?> future : running) {
      while (true) {
        try {
          future.get();
          break;
        } catch (InterruptedException e) {
          interrupted = true; // ranges write to the caller's memory: they must end first
          next.set(ranges);
        } catch (ExecutionException e) {
          failure = failure == null ? e.getCause() : failure;
          break;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    switch (failure) {
      case null -> {
        if (interrupted) {
          throw new java.io.InterruptedIOException("interrupted while working");
        }
      }
      case IOException e -> throw e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(failure);
    }
  }

  private static void runRanges(
      int worker, AtomicInteger next, int ranges, int count, int grain, RangeTask task)
      throws IOException {
    try {
      for (int range = next.getAndIncrement(); range < ranges; range = next.getAndIncrement()) {
        int from = range * grain;
        task.run(worker, from, (int) Math.min(count, from + (long) grain));
      }
    } catch (Throwable e) {
      next.set(ranges);
      throw e;
    }
  }

  /** Ends the team's threads. */
  @Override
  public void close() {
    helpers.shutdownNow();
  }

  /** One range of a loop. */
  @FunctionalInterface
  public interface RangeTask {
    /**
     * Runs iterations [from, to).
     *
     * @param worker number of the executing worker, in [0, size): no two ranges run at the same
     *     time with the same number, so it may select scratch memory
     */
    void run(int worker, int from, int to) throws IOException;
  }
}
