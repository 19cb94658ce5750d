// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.read;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.ssd.format.VectorFile;
import java.io.IOException;
import java.lang.foreign.SegmentAllocator;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Makes the readers of an index; their buffers come from memory that must outlive them. */
public final class SlotReaders {
  /** Reads in flight per search: a rerank deeper than this goes in several batches. */
  public static final int CAPACITY = 128;

  /** Enough blocked threads to keep a disk busy that serves 32 requests at a time. */
  private static final int PREAD_THREADS = 32;

  private SlotReaders() {}

  public static ExecutorService newPreadPool() {
    ThreadPoolExecutor pool =
        new ThreadPoolExecutor(
            PREAD_THREADS,
            PREAD_THREADS,
            10,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(), // bounded by contexts times their buffers
            Thread.ofPlatform().daemon().name("arbalest-pread-", 1).factory());
    pool.allowCoreThreadTimeOut(true);
    return pool;
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  public static SlotReader open(
      ReaderKind kind,
      DirectFile file,
      VectorFile geometry,
      @Nullable FileMapping mapping,
      @Nullable Executor pool,
      SegmentAllocator memory)
      throws IOException {
    return switch (kind) {
      case URING -> new UringReader(file, geometry, CAPACITY, memory);
      case PREAD -> new PreadReader(file, geometry, CAPACITY, Objects.requireNonNull(pool), memory);
      case MMAP ->
          new MmapReader(file.path(), Objects.requireNonNull(mapping), geometry, CAPACITY, memory);
      case AUTO -> throw new IllegalArgumentException("auto is resolved when an index is opened");
    };
  }
}
