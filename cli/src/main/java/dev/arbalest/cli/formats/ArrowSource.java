// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.VectorSource;
import dev.arbalest.ssd.input.ComponentType;
import dev.arbalest.ssd.input.MappedSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FixedSizeList;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.Type;
import org.jspecify.annotations.Nullable;

/**
 * Vectors in an Arrow IPC file or stream: a column of lists, of fixed size or not, of floats of 16,
 * 32 or 64 bits or integers of 8.
 */
final class ArrowSource implements VectorSource {
  private final ArrowFile file;
  private final ArrowColumns.Column column;
  private final ComponentType type;
  private final int fields;
  private final int dimension;

  /** Parts of the present batch: where lists begin, how long they are, their values. */
  private MemorySegment offsets = MemorySegment.NULL;

  private MemorySegment sizes = MemorySegment.NULL;
  private MemorySegment values = MemorySegment.NULL;
  private int batch = -1;
  private int next;

  private ArrowSource(ArrowFile file, @Nullable String wanted) {
    this.file = file;
    this.fields = ArrowColumns.countFields(file.schema());
    List<ArrowColumns.Column> all = ArrowColumns.of(file.schema());
    this.column =
        ColumnNames.choose(
            file.path().toString(),
            all.stream().filter(c -> componentType(c.field()) != null).toList(),
            ArrowColumns.Column::path,
            wanted,
            all.stream().map(ArrowColumns.Column::path).toList());
    this.type = java.util.Objects.requireNonNull(componentType(column.field()));
    Field field = column.field();
    nextBatch();
    this.dimension =
        field.typeType() == Type.FixedSizeList
            ? ((FixedSizeList) field.type(new FixedSizeList())).listSize()
            : Math.toIntExact(length(0));
    if (dimension < 1) {
      throw new BadInputException(file.path() + ", row 0: an empty vector");
    }
  }

  /**
   * Opens a file.
   *
   * @param wanted path of the column, null to find it
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  static ArrowSource open(Path path, @Nullable String wanted) throws IOException {
    ArrowFile file = ArrowFile.open(path);
    try {
      return new ArrowSource(file, wanted);
    } catch (IndexOutOfBoundsException
        | IllegalArgumentException
        | NullPointerException
        | ArithmeticException e) {
      file.close();
      throw ArrowFile.damaged(path, e);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private static @Nullable ComponentType componentType(Field field) {
    boolean isList =
        switch (field.typeType()) {
          case Type.FixedSizeList, Type.List, Type.LargeList, Type.ListView, Type.LargeListView ->
              field.dictionary() == null && field.childrenLength() == 1;
          default -> false;
        };
    if (!isList || field.children(0).dictionary() != null) {
      return null;
    }
    Field child = field.children(0);
    ComponentType.@Nullable Kind kind = null;
    if (child.typeType() == Type.FloatingPoint) {
      kind =
          switch (((FloatingPoint) child.type(new FloatingPoint())).precision()) {
            case Precision.HALF -> ComponentType.Kind.F16;
            case Precision.SINGLE -> ComponentType.Kind.F32;
            default -> ComponentType.Kind.F64;
          };
    } else if (child.typeType() == Type.Int) {
      Int integer = (Int) child.type(new Int());
      if (integer.bitWidth() == 8) {
        kind = integer.isSigned() ? ComponentType.Kind.I8 : ComponentType.Kind.U8;
      }
    }
    return kind == null ? null : new ComponentType(kind, ByteOrder.LITTLE_ENDIAN);
  }

  private void nextBatch() {
    if (batch >= 0) {
      file.release(file.batches().get(batch));
    }
    offsets = MemorySegment.NULL; // the next batch needs the room
    sizes = MemorySegment.NULL;
    values = MemorySegment.NULL;
    do {
      batch++;
    } while (file.batches().get(batch).batch().length() == 0);
    ArrowFile.Batch place = file.batches().get(batch);
    ArrowColumns.Places places =
        ArrowColumns.places(file.schema(), place.batch(), place.hasUnionValidity(), fields);
    for (int parent : column.parents()) {
      requireNoNulls(place, places.node(parent), "the structures around some vectors");
    }
    int node = places.node(column.index());
    requireNoNulls(place, node, "some vectors");
    requireNoNulls(place, node + 1, "some components");
    int buffer = places.buffer(column.index());
    byte list = column.field().typeType();
    boolean isFixed = list == Type.FixedSizeList;
    boolean isView = list == Type.ListView || list == Type.LargeListView;
    offsets = isFixed ? MemorySegment.NULL : file.buffer(place, buffer + 1);
    sizes = isView ? file.buffer(place, buffer + 2) : MemorySegment.NULL;
    // Validity of the list, then its offsets and sizes, then validity of the values.
    values = file.buffer(place, buffer + (isFixed ? 2 : isView ? 4 : 3));
  }

  private void requireNoNulls(ArrowFile.Batch place, int node, String what) {
    if (place.batch().nodes(node).nullCount() > 0) {
      throw new BadInputException(
          file.path() + ", from row " + place.firstRow() + ": " + what + " are null");
    }
  }

  /** Where the values of row {@code index} of the batch begin. */
  private long first(long index) {
    byte list = column.field().typeType();
    return switch (list) {
      case Type.FixedSizeList -> index * dimension;
      case Type.LargeList, Type.LargeListView -> offsets.get(ArrowFile.LONG, Long.BYTES * index);
      default -> offsets.get(ArrowFile.INT, Integer.BYTES * index);
    };
  }

  private long length(long index) {
    return switch (column.field().typeType()) {
      case Type.FixedSizeList -> dimension;
      case Type.ListView -> sizes.get(ArrowFile.INT, Integer.BYTES * index);
      case Type.LargeListView -> sizes.get(ArrowFile.LONG, Long.BYTES * index);
      default -> first(index + 1) - first(index);
    };
  }

  @Override
  public String name() {
    return file.path().toString();
  }

  @Override
  public int count() {
    return file.rows();
  }

  @Override
  public int dimension() {
    return dimension;
  }

  @Override
  public void read(MemorySegment target, int rows) {
    try {
      for (int i = 0; i < rows; i++) {
        ArrowFile.Batch place = file.batches().get(batch);
        if (next - place.firstRow() == place.batch().length()) {
          nextBatch();
          place = file.batches().get(batch);
        }
        int index = next - place.firstRow();
        long length = length(index);
        if (length != dimension) {
          throw new BadInputException(
              file.path()
                  + ", row "
                  + next
                  + ": dimension "
                  + length
                  + ", the first row has "
                  + dimension);
        }
        long to = (long) Float.BYTES * dimension * i;
        type.convert(values, first(index) * type.bytes(), target, to, Float.BYTES, dimension);
        next++;
      }
    } catch (IndexOutOfBoundsException | IllegalArgumentException | NullPointerException e) {
      throw ArrowFile.damaged(file.path(), e);
    }
  }

  @Override
  public String version() throws IOException {
    return MappedSource.version(file.path()) + ", column " + column.path();
  }

  @Override
  public void close() {
    file.close();
  }
}
