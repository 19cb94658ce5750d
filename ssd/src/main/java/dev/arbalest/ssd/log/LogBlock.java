// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.log;

import dev.arbalest.ssd.format.FileHeader;
import java.lang.foreign.MemorySegment;

/**
 * The head of a block of the write-ahead log, little-endian, 64 bytes:
 *
 * <pre>
 *    0  4  magic "WALB"
 *    4  4  CRC32C of bytes [8, 64)
 *    8  8  number of the segment it was written to: a block of a recycled file has another
 *   16  8  sequence
 *   24  8  sequence up to which everything was durable when it was written
 *   32  4  bytes of the payload
 *   36  4  bytes as stored
 *   40  4  byte of the payload at which floats begin, up to its end
 *   44  4  1 if stored as {@link BytePlanes}, 0 if as it is
 *   48  4  CRC32C of the bytes as stored
 *   52 12  zeros
 * </pre>
 *
 * @param segment number of its segment
 * @param sequence counts blocks from 1
 * @param durable greatest sequence that had been made durable
 * @param bytes of the payload
 * @param storedBytes behind the head
 * @param floatsFrom where floats begin in the payload
 * @param planes whether stored as byte planes
 * @param checksum of the stored bytes
 */
record LogBlock(
    long segment,
    long sequence,
    long durable,
    int bytes,
    int storedBytes,
    int floatsFrom,
    boolean planes,
    int checksum) {

  /** Largest payload. */
  static final int MAX_BYTES = 16 << 20;

  static final int HEAD_BYTES = 64;
  private static final int MAGIC = 'W' | 'A' << 8 | 'L' << 16 | 'B' << 24;

  /**
   * What is written behind the last block when that is durable, so that its damage is not taken for
   * a torn end: a head without a payload that repeats its sequence. The next block replaces it.
   */
  static LogBlock marker(long segment, long durable) {
    return new LogBlock(segment, durable, durable, 0, 0, 0, false, 0);
  }

  /** Writes the head to {@code target[offset, offset + 64)}. */
  void write(MemorySegment target, long offset) {
    target.asSlice(offset, HEAD_BYTES).fill((byte) 0);
    target.set(FileHeader.INT, offset, MAGIC);
    target.set(FileHeader.LONG, offset + 8, segment);
    target.set(FileHeader.LONG, offset + 16, sequence);
    target.set(FileHeader.LONG, offset + 24, durable);
    target.set(FileHeader.INT, offset + 32, bytes);
    target.set(FileHeader.INT, offset + 36, storedBytes);
    target.set(FileHeader.INT, offset + 40, floatsFrom);
    target.set(FileHeader.INT, offset + 44, planes ? 1 : 0);
    target.set(FileHeader.INT, offset + 48, checksum);
    target.set(FileHeader.INT, offset + 4, FileHeader.checksum(target, offset + 8, HEAD_BYTES - 8));
  }

  /** Whether a head may be at an offset: quickly, as garbage is searched for them. */
  static boolean maybe(MemorySegment source, long offset) {
    return offset + HEAD_BYTES <= source.byteSize() && source.get(FileHeader.INT, offset) == MAGIC;
  }

  /** Reads the head at an offset; null if there is none, or a torn one. */
  static @org.jspecify.annotations.Nullable LogBlock read(MemorySegment source, long offset) {
    if (!maybe(source, offset)
        || source.get(FileHeader.INT, offset + 4)
            != FileHeader.checksum(source, offset + 8, HEAD_BYTES - 8)) {
      return null;
    }
    LogBlock block =
        new LogBlock(
            source.get(FileHeader.LONG, offset + 8),
            source.get(FileHeader.LONG, offset + 16),
            source.get(FileHeader.LONG, offset + 24),
            source.get(FileHeader.INT, offset + 32),
            source.get(FileHeader.INT, offset + 36),
            source.get(FileHeader.INT, offset + 40),
            source.get(FileHeader.INT, offset + 44) == 1,
            source.get(FileHeader.INT, offset + 48));
    boolean possible =
        block.storedBytes >= 0
            && block.bytes >= 0
            && block.floatsFrom >= 0
            && block.floatsFrom <= block.bytes
            && (block.bytes - block.floatsFrom) % 4 == 0
            && (block.planes || block.storedBytes == block.bytes);
    return possible ? block : null;
  }

  /** Whether the payload after a head matches its checksum. */
  boolean isWhole(MemorySegment source, long offset) {
    return storedBytes <= source.byteSize() - offset - HEAD_BYTES
        && FileHeader.checksum(source, offset + HEAD_BYTES, storedBytes) == checksum;
  }
}
