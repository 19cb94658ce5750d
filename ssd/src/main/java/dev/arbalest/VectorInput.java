// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.RowCheck;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Float32 vectors to build an index from: rows in memory, or a file of another program, mapped and
 * read in place. The ending of a file tells its format:
 *
 * <ul>
 *   <li>{@code .fbin} (big-ann-benchmarks): uint32 count, uint32 dimension, rows
 *   <li>{@code .fvecs} (TEXMEX): per row int32 dimension, then the row
 *   <li>{@code .npy} (NumPy 1.0 to 3.0): C-ordered two-dimensional {@code <f4}
 * </ul>
 *
 * All are little-endian. Opening checks the header against the file's size; {@link #checkRow}
 * checks values. Safe for any number of threads until {@link #close}.
 */
public final class VectorInput implements AutoCloseable {
  private static final Pattern NPY_SHAPE = Pattern.compile("'shape':\\s*\\((\\d+),\\s*(\\d+),?\\)");

  private static final int MAX_NPY_HEADER_BYTES = 65_535;

  private static final String IN_MEMORY = "vectors in memory";

  private final @Nullable Path path;
  private final @Nullable FileMapping mapping;
  private final @Nullable NativeMemory memory;
  private final F32Rows rows;

  private VectorInput(
      @Nullable Path path,
      @Nullable FileMapping mapping,
      @Nullable NativeMemory memory,
      F32Rows rows) {
    this.path = path;
    this.mapping = mapping;
    this.memory = memory;
    this.rows = rows;
  }

  /**
   * Vectors in arrays, which are copied.
   *
   * @param vectors {@code [row][component]}; at least one, all of the same length
   * @throws BadInputException if there are none, or their lengths differ
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  public static VectorInput of(float[]... vectors) {
    if (vectors.length == 0 || vectors[0].length == 0) {
      throw new BadInputException(IN_MEMORY + ": expected at least 1 of dimension 1 or more");
    }
    int dimension = vectors[0].length;
    for (int row = 0; row < vectors.length; row++) {
      if (vectors[row].length != dimension) {
        throw new BadInputException(
            IN_MEMORY
                + ", row "
                + row
                + ": dimension "
                + vectors[row].length
                + ", the first row has "
                + dimension);
      }
    }
    long rowBytes = 4L * dimension;
    NativeMemory memory = NativeMemory.allocate(rowBytes * vectors.length);
    for (int row = 0; row < vectors.length; row++) {
      MemorySegment.copy(
          vectors[row], 0, memory.segment(), F32Rows.FLOAT, rowBytes * row, dimension);
    }
    F32Rows rows = new F32Rows(memory.segment(), 0, rowBytes, vectors.length, dimension);
    return new VectorInput(null, null, memory, rows);
  }

  /** Vectors in native memory, which stays the caller's and must outlive this object. */
  @MustBeClosed
  public static VectorInput of(F32Rows vectors) {
    return new VectorInput(null, null, null, vectors);
  }

  /**
   * Opens a file.
   *
   * @throws BadInputException if it does not exist, has an unknown ending, or its header and size
   *     do not agree
   */
  @MustBeClosed
  public static VectorInput open(Path path) throws IOException {
    return open(path, path);
  }

  /**
   * Opens a file that holds the vectors of another.
   *
   * @param path what to read
   * @param source what {@link #path} and messages name
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static VectorInput open(Path path, Path source) throws IOException {
    String ending = ending(path);
    if (!ending.equals("fbin") && !ending.equals("fvecs") && !ending.equals("npy")) {
      throw new BadInputException(
          path + ": unknown ending ." + ending + "; vectors are read from .fbin, .fvecs or .npy");
    }
    if (Files.isDirectory(path)) {
      throw new BadInputException(path + " is a directory; give a file of vectors");
    }
    FileMapping mapping;
    try {
      mapping = FileMapping.open(path);
    } catch (NoSuchFileException e) {
      throw new BadInputException(path + " does not exist");
    }
    try {
      MemorySegment bytes = mapping.segment();
      F32Rows rows =
          switch (ending) {
            case "fbin" -> fbin(path, bytes);
            case "fvecs" -> fvecs(path, bytes);
            default -> npy(path, bytes);
          };
      return new VectorInput(source, mapping, null, rows);
    } catch (Throwable e) {
      mapping.close();
      throw e;
    }
  }

  private static String ending(Path path) {
    String name = path.getFileName() == null ? "" : path.getFileName().toString();
    return name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
  }

  private static F32Rows fbin(Path path, MemorySegment bytes) {
    if (bytes.byteSize() < 8) {
      throw new BadInputException(
          path + ": " + bytes.byteSize() + " bytes are too few for an .fbin header of 8");
    }
    long count = Integer.toUnsignedLong(bytes.get(FileHeader.INT, 0));
    long dimension = Integer.toUnsignedLong(bytes.get(FileHeader.INT, 4));
    return checked(path, "its header", bytes, 8, 0, count, dimension);
  }

  private static F32Rows fvecs(Path path, MemorySegment bytes) {
    if (bytes.byteSize() < 4) {
      throw new BadInputException(
          path + ": " + bytes.byteSize() + " bytes hold no .fvecs row; the file has 0 vectors");
    }
    long dimension = Integer.toUnsignedLong(bytes.get(FileHeader.INT, 0));
    long rowBytes = 4 + 4 * dimension;
    F32Rows rows =
        checked(path, "its first row", bytes, 4, 4, bytes.byteSize() / rowBytes, dimension);
    for (int row = 0; row < rows.count(); row++) {
      int found = bytes.get(FileHeader.INT, row * rowBytes);
      if (found != dimension) {
        throw new BadInputException(
            path + ", row " + row + ": dimension " + found + ", the first row has " + dimension);
      }
    }
    return rows;
  }

  private static F32Rows npy(Path path, MemorySegment bytes) {
    byte[] magic = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    if (bytes.byteSize() < 12 || bytes.asSlice(0, 6).mismatch(MemorySegment.ofArray(magic)) != -1) {
      throw new BadInputException(path + ": not a NumPy file (its first bytes are not \\x93NUMPY)");
    }
    int major = bytes.get(ValueLayout.JAVA_BYTE, 6);
    if (major < 1 || major > 3) {
      throw new BadInputException(path + ": NumPy format version " + major + ", read are 1 to 3");
    }
    long start = major == 1 ? 10 : 12;
    long length =
        major == 1
            ? Short.toUnsignedInt(
                bytes.get(
                    ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN),
                    8))
            : Integer.toUnsignedLong(bytes.get(FileHeader.INT, 8));
    if (length > MAX_NPY_HEADER_BYTES || start + length > bytes.byteSize()) {
      throw new BadInputException(path + ": damaged, its NumPy header claims " + length + " bytes");
    }
    String header =
        new String(
            bytes.asSlice(start, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    Matcher shape = NPY_SHAPE.matcher(header);
    if (!header.contains("'<f4'") || header.contains("'fortran_order': True") || !shape.find()) {
      throw new BadInputException(
          path
              + ": needed is a C-ordered array of two dimensions and type '<f4', found "
              + header.trim());
    }
    return checked(
        path,
        "its header",
        bytes,
        start + length,
        0,
        parse(path, shape.group(1)),
        parse(path, shape.group(2)));
  }

  private static long parse(Path path, String digits) {
    try {
      return Long.parseLong(digits);
    } catch (NumberFormatException e) {
      throw new BadInputException(path + ": impossible shape " + digits);
    }
  }

  /** Rows after checking that count and dimension are in range and make up the file's size. */
  private static F32Rows checked(
      Path path,
      String source,
      MemorySegment bytes,
      long offset,
      int rowHeader,
      long count,
      long dimension) {
    if (dimension < 1 || dimension > VectorFile.MAX_DIMENSION) {
      throw new BadInputException(
          path
              + ": dimension "
              + dimension
              + " in "
              + source
              + ", expected 1 to "
              + VectorFile.MAX_DIMENSION);
    }
    if (count < 1) {
      throw new BadInputException(path + ": holds 0 vectors, expected at least 1");
    }
    if (count > Integer.MAX_VALUE - 8) {
      throw new BadInputException(
          path + ": " + count + " vectors, at most " + (Integer.MAX_VALUE - 8) + " fit an index");
    }
    long stride = rowHeader + 4 * dimension;
    long expected = offset - rowHeader + count * stride;
    if (bytes.byteSize() != expected) {
      throw new BadInputException(
          path
              + ": "
              + bytes.byteSize()
              + " bytes, but "
              + count
              + " vectors of dimension "
              + dimension
              + " ("
              + source
              + ") take "
              + expected
              + "; the file is truncated or of another format");
    }
    return new F32Rows(bytes, offset, stride, (int) count, (int) dimension);
  }

  /** The file it was read from, null for vectors in memory. */
  public @Nullable Path path() {
    return path;
  }

  /** What messages call it. */
  public String name() {
    return path == null ? IN_MEMORY : path.toString();
  }

  /** The vectors, alive until {@link #close}. */
  public F32Rows rows() {
    return rows;
  }

  /** Gives up the memory of rows [from, to), which have been read for the last time. */
  public void release(int from, int to) {
    if (mapping != null) {
      mapping.release(rows.offset(from), (to - from) * rows.strideBytes());
    }
  }

  /**
   * Checks that a row can be indexed and searched for.
   *
   * @return the row's norm
   * @throws BadInputException naming file, row and component if a value is NaN or infinite, the
   *     norm overflows float32, or it is 0 under {@link Metric#COSINE}
   */
  public double checkRow(int row, Metric metric) {
    return RowCheck.norm(rows, row, metric, name());
  }

  @Override
  public void close() {
    try (NativeMemory _ = memory) {
      if (mapping != null) {
        mapping.close();
      }
    }
  }
}
