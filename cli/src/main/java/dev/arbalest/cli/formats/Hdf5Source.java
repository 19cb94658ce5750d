// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.VectorSource;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.ssd.input.ComponentType;
import dev.arbalest.ssd.input.MappedSource;
import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import io.jhdf.api.dataset.ChunkedDataset;
import io.jhdf.api.dataset.ContiguousDataset;
import io.jhdf.exceptions.HdfException;
import io.jhdf.object.datatype.DataType;
import io.jhdf.object.datatype.FixedPoint;
import io.jhdf.object.datatype.FloatingPoint;
import io.jhdf.object.datatype.OrderedDataType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Vectors in a dataset of an HDF5 file, which lie in one piece or in chunks, and the ground truth
 * of the ann-benchmarks layout.
 */
final class Hdf5Source implements VectorSource {
  private final Path path;
  private final HdfFile file;
  private final String name;
  private final ComponentType type;
  private final int count;
  private final int dimension;

  /** The dataset, if it is in chunks. */
  private final @Nullable ChunkedDataset chunked;

  /** The whole file, if the dataset is in one piece; its first byte is at {@code start}. */
  private final @Nullable FileMapping mapping;

  private final long start;

  /** Rows as high as a chunk, all their components, as floats. */
  private MemorySegment band = MemorySegment.NULL;

  private int bandFirst;
  private int bandRows;
  private int next;

  @SuppressWarnings("MustBeClosedChecker") // closed with this
  private Hdf5Source(Path path, HdfFile file, String name) throws IOException {
    this.path = path;
    this.file = file;
    this.name = name;
    Dataset dataset = dataset(path, file, name);
    this.count = dataset.getDimensions()[0];
    this.dimension = dataset.getDimensions()[1];
    if (count < 1 || dimension < 1) {
      throw new BadInputException(
          path + ": dataset " + name + " holds 0 vectors, expected at least 1");
    }
    this.type = type(path, name, dataset);
    switch (dataset) {
      case ContiguousDataset contiguous -> {
        chunked = null;
        start = file.getUserBlockSize() + contiguous.getDataAddress();
        mapping = FileMapping.open(path);
        long end = start + (long) count * dimension * type.bytes();
        if (contiguous.getDataAddress() < 0 || end > mapping.segment().byteSize()) {
          long size = mapping.segment().byteSize();
          mapping.close();
          throw new BadInputException(
              path
                  + ": dataset "
                  + name
                  + (contiguous.getDataAddress() < 0
                      ? " has no data in this file: it was never written, or lies in external files"
                      : " is truncated, the file has " + size + " bytes of " + end));
        }
      }
      case ChunkedDataset inChunks -> {
        chunked = inChunks;
        mapping = null;
        start = 0;
      }
      default ->
          throw new BadInputException(
              path
                  + ": dataset "
                  + name
                  + " is "
                  + dataset.getDataLayout()
                  + "; read are datasets in one piece or in chunks");
    }
  }

  /**
   * Opens a file.
   *
   * @param name path of the dataset
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  static Hdf5Source open(Path path, String name) throws IOException {
    HdfFile file = file(path);
    try {
      return new Hdf5Source(path, file, name);
    } catch (HdfException e) {
      file.close();
      throw unreadable(path, name, e);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private static HdfFile file(Path path) {
    try {
      return new HdfFile(path);
    } catch (HdfException e) {
      throw new BadInputException(path + ": unreadable as HDF5: " + e.getMessage());
    }
  }

  private static BadInputException unreadable(Path path, String name, RuntimeException e) {
    Throwable reason = e;
    while (reason.getCause() != null) {
      reason = reason.getCause(); // the outer ones name addresses
    }
    return new BadInputException(
        path + ": dataset " + name + " cannot be read: " + reason.getMessage());
  }

  static int[][] neighbors(Path path) {
    try (HdfFile file = file(path)) {
      Object data = dataset(path, file, "neighbors").getData();
      return switch (data) {
        case int[][] ids -> ids;
        case long[][] ids ->
            Arrays.stream(ids)
                .map(row -> Arrays.stream(row).mapToInt(Math::toIntExact).toArray())
                .toArray(int[][]::new);
        default ->
            throw new BadInputException(path + ": dataset neighbors holds no integers in rows");
      };
    } catch (HdfException e) {
      throw unreadable(path, "neighbors", e);
    }
  }

  private static Dataset dataset(Path path, HdfFile file, String name) {
    Dataset dataset;
    try {
      dataset = file.getDatasetByPath(name);
    } catch (HdfException e) {
      if (e.getCause() != null || file.getChildren().containsKey(name)) {
        throw unreadable(path, name, e);
      }
      throw new BadInputException(
          path
              + ": no dataset "
              + name
              + ", it holds "
              + file.getChildren().keySet()
              + "; name one with --vector-column");
    }
    if (dataset.getDimensions().length != 2) {
      throw new BadInputException(
          path
              + ": dataset "
              + name
              + " has the shape "
              + Arrays.toString(dataset.getDimensions())
              + ", needed are two dimensions");
    }
    return dataset;
  }

  private static ComponentType type(Path path, String name, Dataset dataset) {
    DataType type = dataset.getDataType();
    ComponentType.@Nullable Kind kind =
        switch (type) {
          // An 8-bit exponent in 16 bits is bfloat16, which is another number.
          case FloatingPoint half when half.getSize() == 2 && half.getExponentSize() == 5 ->
              ComponentType.Kind.F16;
          case FloatingPoint single when single.getSize() == 4 && single.getExponentSize() == 8 ->
              ComponentType.Kind.F32;
          case FloatingPoint wide when wide.getSize() == 8 && wide.getExponentSize() == 11 ->
              ComponentType.Kind.F64;
          case FixedPoint small when small.getSize() == 1 ->
              small.isSigned() ? ComponentType.Kind.I8 : ComponentType.Kind.U8;
          default -> null;
        };
    if (kind == null) {
      throw new BadInputException(
          path
              + ": dataset "
              + name
              + " holds "
              + 8 * type.getSize()
              + "-bit "
              + (type instanceof FloatingPoint ? "floats of another make" : dataset.getJavaType())
              + "; read are floats of 16, 32 and 64 bits (IEEE 754) and integers of 8");
    }
    return new ComponentType(kind, ((OrderedDataType) type).getByteOrder());
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
    long rowBytes = (long) Float.BYTES * dimension;
    if (mapping != null) {
      long from = start + (long) next * dimension * type.bytes();
      for (int i = 0; i < rows; i++) {
        long row = from + (long) i * dimension * type.bytes();
        type.convert(mapping.segment(), row, target, i * rowBytes, Float.BYTES, dimension);
      }
      mapping.release(from, (long) rows * dimension * type.bytes());
      next += rows;
      return;
    }
    for (int i = 0; i < rows; i++) {
      if (next == bandFirst + bandRows) {
        readBand();
      }
      long from = (next - bandFirst) * rowBytes;
      MemorySegment.copy(band, from, target, i * rowBytes, rowBytes);
      next++;
    }
  }

  /** Reads the chunks side by side that begin with row {@code next}. */
  private void readBand() {
    ChunkedDataset dataset = java.util.Objects.requireNonNull(chunked);
    int width = dataset.getChunkDimensions()[1];
    int height = Math.min(dataset.getChunkDimensions()[0], count);
    int rows = Math.min(height, count - next);
    try {
      if (band.byteSize() == 0) {
        band = MemorySegment.ofArray(new float[Math.multiplyExact(height, dimension)]);
      }
      for (int left = 0; left < dimension; left += width) {
        MemorySegment chunk =
            MemorySegment.ofArray(dataset.getDecompressedChunk(new int[] {next, left}));
        int columns = Math.min(width, dimension - left);
        for (int i = 0; i < rows; i++) {
          long from = (long) i * width * type.bytes();
          long to = Float.BYTES * ((long) i * dimension + left);
          type.convert(chunk, from, band, to, Float.BYTES, columns);
        }
      }
    } catch (RuntimeException e) {
      throw new BadInputException(
          path
              + ": dataset "
              + name
              + ", rows "
              + next
              + " to "
              + (next + rows - 1)
              + ": their chunk is damaged, too large, or was never written: "
              + e.getMessage());
    }
    bandFirst = next;
    bandRows = rows;
  }

  @Override
  public String version() throws IOException {
    return MappedSource.version(path) + ", dataset " + name;
  }

  @Override
  public void close() {
    try (file) {
      if (mapping != null) {
        mapping.close();
      }
    }
  }
}
