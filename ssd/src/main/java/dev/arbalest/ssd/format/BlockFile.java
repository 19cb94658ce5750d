// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.format;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.function.LongConsumer;
import java.util.zip.CRC32C;

/**
 * A file written once and loaded whole: header, payload in blocks of 1 MiB, footer with a CRC32C
 * per block. Header numbers: payload bytes, then up to seven the kind defines.
 *
 * <pre>
 *   0           4096  header
 *   4096        ..    payload, padded with zeros to a multiple of 4096
 *   4096 + P    ..    footer: CRC32C of each block of the padded payload (4 B each), zeros,
 *                     in the last 8 bytes the CRC32C of the header and the CRC32C of the footer before it
 * </pre>
 *
 * The last four bytes so cover every byte of the file; the manifest holds a copy of them.
 */
public final class BlockFile {
  private static final int BLOCK_BYTES = 1 << 20;
  private static final int ALIGNMENT = 4096;
  private static final int TAIL_BYTES = 8;

  private BlockFile() {}

  /**
   * What a written file is known by.
   *
   * @param bytes its size
   * @param checksum its last four bytes
   */
  public record Written(long bytes, int checksum) {}

  /** Size of a file with so much payload. */
  static long fileBytes(long payloadBytes) {
    long padded = pad(payloadBytes);
    return FileHeader.BYTES + padded + footerBytes(padded);
  }

  /** A payload of a file of this size is at most so large. */
  public static long payloadLimit(Written written) {
    return written.bytes() - FileHeader.BYTES;
  }

  private static long pad(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static int blocks(long paddedPayload) {
    return Math.toIntExact((paddedPayload + BLOCK_BYTES - 1) / BLOCK_BYTES);
  }

  private static long footerBytes(long paddedPayload) {
    return pad(4L * blocks(paddedPayload) + TAIL_BYTES);
  }

  /** Writes and syncs a file that must not exist yet. */
  public static Written write(
      Path path, FileHeader.Kind kind, MemorySegment payload, Workers workers, long... numbers)
      throws IOException {
    long payloadBytes = payload.byteSize();
    long padded = pad(payloadBytes);
    long[] all = new long[numbers.length + 1];
    all[0] = payloadBytes;
    System.arraycopy(numbers, 0, all, 1, numbers.length);
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.CREATE);
        NativeMemory head = NativeMemory.allocate(FileHeader.BYTES);
        NativeMemory footer = NativeMemory.allocate(footerBytes(padded));
        NativeMemory staging = NativeMemory.allocate((long) BLOCK_BYTES * workers.size())) {
      file.reserve(fileBytes(payloadBytes));
      new FileHeader(kind, all).write(head.segment());
      file.write(head.segment(), 0, FileHeader.BYTES, 0);
      workers.forRanges(
          blocks(padded),
          1,
          (worker, from, to) -> {
            for (int block = from; block < to; block++) {
              long start = (long) block * BLOCK_BYTES;
              long length = Math.min(BLOCK_BYTES, padded - start);
              long stage = (long) worker * BLOCK_BYTES;
              long filled = Math.min(length, payloadBytes - start);
              MemorySegment.copy(payload, start, staging.segment(), stage, filled);
              staging.segment().asSlice(stage + filled, length - filled).fill((byte) 0);
              file.write(staging.segment(), stage, length, FileHeader.BYTES + start);
              footer
                  .segment()
                  .set(
                      FileHeader.INT,
                      4L * block,
                      FileHeader.checksum(staging.segment(), stage, length));
            }
          });
      int checksum = seal(head.segment(), footer.segment());
      file.write(footer.segment(), 0, footer.byteSize(), FileHeader.BYTES + padded);
      file.sync();
      return new Written(fileBytes(payloadBytes), checksum);
    }
  }

  /** Sets the footer's last eight bytes and returns the last four. */
  private static int seal(MemorySegment head, MemorySegment footer) {
    long end = footer.byteSize();
    footer.set(FileHeader.INT, end - 8, FileHeader.checksum(head, 0, FileHeader.BYTES));
    int checksum = FileHeader.checksum(footer, 0, end - 4);
    footer.set(FileHeader.INT, end - 4, checksum);
    return checksum;
  }

  /** Where a payload goes once its size is known. */
  @FunctionalInterface
  public interface Target {
    /**
     * Returns memory of at least {@code header.number(0)} bytes.
     *
     * @throws CorruptIndexException if the header's numbers do not fit the index
     */
    MemorySegment allocate(FileHeader header) throws IOException;
  }

  /**
   * Loads a payload, checking every byte of the file.
   *
   * @param expected size and checksum from the manifest
   * @param progress told of payload bytes as they are loaded
   * @return the header
   * @throws CorruptIndexException if any byte fails its checksum
   */
  public static FileHeader read(
      Path path,
      FileHeader.Kind kind,
      Written expected,
      Target target,
      Workers workers,
      LongConsumer progress)
      throws IOException {
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.READ);
        NativeMemory head = NativeMemory.allocate(FileHeader.BYTES)) {
      long size = file.size();
      if (size != expected.bytes()) {
        throw new CorruptIndexException(
            path, Math.min(size, expected.bytes()), expected.bytes() + " bytes", size + " bytes");
      }
      file.read(head.segment(), 0, FileHeader.BYTES, 0);
      FileHeader header = FileHeader.read(head.segment(), path, kind);
      long payloadBytes = header.number(0);
      if (payloadBytes < 0 || payloadBytes > size || fileBytes(payloadBytes) != size) {
        throw new CorruptIndexException(
            path, 16, "a payload that fits " + size + " bytes", payloadBytes + " bytes");
      }
      long padded = pad(payloadBytes);
      try (NativeMemory footer = NativeMemory.allocate(footerBytes(padded));
          NativeMemory staging = NativeMemory.allocate((long) BLOCK_BYTES * workers.size())) {
        file.read(footer.segment(), 0, footer.byteSize(), FileHeader.BYTES + padded);
        checkFooter(path, head.segment(), footer.segment(), expected.checksum(), padded);
        MemorySegment payload = target.allocate(header);
        workers.forRanges(
            blocks(padded),
            1,
            (worker, from, to) -> {
              for (int block = from; block < to; block++) {
                long start = (long) block * BLOCK_BYTES;
                long length = Math.min(BLOCK_BYTES, padded - start);
                long filled = Math.min(length, payloadBytes - start);
                // Where it belongs at once, but for the last, whose padding may not fit there.
                boolean whole = filled == BLOCK_BYTES && payload.address() % ALIGNMENT == 0;
                MemorySegment place = whole ? payload : staging.segment();
                long offset = whole ? start : (long) worker * BLOCK_BYTES;
                file.read(place, offset, length, FileHeader.BYTES + start);
                int checksum = FileHeader.checksum(place, offset, length);
                int wanted = footer.segment().get(FileHeader.INT, 4L * block);
                if (checksum != wanted) {
                  throw new CorruptIndexException(
                      path,
                      FileHeader.BYTES + start,
                      "block checksum " + Integer.toHexString(wanted),
                      Integer.toHexString(checksum));
                }
                if (!whole) {
                  MemorySegment.copy(place, offset, payload, start, filled);
                }
                synchronized (file) {
                  progress.accept(filled);
                }
              }
            });
        return header;
      }
    }
  }

  private static void checkFooter(
      Path path, MemorySegment head, MemorySegment footer, int manifestChecksum, long padded)
      throws CorruptIndexException {
    long end = footer.byteSize();
    int checksum = FileHeader.checksum(footer, 0, end - 4);
    int stored = footer.get(FileHeader.INT, end - 4);
    if (checksum != stored) {
      throw new CorruptIndexException(
          path,
          FileHeader.BYTES + padded,
          "footer checksum " + Integer.toHexString(stored),
          Integer.toHexString(checksum));
    }
    CRC32C crc = new CRC32C();
    crc.update(head.asByteBuffer());
    if ((int) crc.getValue() != footer.get(FileHeader.INT, end - 8)) {
      throw new CorruptIndexException(path, 0, "the header this file was written with", "another");
    }
    if (stored != manifestChecksum) {
      throw new CorruptIndexException(
          path,
          FileHeader.BYTES + padded + end - 4,
          "the file the manifest names, checksum " + Integer.toHexString(manifestChecksum),
          Integer.toHexString(stored));
    }
  }
}
