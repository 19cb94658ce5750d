// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import dev.arbalest.WriteReceipt;
import dev.arbalest.collections.Collection;
import dev.arbalest.collections.PointBuffer;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.vector.Metric;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Between a stream of a client's batches and a collection: while one buffer is being written and
 * made durable the next is filled, with as many batches as come meanwhile, so that small ones share
 * a sync and large ones are cut. There are two buffers, and the producer waits for one. One thread
 * puts; another, of the queue, writes and acknowledges.
 */
final class IngestQueue implements AutoCloseable {
  /** Tells a client what became of its batches, from the thread of the queue. */
  interface Acknowledger {
    /**
     * Rows are durable.
     *
     * @param isLast whether they end a batch of the client's
     */
    void acknowledge(ObjectNode status, boolean isLast);
  }

  /** The rows of one batch in a buffer, and the rows left out. */
  private record Part(int rows, ArrayNode rejected, int refused, boolean isLast) {}

  /** Rejected rows of a batch that are reported with a reason. */
  private static final int MAX_REASONS = 1000;

  private final Collection collection;
  private final Metric metric;
  private final Acknowledger acknowledger;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Thread thread;

  /**
   * The producer thread. It may be blocked on a batch that the client sends only after our reply.
   */
  private final Thread putter = Thread.currentThread();

  // Guarded by lock:
  private PointBuffer filling;
  private PointBuffer writing;
  private List<Part> parts = new ArrayList<>();
  private boolean ended;
  private boolean busy;
  private long idleSince = System.nanoTime();
  private @Nullable CollectionException failure;

  /** Whether the producer knows of the failure; only its thread uses this. */
  private boolean isFailureTold;

  /**
   * Creates it.
   *
   * @param bytes of vectors that are written at a time
   */
  IngestQueue(Collection collection, int bytes, Acknowledger acknowledger) {
    CollectionSettings settings = collection.settings();
    this.collection = collection;
    this.metric = settings.metric();
    this.acknowledger = acknowledger;
    this.filling = new PointBuffer(settings.dimension(), bytes);
    this.writing = new PointBuffer(settings.dimension(), bytes);
    this.thread = Thread.ofVirtual().name("arbalest-ingest").start(this::run);
  }

  /**
   * Takes the rows of a batch. Reports rows that cannot be indexed once the others are durable.
   *
   * @throws CollectionException why an earlier batch could not be written
   */
  void put(ArrowPoints points) {
    lock.lock();
    try {
      requireSound();
      ArrayNode rejected = JsonBody.JSON.createArrayNode();
      int before = filling.size();
      int refused = 0;
      int told = 0;
      for (int row = 0; row < points.count(); row++) {
        if (filling.isFull()) {
          parts.add(new Part(filling.size() - before, rejected, refused, false));
          refused = 0;
          rejected = JsonBody.JSON.createArrayNode();
          changed.signalAll();
          awaitRoom();
          before = 0;
        }
        String problem = points.addTo(filling, row, metric);
        if (!problem.isEmpty()) {
          if (told++ < MAX_REASONS) {
            rejected.addObject().put("row", row).put("reason", problem);
          }
          refused++;
        }
      }
      parts.add(new Part(filling.size() - before, rejected, refused, true));
      changed.signalAll();
      requireSound();
    } finally {
      lock.unlock();
    }
  }

  private void awaitRoom() {
    while (!parts.isEmpty()) {
      requireSound();
      changed.awaitUninterruptibly();
    }
  }

  /** Throws why an earlier batch could not be written, if one could not. */
  void requireSound() {
    CollectionException cause = failure;
    if (cause != null) {
      isFailureTold = true;
      throw cause;
    }
  }

  private void run() {
    try {
      while (true) {
        List<Part> batch;
        lock.lock();
        try {
          while (parts.isEmpty() && !ended) {
            changed.awaitUninterruptibly();
          }
          if (parts.isEmpty()) {
            return;
          }
          PointBuffer full = filling;
          filling = writing;
          writing = full;
          batch = parts;
          parts = new ArrayList<>();
          busy = true;
          changed.signalAll();
        } finally {
          lock.unlock();
        }
        write(batch);
        lock.lock();
        try {
          busy = false;
          idleSince = System.nanoTime();
        } finally {
          lock.unlock();
        }
      }
    } catch (CollectionException e) {
      fail(e);
    } catch (Throwable e) {
      fail(new CollectionException(CollectionException.Kind.INTERNAL, "ingest failed: " + e, 0, e));
    }
  }

  /** Nanoseconds since there was something to write, 0 while there is. */
  long idleNanos() {
    lock.lock();
    try {
      return parts.isEmpty() && !busy ? System.nanoTime() - idleSince : 0;
    } finally {
      lock.unlock();
    }
  }

  /** Makes the producer fail, now or on its next batch. */
  void fail(CollectionException cause) {
    lock.lock();
    try {
      failure = cause;
      changed.signalAll();
      if (!ended) {
        putter.interrupt(); // it must not wait for more, and tells the client
      }
    } finally {
      lock.unlock();
    }
  }

  private void write(List<Part> batch) {
    WriteReceipt receipt = collection.upsert(writing.ids(), writing.payloads(), writing.rows());
    boolean slow = collection.isNearLimit();
    for (Part part : batch) {
      ObjectNode status = JsonBody.JSON.createObjectNode();
      status.put("status", slow ? "slow_down" : "ok");
      status.put("rows", part.rows());
      if (slow) {
        status.put("reason", "memory is short");
        status.put("delay_ms", Math.max(1, receipt.delayNanos() / 1_000_000));
      }
      if (part.refused() > 0) {
        status.set("rejected", part.rejected());
        status.put("rejected_count", part.refused());
      }
      acknowledger.acknowledge(status, part.isLast());
    }
    writing.clear();
  }

  /**
   * Waits until all that was put is written and acknowledged.
   *
   * @throws CollectionException why some of it could not be
   */
  void finish() {
    end();
    requireSound();
  }

  private void end() {
    lock.lock();
    try {
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true; // it writes from memory that is freed next
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    end();
    if (failure != null && !isFailureTold) {
      ServerLog.fault("a batch whose client is gone", failure);
    }
    try (PointBuffer _ = filling) {
      writing.close();
    }
  }
}
