// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.log;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import dev.arbalest.ssd.format.FileHeader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;

/**
 * Compresses bytes that end in floats. Bytes of equal significance are brought together in planes;
 * of embeddings only the plane of sign and exponent is compressible, unless they were rounded
 * before. Each plane, and what precedes the floats, goes through Zstandard where a sample of it
 * says that pays, and is stored as it is elsewhere.
 *
 * <p>Encoded: five ints, the stored bytes of each part, negative if compressed: what precedes the
 * floats, then the planes from the most significant; then the parts. One thread's.
 */
final class BytePlanes implements AutoCloseable {
  private static final int PLANES = 4;
  private static final int PARTS = 1 + PLANES;
  private static final int HEAD_BYTES = 4 * PARTS;
  private static final int LEVEL = 1;
  private static final int SAMPLE_BYTES = 16 << 10;

  private final int mostBytes;
  private final ZstdCompressCtx compressor = new ZstdCompressCtx().setLevel(LEVEL);
  private final ZstdDecompressCtx decompressor = new ZstdDecompressCtx();
  private final MemorySegment plane;
  private final ByteBuffer planeBuffer;
  private final MemorySegment sample;

  /**
   * Creates it.
   *
   * @param mostBytes longest input, from 1 to 1 GiB
   * @param memory for scratch; must outlive it
   */
  BytePlanes(int mostBytes, SegmentAllocator memory) {
    this.mostBytes = mostBytes;
    this.plane = memory.allocate(Math.max(1, mostBytes), 64);
    this.planeBuffer = plane.asByteBuffer();
    this.sample = memory.allocate(Zstd.compressBound(SAMPLE_BYTES), 64);
  }

  /** Most bytes an encoding takes. */
  static long bound(long bytes) {
    return HEAD_BYTES + Zstd.compressBound(bytes) + PARTS * Zstd.compressBound(0);
  }

  /**
   * Encodes {@code source[0, bytes)}, whose floats are [floatsFrom, bytes).
   *
   * @param target at least {@link #bound} bytes
   * @return bytes of the encoding
   */
  int encode(MemorySegment source, int bytes, int floatsFrom, MemorySegment target) {
    requireFits(bytes, floatsFrom);
    int at = HEAD_BYTES;
    MemorySegment.copy(source, 0, plane, 0, floatsFrom);
    at = encodePart(0, floatsFrom, target, at);
    int floats = (bytes - floatsFrom) / PLANES;
    for (int significance = PLANES - 1; significance >= 0; significance--) {
      gather(source, floatsFrom + significance, floats);
      at = encodePart(PLANES - significance, floats, target, at);
    }
    return at;
  }

  private void requireFits(int bytes, int floatsFrom) {
    if (bytes < 0
        || bytes > mostBytes
        || floatsFrom < 0
        || floatsFrom > bytes
        || (bytes - floatsFrom) % PLANES != 0) {
      throw new IllegalArgumentException(
          bytes + " bytes with floats from " + floatsFrom + ", most are " + mostBytes);
    }
  }

  private void gather(MemorySegment source, long from, int count) {
    for (int i = 0; i < count; i++) {
      plane.set(ValueLayout.JAVA_BYTE, i, source.get(ValueLayout.JAVA_BYTE, from + 4L * i));
    }
  }

  private int encodePart(int part, int length, MemorySegment target, int at) {
    int stored = length;
    boolean compressed = false;
    if (pays(length)) {
      int room = (int) Zstd.compressBound(length);
      stored = compress(length, target.asSlice(at, room));
      compressed = stored < length;
    }
    if (!compressed) {
      MemorySegment.copy(plane, 0, target, at, length);
      stored = length;
    }
    target.set(FileHeader.INT, 4L * part, compressed ? -stored : stored);
    return at + stored;
  }

  /** Whether a sixteenth is saved of the first bytes, or of all if they are few. */
  private boolean pays(int length) {
    int size = Math.min(length, SAMPLE_BYTES);
    return size > 64 && compress(size, sample) < size - size / 16;
  }

  private int compress(int length, MemorySegment target) {
    ByteBuffer buffer = target.asByteBuffer();
    return compressor.compressDirectByteBuffer(
        buffer, 0, buffer.capacity(), planeBuffer, 0, length);
  }

  /**
   * Decodes what {@link #encode} made of {@code bytes} bytes.
   *
   * @throws IOException if the encoding does not decode to that number of bytes
   */
  void decode(
      MemorySegment source, int encodedBytes, int bytes, int floatsFrom, MemorySegment target)
      throws IOException {
    requireFits(bytes, floatsFrom);
    if (encodedBytes < HEAD_BYTES) {
      throw new IOException("byte planes of " + encodedBytes + " bytes are cut off");
    }
    int floats = (bytes - floatsFrom) / PLANES;
    int at = HEAD_BYTES;
    for (int part = 0; part < PARTS; part++) {
      int length = part == 0 ? floatsFrom : floats;
      int stored = source.get(FileHeader.INT, 4L * part);
      boolean compressed = stored < 0;
      stored = Math.abs(stored);
      if (stored < 0 || stored > encodedBytes - at || (!compressed && stored != length)) {
        throw new IOException("part " + part + " of byte planes has impossible length " + stored);
      }
      decodePart(source, at, stored, compressed, length);
      at += stored;
      if (part == 0) {
        MemorySegment.copy(plane, 0, target, 0, floatsFrom);
      } else {
        scatter(target, floatsFrom + (long) PLANES - part, floats);
      }
    }
    if (at != encodedBytes) {
      throw new IOException("byte planes of " + at + " bytes in " + encodedBytes);
    }
  }

  private void decodePart(MemorySegment source, int at, int stored, boolean compressed, int length)
      throws IOException {
    if (!compressed) {
      MemorySegment.copy(source, at, plane, 0, length);
      return;
    }
    int decoded;
    try {
      decoded =
          decompressor.decompressDirectByteBuffer(
              planeBuffer, 0, length, source.asSlice(at, stored).asByteBuffer(), 0, stored);
    } catch (ZstdException e) {
      throw new IOException("unreadable byte plane: " + e.getMessage(), e);
    }
    if (decoded != length) {
      throw new IOException("byte plane of " + decoded + " bytes, expected " + length);
    }
  }

  private void scatter(MemorySegment target, long from, int count) {
    for (int i = 0; i < count; i++) {
      target.set(ValueLayout.JAVA_BYTE, from + 4L * i, plane.get(ValueLayout.JAVA_BYTE, i));
    }
  }

  /** Frees Zstandard's state. */
  @Override
  public void close() {
    try (decompressor) {
      compressor.close();
    }
  }
}
