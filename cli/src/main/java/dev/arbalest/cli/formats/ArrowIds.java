// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import dev.arbalest.BadInputException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FixedSizeBinary;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.Type;

/** A column of ids in an Arrow IPC file: integers, texts, or UUIDs of 16 bytes. */
final class ArrowIds {
  /** Texts this short lie in the view itself. */
  private static final int INLINE_BYTES = 12;

  private static final int VIEW_BYTES = 16;
  private static final int UUID_BYTES = 16;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final ArrowFile file;
  private final Field field;
  private final IdColumn ids;

  private ArrowIds(ArrowFile file, Field field, IdColumn ids) {
    this.file = file;
    this.field = field;
    this.ids = ids;
  }

  /**
   * Reads a column.
   *
   * @param name path of the column
   */
  static void read(Path path, String name, IdColumn ids) throws IOException {
    try (ArrowFile file = ArrowFile.open(path)) {
      ArrowColumns.Column column =
          ArrowColumns.of(file.schema()).stream()
              .filter(c -> c.path().equals(name))
              .findFirst()
              .orElseThrow(() ->
                  new BadInputException(
                      path
                          + ": no column "
                          + name
                          + ", which --id-column names; its columns are "
                          + ArrowColumns.of(file.schema()).stream()
                              .map(ArrowColumns.Column::path)
                              .toList()));
      new ArrowIds(file, column.field(), ids).read(column);
    } catch (IndexOutOfBoundsException
        | IllegalArgumentException
        | NullPointerException
        | ArithmeticException e) {
      throw ArrowFile.damaged(path, e);
    }
  }

  private void read(ArrowColumns.Column column) {
    int fields = ArrowColumns.countFields(file.schema());
    for (ArrowFile.Batch place : file.batches()) {
      ArrowColumns.Places places =
          ArrowColumns.places(file.schema(), place.batch(), place.hasUnionValidity(), fields);
      for (int parent : column.parents()) {
        if (place.batch().nodes(places.node(parent)).nullCount() > 0) {
          throw new BadInputException(
              file.path() + ", from row " + place.firstRow() + ": structures around ids are null");
        }
      }
      int node = places.node(column.index());
      if (place.batch().nodes(node).nullCount() > 0) {
        throw new BadInputException(
            file.path() + ", from row " + place.firstRow() + ": some ids are null");
      }
      if (place.batch().length() > 0) {
        int variadic = places.viewBuffers(column.index());
        read(column.path(), place, places.buffer(column.index()), variadic);
      }
    }
  }

  private void read(String path, ArrowFile.Batch place, int buffer, int variadic) {
    byte type = field.dictionary() == null ? field.typeType() : Type.NONE;
    switch (type) {
      case Type.Int -> numbers(place, file.buffer(place, buffer + 1));
      case Type.Utf8, Type.LargeUtf8 ->
          texts(place, file.buffer(place, buffer + 1), file.buffer(place, buffer + 2));
      case Type.Utf8View -> {
        MemorySegment[] data = new MemorySegment[variadic];
        for (int i = 0; i < variadic; i++) {
          data[i] = file.buffer(place, buffer + 2 + i);
        }
        views(place, file.buffer(place, buffer + 1), data);
      }
      case Type.FixedSizeBinary -> uuids(path, place, file.buffer(place, buffer + 1));
      default -> throw unusable(path);
    }
  }

  private BadInputException unusable(String path) {
    return new BadInputException(
        file.path()
            + ": column "
            + path
            + " holds "
            + (field.dictionary() == null
                ? Type.name(field.typeType())
                : "values by a dictionary, which is not read; cast it to plain text or integers")
            + "; ids are integers, texts or UUIDs");
  }

  private void numbers(ArrowFile.Batch place, MemorySegment values) {
    Int integer = (Int) field.type(new Int());
    for (long i = 0; i < place.batch().length(); i++) {
      long number =
          switch (integer.bitWidth()) {
            case 8 -> values.get(ValueLayout.JAVA_BYTE, i);
            case 16 -> values.get(SHORT, 2 * i);
            case 32 -> values.get(ArrowFile.INT, 4 * i);
            default -> values.get(ArrowFile.LONG, 8 * i);
          };
      if (!integer.isSigned() && number < 0) {
        if (integer.bitWidth() == Long.SIZE) {
          throw new BadInputException(
              file.path()
                  + ", row "
                  + (place.firstRow() + i)
                  + ": id "
                  + Long.toUnsignedString(number)
                  + " is beyond a signed 64-bit number");
        }
        number &= (1L << integer.bitWidth()) - 1;
      }
      ids.add(file.path().toString(), number);
    }
  }

  private void texts(ArrowFile.Batch place, MemorySegment offsets, MemorySegment bytes) {
    boolean isLarge = field.typeType() == Type.LargeUtf8;
    for (long i = 0; i < place.batch().length(); i++) {
      long from = isLarge ? offsets.get(ArrowFile.LONG, 8 * i) : offsets.get(ArrowFile.INT, 4 * i);
      long to =
          isLarge ? offsets.get(ArrowFile.LONG, 8 * i + 8) : offsets.get(ArrowFile.INT, 4 * i + 4);
      add(bytes.asSlice(from, to - from));
    }
  }

  private void views(ArrowFile.Batch place, MemorySegment views, MemorySegment[] data) {
    for (long i = 0; i < place.batch().length(); i++) {
      long at = VIEW_BYTES * i;
      int length = views.get(ArrowFile.INT, at);
      if (length <= INLINE_BYTES) {
        add(views.asSlice(at + 4, length));
      } else {
        int number = views.get(ArrowFile.INT, at + 8);
        add(data[number].asSlice(views.get(ArrowFile.INT, at + 12), length));
      }
    }
  }

  private void uuids(String path, ArrowFile.Batch place, MemorySegment values) {
    if (((FixedSizeBinary) field.type(new FixedSizeBinary())).byteWidth() != UUID_BYTES) {
      throw unusable(path);
    }
    for (long i = 0; i < place.batch().length(); i++) {
      byte[] bytes = values.asSlice(UUID_BYTES * i, UUID_BYTES).toArray(ValueLayout.JAVA_BYTE);
      ids.add(file.path().toString(), ParquetSource.uuid(bytes));
    }
  }

  private void add(MemorySegment utf8) {
    ids.add(
        file.path().toString(),
        new String(utf8.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8));
  }
}
