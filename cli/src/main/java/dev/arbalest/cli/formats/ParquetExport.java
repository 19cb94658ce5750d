// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import dev.arbalest.IdType;
import dev.arbalest.Index;
import dev.arbalest.ProgressListener;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes the vectors of an index as a Parquet file of two columns, both required: {@code id}
 * (INT64, or BYTE_ARRAY as UTF-8) and {@code vector} (LIST of required FLOAT), plain and
 * uncompressed, as vectors hardly compress. Libraries that write Parquet need Hadoop's classes; one
 * schema without nulls needs little of the format (Apache Parquet, parquet.thrift).
 */
public final class ParquetExport {
  private static final byte[] MAGIC = "PAR1".getBytes(StandardCharsets.US_ASCII);
  private static final int GROUP_BYTES = 64 << 20;

  private final Index index;
  private final FileChannel channel;
  private final int dimension;
  private final int rowsPerGroup;
  private final List<Group> groups = new ArrayList<>();
  private final ByteBuffer vectors;
  private ByteArrayOutputStream ids = new ByteArrayOutputStream();
  private int rows;
  private long written;

  /** A row group: where its two pages begin, and their bytes with headers. */
  private record Group(
      int rows, long idOffset, long idBytes, long vectorOffset, long vectorBytes) {}

  private ParquetExport(Index index, FileChannel channel) {
    this.index = index;
    this.channel = channel;
    this.dimension = index.dimension();
    this.rowsPerGroup = Math.max(1, GROUP_BYTES / (4 * dimension));
    this.vectors =
        ByteBuffer.allocateDirect(4 * dimension * rowsPerGroup).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Writes a file; it has its name only when it is complete. */
  public static void write(Index index, Path output, ProgressListener progress) throws IOException {
    Path part = output.resolveSibling(output.getFileName() + ".part");
    try (FileChannel channel =
        FileChannel.open(part, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      ParquetExport export = new ParquetExport(index, channel);
      export.put(ByteBuffer.wrap(MAGIC));
      index.forEachVector((id, vector) -> {
        export.add(id, vector);
        progress.advanced(1);
      });
      export.finish();
    } catch (Throwable e) {
      Files.deleteIfExists(part);
      throw e;
    }
    Files.move(part, output);
  }

  private void put(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      written += channel.write(bytes);
    }
  }

  private void add(String id, float[] vector) throws IOException {
    if (index.idType() == IdType.INT64) {
      long number = Long.parseLong(id);
      for (int i = 0; i < 8; i++) {
        ids.write((int) (number >>> (8 * i)));
      }
    } else {
      byte[] text = id.getBytes(StandardCharsets.UTF_8);
      for (int i = 0; i < 4; i++) {
        ids.write(text.length >>> (8 * i));
      }
      ids.writeBytes(text);
    }
    vectors.asFloatBuffer().put(vector);
    vectors.position(vectors.position() + 4 * dimension);
    if (++rows == rowsPerGroup) {
      endGroup();
    }
  }

  private void endGroup() throws IOException {
    if (rows == 0) {
      return;
    }
    long idOffset = written;
    byte[] idValues = ids.toByteArray();
    page(rows, idValues.length);
    put(ByteBuffer.wrap(idValues));
    long vectorOffset = written;
    byte[] levels = levels();
    vectors.flip();
    page(rows * dimension, levels.length + vectors.remaining());
    put(ByteBuffer.wrap(levels));
    put(vectors);
    vectors.clear();
    groups.add(
        new Group(rows, idOffset, vectorOffset - idOffset, vectorOffset, written - vectorOffset));
    ids = new ByteArrayOutputStream();
    rows = 0;
  }

  /** Repetition levels (0 begins a row, 1 goes on) and definition levels (all 1). */
  private byte[] levels() {
    ByteArrayOutputStream repetition = new ByteArrayOutputStream();
    for (int row = 0; row < rows; row++) {
      run(repetition, 1, 0);
      if (dimension > 1) {
        run(repetition, dimension - 1, 1);
      }
    }
    ByteArrayOutputStream definition = new ByteArrayOutputStream();
    run(definition, (long) rows * dimension, 1);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + repetition.size() + definition.size())
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(repetition.size()).put(repetition.toByteArray());
    bytes.putInt(definition.size()).put(definition.toByteArray());
    return bytes.array();
  }

  /** A run of the hybrid encoding with one bit per level. */
  private static void run(ByteArrayOutputStream target, long length, int level) {
    Thrift.varint(target, length << 1);
    target.write(level);
  }

  /** A header of a data page. */
  private void page(int values, int bytes) throws IOException {
    Thrift header = new Thrift();
    header.i32(1, 0).i32(2, bytes).i32(3, bytes);
    header.begin(5);
    header.i32(1, values).i32(2, 0).i32(3, 3).i32(4, 3); // plain; levels run-length encoded
    header.end();
    put(ByteBuffer.wrap(header.finish()));
  }

  private void finish() throws IOException {
    endGroup();
    boolean isText = index.idType() == IdType.UTF8;
    Thrift footer = new Thrift();
    footer.i32(1, 1);
    footer.list(2, 5);
    footer.element().text(4, "schema").i32(5, 2).end();
    footer.element().i32(1, isText ? 6 : 2).i32(3, 0).text(4, "id");
    if (isText) {
      footer.i32(6, 0); // UTF8
    }
    footer.end();
    footer.element().i32(3, 0).text(4, "vector").i32(5, 1).i32(6, 3).end(); // LIST
    footer.element().i32(3, 2).text(4, "list").i32(5, 1).end(); // repeated
    footer.element().i32(1, 4).i32(3, 0).text(4, "element").end(); // FLOAT
    footer.i64(3, groups.stream().mapToLong(Group::rows).sum());
    footer.list(4, groups.size());
    for (Group group : groups) {
      footer.element();
      footer.list(1, 2);
      column(footer, isText ? 6 : 2, group.rows(), group.idOffset(), group.idBytes(), "id");
      long values = (long) group.rows() * dimension;
      column(
          footer,
          4,
          values,
          group.vectorOffset(),
          group.vectorBytes(),
          "vector",
          "list",
          "element");
      footer.i64(2, group.idBytes() + group.vectorBytes()).i64(3, group.rows());
      footer.end();
    }
    footer.text(6, "arbalest");
    byte[] bytes = footer.finish();
    put(ByteBuffer.wrap(bytes));
    put(
        ByteBuffer.allocate(8)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(bytes.length)
            .put(MAGIC)
            .flip());
    channel.force(true);
  }

  private static void column(
      Thrift footer, int type, long values, long offset, long bytes, String... path) {
    footer.element().i64(2, offset);
    footer.begin(3);
    footer.i32(1, type).integers(2, 0, 3).texts(3, path).i32(4, 0);
    footer.i64(5, values).i64(6, bytes).i64(7, bytes).i64(9, offset);
    footer.end();
    footer.end();
  }
}
