// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.VectorSource;
import dev.arbalest.natives.UnpackFolder;
import dev.arbalest.ssd.input.MappedSource;
import dev.arbalest.vector.F32Rows;
import dev.hardwood.InputFile;
import dev.hardwood.metadata.CompressionCodec;
import dev.hardwood.metadata.LogicalType;
import dev.hardwood.metadata.RowGroup;
import dev.hardwood.reader.ColumnReader;
import dev.hardwood.reader.LayerKind;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.schema.ColumnSchema;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Vectors in a Parquet file: a column of lists of float, double, half-precision float, or integers
 * of 8 bits.
 */
final class ParquetSource implements VectorSource {
  private static final Set<CompressionCodec> READ =
      Set.of(
          CompressionCodec.UNCOMPRESSED,
          CompressionCodec.SNAPPY,
          CompressionCodec.GZIP,
          CompressionCodec.BROTLI,
          CompressionCodec.ZSTD,
          CompressionCodec.LZ4,
          CompressionCodec.LZ4_RAW);

  private static final long BATCH_COMPONENTS = 1 << 20;
  private static final int MAX_BATCH_ROWS = 8192;

  /** Names that writers give the levels of a list between the column and its values. */
  private static final Set<String> LIST_LEVELS =
      Set.of("list", "element", "item", "array", "bag", "array_element", "array_tuple");

  private final Path path;
  private final ParquetFileReader reader;
  private final ColumnSchema column;
  private final ColumnReader values;
  private final int count;
  private final int dimension;

  /** Components of the present batch, and where its rows begin among them. */
  private float[] floats = new float[0];

  private int[] offsets = new int[1];
  private int batchRows;
  private int inBatch;
  private int next;

  private ParquetSource(Path path, ParquetFileReader reader, @Nullable String wanted) {
    this.path = path;
    this.reader = reader;
    long rows = reader.getFileMetaData().numRows();
    if (rows < 1) {
      throw new BadInputException(path + ": holds 0 vectors, expected at least 1");
    }
    if (rows > Integer.MAX_VALUE - 8) {
      throw new BadInputException(
          path + ": " + rows + " rows, at most " + (Integer.MAX_VALUE - 8) + " fit an index");
    }
    this.count = (int) rows;
    this.column = column(path, reader, wanted);
    requireReadable(path, reader, column);
    this.values =
        reader.buildColumnReader(column.columnIndex()).batchSize(batchRows(reader, column)).build();
    try {
      nextBatch();
      this.dimension = offsets[1] - offsets[0];
      requireVector(0);
    } catch (Throwable e) {
      values.close();
      throw e;
    }
  }

  /** Rows that are unpacked together: few enough that several batches fit in the heap. */
  private static int batchRows(ParquetFileReader reader, ColumnSchema column) {
    long components = 0;
    for (RowGroup group : reader.getFileMetaData().rowGroups()) {
      components += group.columns().get(column.columnIndex()).metaData().numValues();
    }
    long perRow = Math.max(1, components / reader.getFileMetaData().numRows());
    return Math.clamp(BATCH_COMPONENTS / perRow, 1, MAX_BATCH_ROWS);
  }

  /**
   * Opens a file.
   *
   * @param wanted path of the column, null to find it
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  static ParquetSource open(Path path, @Nullable String wanted) throws IOException {
    ParquetFileReader reader = reader(path);
    try {
      return new ParquetSource(path, reader, wanted);
    } catch (BadInputException e) {
      reader.close();
      throw e;
    } catch (RuntimeException e) {
      reader.close();
      throw unreadable(path, e);
    }
  }

  private static ParquetFileReader reader(Path path) {
    try {
      return ParquetFileReader.open(new PaddedFile(InputFile.of(path)));
    } catch (IOException | RuntimeException e) {
      throw unreadable(path, e);
    }
  }

  private static BadInputException unreadable(Path path, Exception e) {
    return new BadInputException(path + ": unreadable as Parquet: " + e.getMessage());
  }

  private static ColumnSchema column(Path path, ParquetFileReader reader, @Nullable String wanted) {
    List<ColumnSchema> all = reader.getFileSchema().getColumns();
    List<ColumnSchema> lists =
        all.stream()
            .filter(c -> c.maxRepetitionLevel() == 1 && isNumber(c) && !isOfMap(c))
            .toList();
    return ColumnNames.choose(
        path.toString(),
        lists,
        ParquetSource::name,
        wanted,
        all.stream().map(c -> name(c) + " " + c.type()).toList());
  }

  /** The names down to the list, without the levels of the list. */
  private static String name(ColumnSchema column) {
    List<String> elements = column.fieldPath().elements();
    int end = elements.size();
    while (end > 1 && elements.size() - end < 2 && LIST_LEVELS.contains(elements.get(end - 1))) {
      end--;
    }
    return String.join(".", elements.subList(0, end));
  }

  /** Whether it has the values of a map, which only look like a list. */
  private static boolean isOfMap(ColumnSchema column) {
    List<String> elements = column.fieldPath().elements();
    return elements.size() > 1 && elements.get(elements.size() - 2).equals("key_value");
  }

  private static boolean isNumber(ColumnSchema column) {
    return switch (column.type()) {
      case FLOAT, DOUBLE -> true;
      case INT32 ->
          column.logicalType() instanceof LogicalType.IntType integer && integer.bitWidth() == 8;
      case FIXED_LEN_BYTE_ARRAY -> column.logicalType() instanceof LogicalType.Float16Type;
      default -> false;
    };
  }

  private static void requireReadable(Path path, ParquetFileReader reader, ColumnSchema column) {
    for (RowGroup group : reader.getFileMetaData().rowGroups()) {
      CompressionCodec codec = group.columns().get(column.columnIndex()).metaData().codec();
      if (!READ.contains(codec)) {
        throw new BadInputException(
            path
                + ": is compressed with "
                + codec
                + "; read are Snappy, gzip, Zstandard, LZ4 and Brotli");
      }
      boolean needsNative =
          codec == CompressionCodec.SNAPPY
              || codec == CompressionCodec.ZSTD
              || codec == CompressionCodec.BROTLI;
      if (needsNative && !UnpackFolder.problem().isEmpty()) {
        throw new BadInputException(
            path + ": " + codec + " needs a native library: " + UnpackFolder.problem());
      }
    }
  }

  private void nextBatch() {
    if (!values.nextBatch()) {
      throw new BadInputException(
          path + ": ends in row " + next + ", its footer promised " + count + " rows");
    }
    int layer = 0;
    while (values.getLayerKind(layer) != LayerKind.REPEATED) {
      layer++;
    }
    offsets = values.getLayerOffsets(layer);
    batchRows = values.getRecordCount();
    inBatch = 0;
    floats =
        switch (column.type()) {
          case FLOAT -> values.getFloats();
          case DOUBLE -> narrow(values.getDoubles());
          case INT32 -> widen(values.getInts());
          default -> halves(values.getBinaryValues(), values.getBinaryOffsets());
        };
  }

  private static float[] narrow(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  private float[] widen(int[] values) {
    boolean isSigned =
        column.logicalType() instanceof LogicalType.IntType integer && integer.isSigned();
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = isSigned ? (byte) values[i] : values[i] & 0xff;
    }
    return floats;
  }

  private float[] halves(byte[] bytes, int[] starts) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    float[] floats = new float[values.getValueCount()];
    for (int i = 0; i < floats.length; i++) {
      if (starts[i + 1] - starts[i] == Short.BYTES) {
        floats[i] = Float.float16ToFloat(buffer.getShort(starts[i]));
      } // a null has no bytes, and is refused with its row
    }
    return floats;
  }

  /** Checks row {@code inBatch} of the batch, which is number {@code row} of the file. */
  private void requireVector(int row) {
    int from = offsets[inBatch];
    int length = offsets[inBatch + 1] - from;
    if (length == 0) {
      throw new BadInputException(path + ", row " + row + ": null or empty vector");
    }
    if (length != dimension) {
      throw new BadInputException(
          path + ", row " + row + ": dimension " + length + ", the first row has " + dimension);
    }
    for (int i = 0; i < length; i++) {
      if (!values.getLeafValidity().isNotNull(from + i)) {
        throw new BadInputException(path + ", row " + row + ": component " + i + " is null");
      }
    }
  }

  @Override
  public String name() {
    return path.toString();
  }

  @Override
  public int count() {
    return count;
  }

  @Override
  public int dimension() {
    return dimension;
  }

  @Override
  public void read(MemorySegment target, int rows) {
    try {
      for (int i = 0; i < rows; i++) {
        while (inBatch == batchRows) {
          nextBatch();
        }
        requireVector(next);
        long to = (long) Float.BYTES * dimension * i;
        MemorySegment.copy(floats, offsets[inBatch], target, F32Rows.FLOAT, to, dimension);
        inBatch++;
        next++;
      }
    } catch (BadInputException e) {
      throw e;
    } catch (RuntimeException e) {
      throw unreadable(path, e);
    }
  }

  @Override
  public String version() throws IOException {
    return MappedSource.version(path) + ", column " + name(column);
  }

  @Override
  public void close() throws IOException {
    try (reader) {
      values.close();
    }
  }

  /** Whether a file has no rows, as parts that parallel programs write often do. */
  static boolean isEmpty(Path path) throws IOException {
    try (ParquetFileReader reader = reader(path)) {
      return reader.getFileMetaData().numRows() == 0;
    }
  }

  /**
   * Reads a column of ids: integers, texts or UUIDs.
   *
   * @param name path of the column
   */
  static void readIds(Path path, String name, IdColumn ids) throws IOException {
    try (ParquetFileReader reader = reader(path)) {
      ColumnSchema column =
          reader.getFileSchema().getColumns().stream()
              .filter(c -> String.join(".", c.fieldPath().elements()).equals(name))
              .findFirst()
              .orElseThrow(() ->
                  new BadInputException(
                      path
                          + ": no column "
                          + name
                          + ", which --id-column names; its columns are "
                          + reader.getFileSchema().getColumns().stream()
                              .map(c -> String.join(".", c.fieldPath().elements()))
                              .toList()));
      requireReadable(path, reader, column);
      if (column.maxRepetitionLevel() > 0 || !isId(column)) {
        throw new BadInputException(
            path
                + ": column "
                + name
                + " holds "
                + describe(column)
                + "; ids are integers, texts or UUIDs");
      }
      try (ColumnReader values = reader.columnReader(column.columnIndex())) {
        int row = 0;
        while (values.nextBatch()) {
          readIds(path, column, values, row, ids);
          row += values.getRecordCount();
        }
      }
    } catch (BadInputException e) {
      throw e;
    } catch (RuntimeException e) {
      throw unreadable(path, e);
    }
  }

  /** Dates, decimals and bytes are stored as numbers and texts are, and are other values. */
  private static boolean isId(ColumnSchema column) {
    LogicalType logical = column.logicalType();
    return switch (column.type()) {
      case INT32, INT64 -> logical == null || logical instanceof LogicalType.IntType;
      case BYTE_ARRAY ->
          logical instanceof LogicalType.StringType || logical instanceof LogicalType.EnumType;
      case FIXED_LEN_BYTE_ARRAY -> logical instanceof LogicalType.UuidType;
      default -> false;
    };
  }

  private static String describe(ColumnSchema column) {
    if (column.maxRepetitionLevel() > 0) {
      return "lists";
    }
    LogicalType logical = column.logicalType();
    return column.type() + (logical == null ? "" : " (" + logical + ")");
  }

  private static void readIds(
      Path path, ColumnSchema column, ColumnReader values, int firstRow, IdColumn ids) {
    boolean isUnsigned =
        column.logicalType() instanceof LogicalType.IntType integer && !integer.isSigned();
    String file = path.toString();
    for (int i = 0; i < values.getRecordCount(); i++) {
      if (!values.getLeafValidity().isNotNull(i)) {
        throw new BadInputException(path + ", row " + (firstRow + i) + ": the id is null");
      }
      switch (column.type()) {
        case INT32 -> {
          int number = values.getInts()[i];
          ids.add(file, isUnsigned ? Integer.toUnsignedLong(number) : number);
        }
        case INT64 -> {
          long number = values.getLongs()[i];
          if (isUnsigned && number < 0) {
            throw new BadInputException(
                path
                    + ", row "
                    + (firstRow + i)
                    + ": id "
                    + Long.toUnsignedString(number)
                    + " is beyond a signed 64-bit number");
          }
          ids.add(file, number);
        }
        case BYTE_ARRAY -> ids.add(file, values.getStrings()[i]);
        default -> ids.add(file, uuid(values.getBinaries()[i]));
      }
    }
  }

  static String uuid(byte[] bytes) {
    MemorySegment sixteen = MemorySegment.ofArray(bytes);
    ValueLayout.OfLong big = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    return new UUID(sixteen.get(big, 0), sixteen.get(big, 8)).toString();
  }
}
