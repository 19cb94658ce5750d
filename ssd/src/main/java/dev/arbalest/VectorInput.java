// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.RowCheck;
import dev.arbalest.ssd.input.ConcatenatedSource;
import dev.arbalest.ssd.input.DenseFormat;
import dev.arbalest.ssd.input.DenseLayout;
import dev.arbalest.ssd.input.IteratorSource;
import dev.arbalest.ssd.input.MappedSource;
import dev.arbalest.ssd.input.StreamSource;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Float32 vectors that can be read in any order: rows in memory, or a file of another program,
 * mapped and read in place. The ending of a file tells its format:
 *
 * <ul>
 *   <li>{@code .fbin} (big-ann-benchmarks): uint32 count, uint32 dimension, rows
 *   <li>{@code .fvecs} (TEXMEX): per row int32 dimension, then the row
 *   <li>{@code .npy} (NumPy 1.0 to 3.0): a two-dimensional array
 *   <li>{@code .u8bin}, {@code .i8bin}, {@code .bvecs}: the first two formats, of bytes
 * </ul>
 *
 * Bytes, and arrays of another type or order than C-ordered {@code <f4}, are converted into memory;
 * {@link #source} reads them without holding them all.
 *
 * <p>{@link #source}, {@link #concatenate}, {@link #stream} and {@link #of(int, int, Iterator)}
 * make other sources, whose vectors need never be in memory all at once.
 *
 * <p>Opening checks the header against the file's size; {@link #checkRow} checks values. Safe for
 * any number of threads until {@link #close}, but for {@link #read}.
 */
public final class VectorInput implements VectorSource {
  private static final String IN_MEMORY = "vectors in memory";

  private final String name;
  private final @Nullable Path path;
  private final @Nullable FileMapping mapping;
  private final @Nullable NativeMemory memory;
  private final F32Rows rows;
  private int next;

  private VectorInput(
      String name,
      @Nullable Path path,
      @Nullable FileMapping mapping,
      @Nullable NativeMemory memory,
      F32Rows rows) {
    this.name = name;
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
    return new VectorInput(IN_MEMORY, null, null, memory, rows);
  }

  /** Vectors in native memory, which stays the caller's and must outlive this object. */
  @MustBeClosed
  public static VectorInput of(F32Rows vectors) {
    return new VectorInput(IN_MEMORY, null, null, null, vectors);
  }

  /**
   * Opens a file to read its vectors once and in order, whatever their type; a named pipe is read
   * as {@link #stream} reads.
   *
   * @throws BadInputException if it does not exist, has an unknown ending, or is damaged
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static VectorSource source(Path path) throws IOException {
    DenseFormat format = DenseFormat.of(path);
    DenseFormat.requireReadable(path);
    if (Files.isRegularFile(path)) {
      return format.isMappedInPlace(path) ? open(path) : MappedSource.open(path);
    }
    return StreamSource.open(Files.newInputStream(path), path.toString(), format);
  }

  /**
   * The vectors of several files, one after the other, of which at most one is open at a time.
   *
   * @param paths at least one, each of a regular file
   * @param opener opens one, such as {@code VectorInput::source}
   * @throws BadInputException if there is no file, their dimensions differ, or one cannot be used
   */
  @MustBeClosed
  public static VectorSource concatenate(List<Path> paths, VectorSource.Opener opener)
      throws IOException {
    return ConcatenatedSource.of(paths, opener);
  }

  /**
   * The vectors of a stream, which begins with a header that tells their number and ends after the
   * last: reading that waits for the end.
   *
   * @param in closed with the source
   * @param name what messages call it
   * @param format {@code fbin}, {@code npy}, {@code u8bin} or {@code i8bin}
   * @throws BadInputException if the format is another, or the header is damaged
   */
  @MustBeClosed
  public static VectorSource stream(InputStream in, String name, String format) throws IOException {
    return StreamSource.open(in, name, DenseFormat.named(format));
  }

  /**
   * Vectors that a program makes as they are needed.
   *
   * @param count how many {@code rows} has, at least 1
   * @param dimension length of each, 1 to 65535
   * @param rows asked for no more than {@code count}
   */
  @MustBeClosed
  public static VectorSource of(int count, int dimension, Iterator<float[]> rows) {
    return new IteratorSource(count, dimension, rows);
  }

  /**
   * Reads all vectors of a source into memory. The source stays the caller's.
   *
   * @throws BadInputException if the source is damaged
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static VectorInput copyOf(VectorSource source) throws IOException {
    return copyOf(source, null);
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  private static VectorInput copyOf(VectorSource source, @Nullable Path path) throws IOException {
    long rowBytes = 4L * source.dimension();
    NativeMemory memory = NativeMemory.allocate(rowBytes * source.count());
    try {
      source.read(memory.segment(), source.count());
      F32Rows rows = new F32Rows(memory.segment(), 0, rowBytes, source.count(), source.dimension());
      return new VectorInput(source.name(), path, null, memory, rows);
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  /**
   * Opens a file.
   *
   * @throws BadInputException if it does not exist, has an unknown ending, or its header and size
   *     do not agree
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static VectorInput open(Path path) throws IOException {
    DenseFormat format = DenseFormat.of(path);
    DenseFormat.requireReadable(path);
    FileMapping mapping = FileMapping.open(path);
    try {
      DenseLayout layout = format.layout(path.toString(), mapping.segment());
      if (layout.isInPlace()) {
        F32Rows rows =
            new F32Rows(
                mapping.segment(),
                layout.offset(),
                layout.rowBytes(),
                layout.count(),
                layout.dimension());
        return new VectorInput(path.toString(), path, mapping, null, rows);
      }
    } catch (Throwable e) {
      mapping.close();
      throw e;
    }
    mapping.close();
    try (VectorSource source = MappedSource.open(path)) {
      return copyOf(source, path);
    }
  }

  /** The file it was read from, null for vectors in memory. */
  public @Nullable Path path() {
    return path;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int count() {
    return rows.count();
  }

  @Override
  public int dimension() {
    return rows.dimension();
  }

  @Override
  public void read(MemorySegment target, int wanted) {
    long rowBytes = 4L * rows.dimension();
    for (int i = 0; i < wanted; i++) {
      MemorySegment.copy(rows.memory(), rows.offset(next + i), target, i * rowBytes, rowBytes);
    }
    release(next, next + wanted);
    next += wanted;
  }

  /** Size and time of change of the file, or a checksum of what is in memory. */
  @Override
  public String version() throws IOException {
    if (path != null) {
      return MappedSource.version(path);
    }
    int checksum = 0;
    for (int row = 0; row < rows.count(); row++) {
      int bytes = 4 * rows.dimension();
      checksum = 31 * checksum + FileHeader.checksum(rows.memory(), rows.offset(row), bytes);
    }
    return "in memory " + Integer.toHexString(checksum);
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
    return RowCheck.norm(rows, row, metric, this::describe);
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
