// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.log;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.ssd.format.FileHeader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Reads the segments of a {@link WriteAheadLog} one after another, in the order of their numbers,
 * and tells torn ends from damage as described there. Not thread-safe.
 */
public final class LogReader implements AutoCloseable {
  private final long after;

  /** Receives blocks of the log. */
  @FunctionalInterface
  public interface Replay {
    /** Receives a block; the payload is valid during the call. */
    void block(long sequence, MemorySegment payload, int bytes, int floatsFrom) throws IOException;
  }

  private final Replay replay;
  private final NativeMemory payload = NativeMemory.allocate(LogBlock.MAX_BYTES);
  private final NativeMemory scratch = NativeMemory.allocate(LogBlock.MAX_BYTES + (128L << 10));
  private final BytePlanes planes =
      new BytePlanes(LogBlock.MAX_BYTES, SegmentAllocator.slicingAllocator(scratch.segment()));
  private long lastSequence = -1;
  private long step;

  /** Delivers blocks behind {@code after}. */
  LogReader(long after, Replay replay) {
    this.after = after;
    this.replay = replay;
  }

  /** Reads a segment; {@code next} is the one after it, null for the last. */
  LogSegments.Segment read(Path path, @Nullable Path next) throws IOException {
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.READ)) {
      long size = file.size();
      if (size < FileHeader.BYTES || size > 1L << 31) {
        throw new CorruptIndexException(path, "a log segment of " + size + " bytes");
      }
      long room =
          (size + LogSegments.PAGE_BYTES - 1) / LogSegments.PAGE_BYTES * LogSegments.PAGE_BYTES;
      try (NativeMemory memory = NativeMemory.allocate(room)) {
        if (file.readUpTo(memory.segment(), 0, room, 0) < size) {
          throw new IOException(path + " became shorter while it was read");
        }
        checkHeader(path, memory.segment());
        if (next == null) {
          // Later writes reuse the slots of replayed blocks, acknowledged or not.
          file.sync();
        }
        long expectedEnd = next == null ? -1 : firstSequence(next) - 1;
        readBlocks(path, memory.segment(), expectedEnd);
      }
      return new LogSegments.Segment(path, lastSequence, size);
    }
  }

  /** Where the blocks of a segment end. */
  public static long end(Path path) throws IOException {
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.READ);
        NativeMemory memory = NativeMemory.allocate(LogSegments.pad(file.size(), 4096))) {
      long size = file.readUpTo(memory.segment(), 0, memory.byteSize(), 0);
      FileHeader header = FileHeader.read(memory.segment(), path, FileHeader.Kind.LOG);
      long sequence = header.number(1);
      long at = FileHeader.BYTES;
      while (at < size) {
        LogBlock block = LogBlock.read(memory.segment(), at);
        if (block == null
            || block.segment() != header.number(0)
            || block.sequence() != sequence
            || !block.isWhole(memory.segment(), at)) {
          break;
        }
        sequence++;
        at += LogSegments.pad(LogBlock.HEAD_BYTES + (long) block.storedBytes(), header.number(2));
      }
      return at;
    }
  }

  private void checkHeader(Path path, MemorySegment memory) throws CorruptIndexException {
    FileHeader header = FileHeader.read(memory, path, FileHeader.Kind.LOG);
    if (header.number(0) != LogSegments.number(path)) {
      throw new CorruptIndexException(
          path, 16, "segment " + LogSegments.number(path), String.valueOf(header.number(0)));
    }
    long first = header.number(1);
    if (lastSequence < 0 ? first > after + 1 : first != lastSequence + 1) {
      throw new CorruptIndexException(
          path,
          24,
          "a segment from block " + ((lastSequence < 0 ? after : lastSequence) + 1),
          "one from block " + first);
    }
    lastSequence = first - 1;
    step = header.number(2);
    if (step < LogSegments.MIN_STEP || step > LogSegments.PAGE_BYTES || Long.bitCount(step) != 1) {
      throw new CorruptIndexException(path, 32, "a step of 512 to 4096", String.valueOf(step));
    }
  }

  private static long firstSequence(Path path) throws IOException {
    return LogSegments.header(path).number(1);
  }

  private void readBlocks(Path path, MemorySegment memory, long expectedEnd) throws IOException {
    long at = FileHeader.BYTES;
    while (lastSequence != expectedEnd) {
      LogBlock block = at < memory.byteSize() ? LogBlock.read(memory, at) : null;
      if (block == null
          || block.segment() != LogSegments.number(path)
          || block.sequence() != lastSequence + 1
          || !block.isWhole(memory, at)) {
        break;
      }
      if (block.sequence() > after) {
        deliver(path, memory, at, block);
      }
      lastSequence = block.sequence();
      at += LogSegments.pad(LogBlock.HEAD_BYTES + (long) block.storedBytes(), step);
    }
    if (expectedEnd >= 0 && lastSequence != expectedEnd) {
      throw new CorruptIndexException(
          path, at, "block " + (lastSequence + 1) + " of " + expectedEnd, "none");
    }
    if (expectedEnd < 0) {
      checkTornEnd(path, memory, at);
    }
  }

  /** Refuses an end behind which a block says that more had been durable. */
  private void checkTornEnd(Path path, MemorySegment memory, long from)
      throws CorruptIndexException {
    for (long at = from; at < memory.byteSize(); at += step) {
      LogBlock block = LogBlock.maybe(memory, at) ? LogBlock.read(memory, at) : null;
      if (block != null
          && block.segment() == LogSegments.number(path)
          && block.durable() > lastSequence) {
        throw new CorruptIndexException(
            path,
            from,
            "block " + (lastSequence + 1) + ", durable as block " + block.sequence() + " says",
            "none");
      }
    }
  }

  private void deliver(Path path, MemorySegment memory, long at, LogBlock block)
      throws IOException {
    if (!block.planes()) {
      MemorySegment payload = memory.asSlice(at + LogBlock.HEAD_BYTES, block.bytes());
      replay.block(block.sequence(), payload, block.bytes(), block.floatsFrom());
      return;
    }
    if (block.bytes() > LogBlock.MAX_BYTES) {
      throw new CorruptIndexException(
          path, at, "at most " + LogBlock.MAX_BYTES, "" + block.bytes());
    }
    MemorySegment stored = memory.asSlice(at + LogBlock.HEAD_BYTES, block.storedBytes());
    try {
      planes.decode(
          stored, block.storedBytes(), block.bytes(), block.floatsFrom(), payload.segment());
    } catch (IOException e) {
      throw new CorruptIndexException(path, at, "byte planes", String.valueOf(e.getMessage()));
    }
    replay.block(block.sequence(), payload.segment(), block.bytes(), block.floatsFrom());
  }

  /** Sequence of the last block read, or what precedes the first segment's; -1 before any. */
  long lastSequence() {
    return lastSequence;
  }

  @Override
  public void close() {
    try (payload;
        scratch) {
      planes.close();
    }
  }
}
