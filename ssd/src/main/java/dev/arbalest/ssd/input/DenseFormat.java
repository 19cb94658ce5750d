// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.input;

import dev.arbalest.BadInputException;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.ssd.format.FileHeader;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Formats of vector files that are little more than rows after a header. */
public enum DenseFormat {
  /** uint32 count, uint32 dimension, rows of floats (big-ann-benchmarks). */
  FBIN,
  /** As {@link #FBIN}, of unsigned bytes. */
  U8BIN,
  /** As {@link #FBIN}, of signed bytes. */
  I8BIN,
  /** Per row int32 dimension, then floats (TEXMEX). */
  FVECS,
  /** Per row int32 dimension, then unsigned bytes (TEXMEX). */
  BVECS,
  /** An array of NumPy. */
  NPY;

  private static final int BIN_HEADER_BYTES = 8;

  /**
   * The format that a path's ending tells.
   *
   * @throws BadInputException if it tells none
   */
  public static DenseFormat of(Path path) {
    String ending = ending(path);
    for (DenseFormat format : values()) {
      if (format.label().equals(ending)) {
        return format;
      }
    }
    throw new BadInputException(
        path + ": unknown ending ." + ending + "; vectors are read from " + endings());
  }

  /**
   * The format of a name such as {@code fbin}.
   *
   * @throws BadInputException if there is none
   */
  public static DenseFormat named(String name) {
    for (DenseFormat format : values()) {
      if (format.label().equals(name.toLowerCase(Locale.ROOT))) {
        return format;
      }
    }
    throw new BadInputException("unknown format " + name + " of vectors; known are " + endings());
  }

  /** Whether a path's ending is that of one of these formats. */
  public static boolean isKnown(Path path) {
    return Arrays.stream(values()).anyMatch(format -> format.label().equals(ending(path)));
  }

  /** The endings of these formats, for messages. */
  public static String endings() {
    return Arrays.stream(values())
        .map(format -> "." + format.label())
        .collect(Collectors.joining(", "));
  }

  /** A path's ending in small letters, without the point. */
  public static String ending(Path path) {
    String name = path.getFileName() == null ? "" : path.getFileName().toString();
    return name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
  }

  /**
   * Checks that a path names something to read.
   *
   * @throws BadInputException if nothing is there, or a folder
   */
  public static void requireReadable(Path path) {
    if (!Files.exists(path)) {
      throw new BadInputException(path + " does not exist");
    }
    if (Files.isDirectory(path)) {
      throw new BadInputException(path + " is a directory; give a file of vectors");
    }
  }

  String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Whether the rows of a file can be used as they lie in it. */
  public boolean isMappedInPlace(Path path) throws IOException {
    if (this != NPY) {
      return this == FBIN || this == FVECS;
    }
    try (FileMapping mapping = FileMapping.open(path)) {
      return layout(path.toString(), mapping.segment()).isInPlace();
    }
  }

  /**
   * Reads the header of a whole file, and checks it against the file's size.
   *
   * @throws BadInputException if they do not agree, or it is of another format
   */
  public DenseLayout layout(String name, MemorySegment bytes) {
    DenseLayout layout =
        switch (this) {
          case FVECS, BVECS -> rows(name, bytes);
          case NPY -> NpyHeader.read(name, bytes, bytes.byteSize());
          default -> bin(name, bytes);
        };
    if (bytes.byteSize() != layout.fileBytes()) {
      throw new BadInputException(
          name
              + ": "
              + bytes.byteSize()
              + " bytes, but "
              + layout.count()
              + " vectors of dimension "
              + layout.dimension()
              + " ("
              + where()
              + ") take "
              + layout.fileBytes()
              + "; the file is truncated or of another format");
    }
    if (layout.rowHeaderBytes() > 0) {
      for (int row = 0; row < layout.count(); row++) {
        int found = bytes.get(FileHeader.INT, row * layout.rowBytes());
        if (found != layout.dimension()) {
          throw new BadInputException(
              name
                  + ", row "
                  + row
                  + ": dimension "
                  + found
                  + ", the first row has "
                  + layout.dimension());
        }
      }
    }
    return layout;
  }

  /**
   * Reads the header of a stream.
   *
   * @throws BadInputException if it is of another format, or does not tell the number of rows
   */
  DenseLayout layout(String name, InputStream in) throws IOException {
    DenseLayout layout =
        switch (this) {
          case FVECS, BVECS ->
              throw new BadInputException(
                  name
                      + ": a stream of ."
                      + label()
                      + " does not say how many vectors come; send .fbin, .u8bin, .i8bin or .npy,"
                      + " or give a file");
          case NPY -> NpyHeader.read(name, in);
          default -> bin(name, MemorySegment.ofArray(in.readNBytes(BIN_HEADER_BYTES)));
        };
    if (layout.isByColumn()) {
      throw new BadInputException(
          name
              + ": the array is in Fortran order, which a stream cannot be read in; save it in C"
              + " order (numpy.ascontiguousarray), or give a file");
    }
    return layout;
  }

  private String where() {
    return this == FVECS || this == BVECS ? "its first row" : "its header";
  }

  private ComponentType type() {
    return switch (this) {
      case U8BIN, BVECS -> new ComponentType(ComponentType.Kind.U8, ByteOrder.LITTLE_ENDIAN);
      case I8BIN -> new ComponentType(ComponentType.Kind.I8, ByteOrder.LITTLE_ENDIAN);
      default -> ComponentType.FLOAT;
    };
  }

  private DenseLayout bin(String name, MemorySegment bytes) {
    if (bytes.byteSize() < BIN_HEADER_BYTES) {
      throw new BadInputException(
          name
              + ": "
              + bytes.byteSize()
              + " bytes are too few for a header of "
              + BIN_HEADER_BYTES
              + " (."
              + label()
              + ")");
    }
    long count = Integer.toUnsignedLong(bytes.get(FileHeader.INT, 0));
    long dimension = Integer.toUnsignedLong(bytes.get(FileHeader.INT, 4));
    return DenseLayout.checked(name, where(), BIN_HEADER_BYTES, 0, count, dimension, type(), false);
  }

  private DenseLayout rows(String name, MemorySegment bytes) {
    if (bytes.byteSize() < Integer.BYTES) {
      throw new BadInputException(
          name + ": " + bytes.byteSize() + " bytes hold no row; the file has 0 vectors");
    }
    long dimension = Integer.toUnsignedLong(bytes.get(FileHeader.INT, 0));
    long rowBytes = Integer.BYTES + dimension * type().bytes();
    return DenseLayout.checked(
        name,
        where(),
        Integer.BYTES,
        Integer.BYTES,
        Math.max(1, bytes.byteSize() / rowBytes),
        dimension,
        type(),
        false);
  }
}
