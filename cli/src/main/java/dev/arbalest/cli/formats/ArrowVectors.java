// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import com.github.luben.zstd.Zstd;
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
import net.jpountz.lz4.LZ4FrameInputStream;
import org.apache.arrow.flatbuf.BodyCompression;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.CompressionType;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FixedSizeList;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;

/**
 * Vectors in Arrow IPC files and streams: the one column of (fixed-size) lists of float16, float32
 * or float64, or of several the one called vector, embedding or emb. Bodies may be compressed with
 * LZ4 or Zstandard.
 */
final class ArrowVectors {
  private static final List<String> NAMES = List.of("vector", "embedding", "emb");
  private static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.US_ASCII);
  private static final int CONTINUATION = -1;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path path;
  private final MemorySegment bytes;
  private final VectorSink sink;
  private Column column = Column.NONE;
  private int row;

  private ArrowVectors(Path path, MemorySegment bytes, VectorSink sink) {
    this.path = path;
    this.bytes = bytes;
    this.sink = sink;
  }

  /**
   * The column of vectors.
   *
   * @param buffer index of its validity buffer among the buffers of a record batch
   * @param node number of its field node
   * @param listType type of the list
   * @param size length of a fixed-size list
   * @param precision of the components
   */
  private record Column(int buffer, int node, byte listType, int size, short precision) {
    static final Column NONE = new Column(-1, -1, Type.NONE, 0, Precision.SINGLE);
  }

  static void copy(Path path, VectorSink sink) throws IOException {
    try (FileMapping mapping = FileMapping.open(path)) {
      new ArrowVectors(path, mapping.segment(), sink).copyMessages();
    } catch (BadInputException e) {
      throw e;
    } catch (IndexOutOfBoundsException | IllegalArgumentException | NullPointerException e) {
      throw new BadInputException(path + ": damaged Arrow IPC: " + e.getMessage());
    }
  }

  /** A file is a stream between a magic and a footer, whose messages end with a length of 0. */
  private void copyMessages() throws IOException {
    boolean file =
        bytes.byteSize() > 8
            && bytes.asSlice(0, MAGIC.length).mismatch(MemorySegment.ofArray(MAGIC)) == -1;
    if (file
        && bytes.asSlice(bytes.byteSize() - MAGIC.length).mismatch(MemorySegment.ofArray(MAGIC))
            != -1) {
      throw new BadInputException(path + ": truncated, it does not end with ARROW1");
    }
    long at = file ? 8 : 0;
    boolean ended = false;
    while (!ended && at + 4 <= bytes.byteSize()) {
      int length = bytes.get(INT, at);
      at += 4;
      if (length == CONTINUATION) {
        length = bytes.get(INT, at);
        at += 4;
      }
      if (length == 0) {
        ended = true;
      } else {
        Message message = Message.getRootAsMessage(slice(at, length));
        at = copyMessage(message, at + length);
      }
    }
    if (row == 0 || !ended) {
      throw new BadInputException(
          path + ": " + row + " vectors, then the file breaks off; is it Arrow IPC?");
    }
  }

  private ByteBuffer slice(long at, long length) {
    return bytes.asSlice(at, length).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  private long copyMessage(Message message, long body) throws IOException {
    switch (message.headerType()) {
      case MessageHeader.Schema -> column = find((Schema) message.header(new Schema()));
      case MessageHeader.RecordBatch ->
          copyBatch((RecordBatch) message.header(new RecordBatch()), body);
      default -> {
        // Dictionaries of other columns, for one.
      }
    }
    return body + message.bodyLength();
  }

  private Column find(Schema schema) {
    List<Column> found = new ArrayList<>();
    List<String> names = new ArrayList<>();
    int[] at = new int[2];
    for (int i = 0; i < schema.fieldsLength(); i++) {
      Field field = schema.fields(i);
      if (isVector(field)) {
        int size = 0;
        if (field.typeType() == Type.FixedSizeList) {
          size = ((FixedSizeList) field.type(new FixedSizeList())).listSize();
        }
        short precision = ((FloatingPoint) field.children(0).type(new FloatingPoint())).precision();
        found.add(new Column(at[0], at[1], field.typeType(), size, precision));
        names.add(field.name());
      }
      skip(field, at);
    }
    if (found.size() == 1) {
      return found.getFirst();
    }
    for (int i = 0; i < found.size(); i++) {
      if (NAMES.contains(names.get(i))) {
        return found.get(i);
      }
    }
    throw new BadInputException(
        path
            + ": needed is a column of lists of float, the only one or called vector, embedding or"
            + " emb; found "
            + names);
  }

  private static boolean isVector(Field field) {
    byte type = field.typeType();
    return (type == Type.FixedSizeList || type == Type.List || type == Type.LargeList)
        && field.childrenLength() == 1
        && field.children(0).typeType() == Type.FloatingPoint;
  }

  /** Counts the buffers and nodes of a field and its children. */
  private void skip(Field field, int[] at) {
    at[1]++;
    if (field.dictionary() != null) {
      at[0] += 2;
      return;
    }
    at[0] +=
        switch (field.typeType()) {
          case Type.Null -> 0;
          case Type.FixedSizeList, Type.Struct_ -> 1;
          case Type.Utf8, Type.Binary, Type.LargeUtf8, Type.LargeBinary -> 3;
          case Type.Union,
              Type.RunEndEncoded,
              Type.BinaryView,
              Type.Utf8View,
              Type.ListView,
              Type.LargeListView ->
              throw new BadInputException(
                  path
                      + ": column "
                      + field.name()
                      + " has a type that cannot be skipped; leave it out");
          default -> 2;
        };
    for (int i = 0; i < field.childrenLength(); i++) {
      skip(field.children(i), at);
    }
  }

  private void copyBatch(RecordBatch batch, long body) throws IOException {
    if (column.buffer() < 0) {
      throw new BadInputException(path + ": a record batch before the schema");
    }
    if (batch.nodes(column.node()).nullCount() > 0) {
      throw new BadInputException(path + ", from row " + row + ": some vectors are null");
    }
    if (batch.nodes(column.node() + 1).nullCount() > 0) {
      throw new BadInputException(path + ", from row " + row + ": some components are null");
    }
    boolean fixed = column.listType() == Type.FixedSizeList;
    MemorySegment offsets = fixed ? MemorySegment.NULL : buffer(batch, column.buffer() + 1, body);
    MemorySegment values = buffer(batch, column.buffer() + (fixed ? 2 : 3), body);
    float[] vector = new float[column.size()];
    for (long i = 0; i < batch.length(); i++) {
      long from = fixed ? i * column.size() : offset(offsets, i);
      int length = fixed ? column.size() : Math.toIntExact(offset(offsets, i + 1) - from);
      if (vector.length != length) {
        vector = new float[length];
      }
      for (int j = 0; j < length; j++) {
        vector[j] = component(values, from + j);
      }
      sink.accept(vector, 0, length);
      row++;
    }
  }

  private long offset(MemorySegment offsets, long index) {
    return column.listType() == Type.List
        ? offsets.get(INT, 4 * index)
        : offsets.get(LONG, 8 * index);
  }

  private float component(MemorySegment values, long index) {
    return switch (column.precision()) {
      case Precision.HALF -> Float.float16ToFloat(values.get(SHORT, 2 * index));
      case Precision.SINGLE -> values.get(FLOAT, 4 * index);
      default -> (float) values.get(DOUBLE, 8 * index);
    };
  }

  private MemorySegment buffer(RecordBatch batch, int number, long body) throws IOException {
    Buffer buffer = batch.buffers(number);
    MemorySegment raw = bytes.asSlice(body + buffer.offset(), buffer.length());
    BodyCompression compression = batch.compression();
    if (compression == null || raw.byteSize() == 0) {
      return raw;
    }
    long length = raw.get(LONG, 0);
    MemorySegment packed = raw.asSlice(8);
    if (length == -1) {
      return packed;
    }
    byte[] unpacked =
        compression.codec() == CompressionType.ZSTD
            ? Zstd.decompress(packed.toArray(ValueLayout.JAVA_BYTE), Math.toIntExact(length))
            : lz4(packed.toArray(ValueLayout.JAVA_BYTE), Math.toIntExact(length));
    return MemorySegment.ofArray(unpacked);
  }

  private static byte[] lz4(byte[] packed, int length) throws IOException {
    try (LZ4FrameInputStream in = new LZ4FrameInputStream(new ByteArrayInputStream(packed))) {
      byte[] unpacked = in.readNBytes(length);
      if (unpacked.length != length) {
        throw new IOException("an LZ4 frame of " + unpacked.length + " bytes, not " + length);
      }
      return unpacked;
    }
  }
}
