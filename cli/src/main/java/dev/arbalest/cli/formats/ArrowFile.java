// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import com.github.luben.zstd.Zstd;
import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.natives.FileMapping;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flatbuf.Block;
import org.apache.arrow.flatbuf.BodyCompression;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.CompressionType;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.commons.compress.compressors.lz4.FramedLZ4CompressorInputStream;
import org.jspecify.annotations.Nullable;

/**
 * An Arrow IPC file or stream: its schema and where its record batches lie. Bodies may be
 * compressed with LZ4 or Zstandard.
 */
final class ArrowFile implements AutoCloseable {
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] FEATHER_1 = "FEA1".getBytes(StandardCharsets.US_ASCII);
  private static final int CONTINUATION = -1;

  private final Path path;
  private final FileMapping mapping;
  private final MemorySegment bytes;
  private final List<Batch> batches = new ArrayList<>();
  private @Nullable Schema schema;

  private ArrowFile(Path path, FileMapping mapping) {
    this.path = path;
    this.mapping = mapping;
    this.bytes = mapping.segment();
  }

  /**
   * A record batch.
   *
   * @param batch what it says of its buffers
   * @param body where they begin in the file
   * @param bodyBytes how long all of them are
   * @param firstRow number of its first row
   * @param hasUnionValidity whether unions have a validity buffer, as before metadata version 5
   */
  record Batch(
      RecordBatch batch, long body, long bodyBytes, int firstRow, boolean hasUnionValidity) {}

  /**
   * Opens a file, and finds its batches.
   *
   * @throws BadInputException if it is no Arrow IPC, damaged, or of a kind that is not read
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  static ArrowFile open(Path path) throws IOException {
    FileMapping mapping = FileMapping.open(path);
    try {
      ArrowFile file = new ArrowFile(path, mapping);
      file.findBatches();
      return file;
    } catch (IndexOutOfBoundsException | IllegalArgumentException | NullPointerException e) {
      mapping.close();
      throw damaged(path, e);
    } catch (Throwable e) {
      mapping.close();
      throw e;
    }
  }

  /** Tells a damaged file, unless that was told already. */
  static BadInputException damaged(Path path, RuntimeException e) {
    return e instanceof BadInputException told
        ? told
        : new BadInputException(path + ": damaged Arrow IPC: " + e.getMessage());
  }

  private void findBatches() {
    if (startsWith(FEATHER_1)) {
      throw new BadInputException(
          path + ": Feather version 1, which is not read; write version 2 or Parquet");
    }
    if (startsWith(MAGIC)) {
      readFooter();
    } else {
      readStream();
    }
    if (schema == null) {
      throw new BadInputException(path + ": has no schema; is it Arrow IPC?");
    }
    if (schema.endianness() != Endianness.Little) {
      throw new BadInputException(path + ": its numbers are big-endian, which is not read");
    }
    if (rows() == 0) {
      throw new BadInputException(path + ": holds 0 vectors, expected at least 1");
    }
  }

  private boolean startsWith(byte[] magic) {
    return bytes.byteSize() >= magic.length
        && bytes.asSlice(0, magic.length).mismatch(MemorySegment.ofArray(magic)) == -1;
  }

  /** A file ends with a footer that tells the schema and the places of all batches. */
  private void readFooter() {
    long tail = bytes.byteSize() - MAGIC.length;
    if (tail < 2L * MAGIC.length
        || bytes.asSlice(tail).mismatch(MemorySegment.ofArray(MAGIC)) != -1) {
      throw new BadInputException(path + ": truncated, it does not end with ARROW1");
    }
    int length = bytes.get(INT, tail - Integer.BYTES);
    Footer footer = Footer.getRootAsFooter(slice(tail - Integer.BYTES - length, length));
    schema = footer.schema();
    for (int i = 0; i < footer.recordBatchesLength(); i++) {
      Block block = footer.recordBatches(i);
      long at = block.offset();
      int metadata = bytes.get(INT, at);
      int head = Integer.BYTES;
      if (metadata == CONTINUATION) {
        metadata = bytes.get(INT, at + Integer.BYTES);
        head = 2 * Integer.BYTES;
      }
      add(Message.getRootAsMessage(slice(at + head, metadata)), at + block.metaDataLength());
    }
  }

  /** A stream is messages, the last of length 0. */
  private void readStream() {
    long at = 0;
    boolean ended = false;
    while (!ended && at + Integer.BYTES <= bytes.byteSize()) {
      int length = bytes.get(INT, at);
      at += Integer.BYTES;
      if (length == CONTINUATION) {
        length = bytes.get(INT, at);
        at += Integer.BYTES;
      }
      ended = length == 0;
      if (!ended) {
        Message message = Message.getRootAsMessage(slice(at, length));
        at += length;
        if (message.headerType() == MessageHeader.Schema) {
          schema = (Schema) message.header(new Schema());
        } else if (message.headerType() == MessageHeader.RecordBatch) {
          add(message, at);
        }
        if (message.bodyLength() < 0) {
          throw new BadInputException(path + ": damaged Arrow IPC: a body of negative length");
        }
        at += message.bodyLength();
      }
    }
    if (ended && at < bytes.byteSize()) {
      throw new BadInputException(
          path
              + ": "
              + rows()
              + " rows, then the stream ends, and "
              + (bytes.byteSize() - at)
              + " bytes follow; give several streams as several files");
    }
    if (!ended) {
      throw new BadInputException(
          path + ": " + rows() + " rows, then the file breaks off; is it Arrow IPC?");
    }
  }

  private void add(Message message, long body) {
    if (schema == null) {
      throw new BadInputException(path + ": a record batch before the schema");
    }
    RecordBatch batch = (RecordBatch) message.header(new RecordBatch());
    long rows = (long) rows() + batch.length();
    if (rows > Integer.MAX_VALUE - 8) {
      throw new BadInputException(
          path + ": at least " + rows + " rows, at most " + (Integer.MAX_VALUE - 8));
    }
    batches.add(
        new Batch(
            batch, body, message.bodyLength(), rows(), message.version() < MetadataVersion.V5));
  }

  private ByteBuffer slice(long at, long length) {
    return bytes.asSlice(at, length).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  Path path() {
    return path;
  }

  Schema schema() {
    return java.util.Objects.requireNonNull(schema);
  }

  List<Batch> batches() {
    return batches;
  }

  /** Rows of all batches. */
  int rows() {
    return batches.isEmpty()
        ? 0
        : batches.getLast().firstRow() + Math.toIntExact(batches.getLast().batch().length());
  }

  /** A buffer of a batch, unpacked. */
  MemorySegment buffer(Batch place, int number) {
    RecordBatch batch = place.batch();
    Buffer buffer = batch.buffers(number);
    MemorySegment raw = bytes.asSlice(place.body() + buffer.offset(), buffer.length());
    BodyCompression compression = batch.compression();
    if (compression == null || raw.byteSize() == 0) {
      return raw;
    }
    long length = raw.get(LONG, 0);
    if (length == -1) {
      return raw.asSlice(Long.BYTES);
    }
    byte[] packed = raw.asSlice(Long.BYTES).toArray(ValueLayout.JAVA_BYTE);
    try {
      return MemorySegment.ofArray(
          compression.codec() == CompressionType.ZSTD
              ? Zstd.decompress(packed, Math.toIntExact(length))
              : lz4(packed, Math.toIntExact(length)));
    } catch (IOException | RuntimeException e) {
      throw new BadInputException(
          path
              + ", from row "
              + place.firstRow()
              + ": a buffer cannot be unpacked: "
              + e.getMessage());
    }
  }

  /** Frames of the LZ4 that Arrow's writers use have blocks that refer to earlier ones. */
  private static byte[] lz4(byte[] packed, int length) throws IOException {
    try (FramedLZ4CompressorInputStream in =
        new FramedLZ4CompressorInputStream(new ByteArrayInputStream(packed))) {
      byte[] unpacked = in.readNBytes(length);
      if (unpacked.length != length) {
        throw new IOException("an LZ4 frame of " + unpacked.length + " bytes, not " + length);
      }
      return unpacked;
    }
  }

  /** Gives up the memory of a batch that was read for the last time. */
  void release(Batch place) {
    mapping.release(place.body(), place.bodyBytes());
  }

  @Override
  public void close() {
    mapping.close();
  }
}
