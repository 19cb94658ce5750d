// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.log;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.SystemCallException;
import dev.arbalest.ssd.format.FileHeader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Stores blocks of bytes in append order in segment files {@code N.wal} of one directory. An
 * acknowledged block is durable. A segment is a {@link FileHeader} (numbers: N, sequence of its
 * first block, step, generation in which the index was built) and {@link LogBlock}s at multiples of
 * the step, the unit the disk writes atomically. Writes bypass the page cache. A {@link
 * LogBlock#marker} follows the last block once that block is durable.
 *
 * <p>After a crash: a segment gets its name once its header is durable, and writing moves to it
 * only when the segment before it is durable as a whole. Only the last segment can therefore end in
 * torn blocks. Opening replays all blocks before the first torn one and continues in a new segment.
 * It refuses the log if a block that a later block or marker declares durable differs from its
 * checksum, if an earlier segment is damaged, or if a sequence is missing. It may replay blocks
 * that were never acknowledged.
 *
 * <p>{@link LogAppender}s of several threads compress in parallel and share each {@code fsync}: one
 * call makes durable every block written while the previous call ran. After a failed {@code fsync}
 * the kernel may have dropped any unsynced page, so the log refuses further appends until it is
 * reopened. Thread-safe.
 */
public final class WriteAheadLog implements AutoCloseable {
  /** Largest payload. */
  public static final int MAX_BYTES = LogBlock.MAX_BYTES;

  /**
   * How a log is kept.
   *
   * @param segmentBytes largest size of a segment file, at least 64 KiB; the first is small and
   *     each next one twice as large, so that a rarely written index needs little space
   * @param compress whether payloads are stored as {@link BytePlanes} where that saves a sixteenth
   * @param syncMillis 0: {@link WriteAheadLog#acknowledge} returns when a block is durable; more:
   *     it returns at once, and a failure of the machine (not of the process alone) may lose the
   *     writes acknowledged during the last {@code syncMillis} milliseconds
   */
  public record Options(long segmentBytes, boolean compress, int syncMillis) {
    public Options {
      if (segmentBytes < 64 << 10) {
        throw new IllegalArgumentException("segments must have at least 64 KiB: " + segmentBytes);
      }
      if (syncMillis < 0) {
        throw new IllegalArgumentException("sync interval must be at least 0 ms: " + syncMillis);
      }
    }

    public static Options defaults() {
      return new Options(64L << 20, true, 0);
    }
  }

  private final Path directory;
  private final Options options;
  private final LogSegments segments;
  private final Object writing = new Object();
  private final Object syncing = new Object();
  private final @Nullable Thread syncer;

  // Guarded by writing:
  private DirectFile file;
  private long number;
  private long end;
  private long appended;
  private long last;
  private long marked;
  private final NativeMemory marker = NativeMemory.allocate(LogSegments.PAGE_BYTES);

  private volatile long written;
  private volatile long durable;
  private final LongAdder syncs = new LongAdder();
  private final LongAdder syncNanos = new LongAdder();
  private volatile @Nullable IOException failure;
  private volatile boolean closed;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // the segment is closed by roll() or close()
  private WriteAheadLog(
      Path directory,
      Options options,
      long base,
      List<LogSegments.Segment> olds,
      long lastNumber,
      long lastSequence)
      throws IOException {
    this.directory = directory;
    this.options = options;
    this.segments =
        new LogSegments(directory, options.segmentBytes(), base, olds, e -> failure = e);
    this.last = lastSequence;
    this.written = lastSequence;
    this.appended = olds.stream().mapToLong(LogSegments.Segment::bytes).sum();
    this.durable = lastSequence;
    try {
      this.file = segments.begin(lastNumber + 1, lastSequence + 1);
    } catch (Throwable e) {
      marker.close();
      throw e;
    }
    this.number = lastNumber + 1;
    this.end = FileHeader.BYTES;
    this.syncer =
        options.syncMillis() == 0
            ? null
            : Thread.ofPlatform().daemon().name("arbalest-wal-sync").start(this::syncForEver);
  }

  /**
   * Opens the log of a directory, which is created if need be; replays what lies behind {@code
   * after}.
   *
   * @param base what the log belongs to; segments of another are of an index that was replaced, and
   *     removed
   * @param after sequence of the last block that is not needed any more
   * @throws CorruptIndexException if blocks that were durable are damaged or missing
   */
  @MustBeClosed
  public static WriteAheadLog open(
      Path directory, Options options, long base, long after, LogReader.Replay replay)
      throws IOException {
    Files.createDirectories(directory);
    // Segments are durable only if their directory is, and its creator may have been killed.
    DirectFile.syncDirectory(
        java.util.Objects.requireNonNull(directory.toAbsolutePath().getParent()));
    DirectFile.syncDirectory(directory);
    List<Path> segments = LogSegments.list(directory, base, after);
    List<LogSegments.Segment> olds = new ArrayList<>();
    long lastSequence;
    try (LogReader reader = new LogReader(after, replay)) {
      for (int i = 0; i < segments.size(); i++) {
        Path next = i + 1 < segments.size() ? segments.get(i + 1) : null;
        olds.add(reader.read(segments.get(i), next));
      }
      lastSequence = reader.lastSequence();
    }
    if (lastSequence < after) {
      // Nothing of them is needed, and the next segment would not join on.
      for (LogSegments.Segment segment : olds) {
        Files.delete(segment.path());
      }
      olds.clear();
      lastSequence = after;
    }
    long lastNumber = segments.isEmpty() ? 0 : LogSegments.number(segments.getLast());
    return new WriteAheadLog(directory, options, base, olds, lastNumber, lastSequence);
  }

  /**
   * Makes an appender.
   *
   * @param mostBytes longest payload, at most {@link #MAX_BYTES}
   * @param memory for buffers, about three times as much; must outlive it
   */
  @MustBeClosed
  public LogAppender newAppender(int mostBytes, SegmentAllocator memory) {
    if (mostBytes < 1 || mostBytes > MAX_BYTES) {
      throw new IllegalArgumentException(
          "payloads must have 1 to " + MAX_BYTES + " bytes: " + mostBytes);
    }
    return new LogAppender(mostBytes, options.compress(), memory, this::write);
  }

  private long write(
      MemorySegment block, int bytes, int stored, int floatsFrom, boolean planes, int checksum)
      throws IOException {
    synchronized (writing) {
      requireUsable();
      long length = (long) LogBlock.HEAD_BYTES + stored;
      long padded = LogSegments.pad(length, LogSegments.step(file));
      boolean hasRoom =
          end + padded + LogSegments.step(file) <= segments.currentBytes(); // and for a marker
      if (!hasRoom && end > FileHeader.BYTES) {
        roll();
      }
      long sequence = last + 1;
      new LogBlock(number, sequence, durable, bytes, stored, floatsFrom, planes, checksum)
          .write(block, 0);
      block.asSlice(length, padded - length).fill((byte) 0);
      file.write(block, 0, padded, end);
      end += padded;
      appended += padded;
      last = sequence;
      written = sequence;
      return sequence;
    }
  }

  private void requireUsable() throws IOException {
    IOException broken = failure;
    if (broken != null) {
      throw new IOException(
          "the log " + directory + " failed and must be opened again: " + broken.getMessage(),
          broken);
    }
    if (closed) {
      throw new IOException("the log " + directory + " is closed");
    }
  }

  /** Goes on in a new segment, when the old one is durable. */
  @SuppressWarnings("MustBeClosedChecker") // kept as the current segment
  private void roll() throws IOException {
    synchronized (syncing) {
      sync(file, last);
      DirectFile next = segments.begin(number + 1, last + 1);
      file.close();
      segments.ended(new LogSegments.Segment(LogSegments.path(directory, number), last, end));
      file = next;
      number++;
      end = FileHeader.BYTES;
    }
  }

  /** Under {@link #syncing}. */
  private void sync(DirectFile target, long upTo) throws IOException {
    if (durable >= upTo) {
      return;
    }
    LogSyncEvent event = new LogSyncEvent();
    event.begin();
    long start = System.nanoTime();
    try {
      target.sync();
    } catch (IOException e) {
      failure = e;
      throw e;
    }
    syncNanos.add(System.nanoTime() - start);
    syncs.increment();
    event.end();
    if (event.shouldCommit()) {
      event.blocks = upTo - durable;
      event.commit();
    }
    durable = upTo;
  }

  /** Times the log was made durable. */
  public long syncs() {
    return syncs.sum();
  }

  /** Nanoseconds that took. */
  public long syncNanos() {
    return syncNanos.sum();
  }

  /**
   * Waits until a block may be acknowledged, as the options say.
   *
   * @throws IOException if it could not be made durable; whether it survives a crash is unknown
   */
  public void acknowledge(long sequence) throws IOException {
    if (options.syncMillis() > 0) {
      requireUsable();
      return;
    }
    if (durable < sequence) {
      makeDurable();
    }
  }

  /** Makes everything durable that has been appended. */
  public void makeDurable() throws IOException {
    synchronized (syncing) {
      long upTo = written;
      if (durable >= upTo) {
        return; // the previous holder of the lock synced this block, too
      }
      requireUsable();
      // Not under the other lock: others append meanwhile. roll() changes the file under this one.
      sync(file, upTo);
    }
    mark();
  }

  /** Says behind the last block that it is durable, if no other says so by following it. */
  private void mark() throws IOException {
    synchronized (writing) {
      if (closed || durable < last || marked == last || end == FileHeader.BYTES) {
        return;
      }
      requireUsable();
      LogBlock.marker(number, last).write(marker.segment(), 0);
      try {
        file.write(marker.segment(), 0, LogSegments.step(file), end);
      } catch (SystemCallException e) {
        if (!e.isOutOfSpace()) { // a block longer than a segment may leave no room for one
          failure = e;
          throw e;
        }
      }
      marked = last;
    }
  }

  private void syncForEver() {
    while (!closed && failure == null) {
      LockSupport.parkNanos(options.syncMillis() * 1_000_000L);
      try {
        makeDurable();
      } catch (IOException e) {
        failure = e; // the next append fails with it
      }
    }
  }

  /** Sequence of the last block appended, 0 if there never was one. */
  public long lastSequence() {
    return written;
  }

  /** Sequence up to which all blocks are durable. */
  public long durableSequence() {
    return durable;
  }

  /** Where the next block of the current segment begins. */
  long currentEnd() {
    synchronized (writing) {
      return end;
    }
  }

  /** Bytes of blocks ever appended, those found when the log was opened included. */
  public long appendedBytes() {
    synchronized (writing) {
      return appended;
    }
  }

  /** Bytes written to segments that have not been released, padding and headers included. */
  public long writtenBytes() {
    synchronized (writing) {
      return end + segments.endedBytes();
    }
  }

  /**
   * Releases the segments without blocks behind {@code sequence}; their files become new segments.
   */
  public void release(long sequence) throws IOException {
    synchronized (writing) {
      segments.release(sequence);
    }
  }

  /** Makes everything durable and closes; no append may be running. */
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    try {
      if (failure == null) {
        makeDurable();
      }
    } finally {
      closed = true;
      if (syncer != null) {
        LockSupport.unpark(syncer);
      }
      synchronized (writing) { // the syncing thread may be writing a marker
        synchronized (syncing) {
          try (marker) {
            file.close();
          }
        }
      }
    }
  }
}
