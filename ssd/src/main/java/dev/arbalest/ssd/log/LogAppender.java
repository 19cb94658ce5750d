// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.log;

import dev.arbalest.ssd.format.FileHeader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/**
 * Compresses blocks and appends them to a log, for one thread at a time; holds its buffers.
 *
 * @see WriteAheadLog#newAppender
 */
public final class LogAppender implements AutoCloseable {
  private final MemorySegment block;
  private final @Nullable BytePlanes planes;
  private final int mostBytes;
  private final BlockWriter writer;

  /** Writes a block whose payload lies behind room for its head. */
  @FunctionalInterface
  interface BlockWriter {
    /** Writes a block and returns its sequence. */
    long write(
        MemorySegment block, int bytes, int stored, int floatsFrom, boolean planes, int checksum)
        throws IOException;
  }

  LogAppender(int mostBytes, boolean compress, SegmentAllocator memory, BlockWriter writer) {
    this.mostBytes = mostBytes;
    this.writer = writer;
    this.block =
        memory.allocate(
            LogSegments.pad(
                LogBlock.HEAD_BYTES + BytePlanes.bound(mostBytes), LogSegments.PAGE_BYTES),
            LogSegments.PAGE_BYTES);
    this.planes = compress ? new BytePlanes(mostBytes, memory) : null;
  }

  /**
   * Appends a block; it is durable when {@link WriteAheadLog#acknowledge} says so.
   *
   * @param payload bytes [0, bytes); [floatsFrom, bytes) are floats
   * @return its sequence
   * @throws IOException if the disk is full or fails; the block is then not in the log
   */
  public long append(MemorySegment payload, int bytes, int floatsFrom) throws IOException {
    if (bytes > mostBytes || floatsFrom > bytes || (bytes - floatsFrom) % 4 != 0) {
      throw new IllegalArgumentException(
          bytes + " bytes, floats from " + floatsFrom + ", most are " + mostBytes);
    }
    int stored = Integer.MAX_VALUE;
    if (planes != null) {
      MemorySegment target = block.asSlice(LogBlock.HEAD_BYTES);
      stored = planes.encode(payload, bytes, floatsFrom, target);
    }
    boolean compressed = stored < bytes - bytes / 16;
    if (!compressed) {
      stored = bytes;
      MemorySegment.copy(payload, 0, block, LogBlock.HEAD_BYTES, bytes);
    }
    int checksum = FileHeader.checksum(block, LogBlock.HEAD_BYTES, stored);
    return writer.write(block, bytes, stored, floatsFrom, compressed, checksum);
  }

  /** Frees the buffers it allocated itself. */
  @Override
  public void close() {
    if (planes != null) {
      planes.close();
    }
  }
}
