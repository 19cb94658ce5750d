// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.read;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.ssd.format.VectorFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Reads with pread on a pool of threads that all contexts of an index share: one read after another
 * in the searching thread would take three times as long per batch.
 */
final class PreadReader implements SlotReader {
  private final DirectFile file;
  private final SlotBuffers buffers;
  private final Executor pool;
  private final ReadTask[] tasks;
  private final ArrayBlockingQueue<ReadTask> completed;
  private int inFlight;

  PreadReader(
      DirectFile file, VectorFile geometry, int capacity, Executor pool, SegmentAllocator memory) {
    this.file = file;
    this.buffers = new SlotBuffers(geometry, file.alignmentBytes(), capacity, memory);
    this.pool = pool;
    this.completed = new ArrayBlockingQueue<>(capacity);
    this.tasks = new ReadTask[capacity];
    for (int i = 0; i < capacity; i++) {
      tasks[i] = new ReadTask(i);
    }
  }

  @Override
  public int capacity() {
    return tasks.length;
  }

  @Override
  public int submit(long slot, int bytes, int buffer) {
    tasks[buffer].fileOffset = buffers.fileOffset(slot, bytes, buffer);
    int length = buffers.readBytes(buffer);
    inFlight++;
    try {
      pool.execute(tasks[buffer]);
    } catch (Throwable e) {
      inFlight--;
      throw e;
    }
    return length;
  }

  @Override
  public void start() {
    // Every read began when it was submitted.
  }

  @Override
  public void await() throws IOException {
    IOException failure = null;
    boolean interrupted = false;
    while (inFlight > 0) {
      try {
        ReadTask task = completed.take();
        inFlight--;
        failure = task.failure == null ? failure : task.failure;
      } catch (InterruptedException e) {
        interrupted = true; // buffers are being written to: wait for them all the same
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (failure != null) {
      throw failure;
    }
  }

  @Override
  public MemorySegment memory() {
    return buffers.memory();
  }

  @Override
  public long offset(int buffer) {
    return buffers.offset(buffer);
  }

  @Override
  public void close() throws IOException {
    await();
  }

  private final class ReadTask implements Runnable {
    private final int buffer;
    private long fileOffset;
    private @Nullable IOException failure;

    ReadTask(int buffer) {
      this.buffer = buffer;
    }

    @Override
    public void run() {
      IOException problem = null;
      try {
        long read =
            file.readUpTo(
                buffers.memory(), buffers.start(buffer), buffers.readBytes(buffer), fileOffset);
        if (read < buffers.neededBytes(buffer)) {
          problem =
              new CorruptIndexException(
                  file.path(), fileOffset + read, "the rest of a vector", "the end of the file");
        }
      } catch (IOException e) {
        problem = e;
      } catch (Throwable e) {
        problem = new IOException("read of " + file.path() + " failed", e);
      }
      failure = problem;
      boolean added = completed.offer(this);
      assert added;
    }
  }
}
