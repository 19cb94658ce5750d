// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import dev.arbalest.BadInputException;
import dev.arbalest.natives.FileMapping;
import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import io.jhdf.api.dataset.ChunkedDataset;
import io.jhdf.api.dataset.ContiguousDataset;
import io.jhdf.exceptions.HdfException;
import io.jhdf.object.datatype.DataType;
import io.jhdf.object.datatype.FloatingPoint;
import io.jhdf.object.datatype.OrderedDataType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;

/** Vectors and ground truth in HDF5 files of the ann-benchmarks layout: train, test, neighbors. */
final class Hdf5Vectors {
  private Hdf5Vectors() {}

  static void copy(Path path, String name, VectorSink sink) throws IOException {
    try (HdfFile file = new HdfFile(path)) {
      Dataset dataset = dataset(path, file, name);
      DataType type = dataset.getDataType();
      if (!(type instanceof FloatingPoint) || (type.getSize() != 4 && type.getSize() != 8)) {
        throw new BadInputException(
            path + ": dataset " + name + " holds " + dataset.getJavaType() + ", needed is float");
      }
      switch (dataset) {
        case ContiguousDataset contiguous -> copyContiguous(path, contiguous, sink);
        case ChunkedDataset chunked -> copyChunked(chunked, sink);
        default ->
            throw new BadInputException(
                path + ": dataset " + name + " has a layout other than contiguous or chunked");
      }
    } catch (HdfException e) {
      throw new BadInputException(path + ": unreadable as HDF5: " + e.getMessage());
    }
  }

  static int[][] neighbors(Path path) {
    try (HdfFile file = new HdfFile(path)) {
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
      throw new BadInputException(path + ": unreadable as HDF5: " + e.getMessage());
    }
  }

  private static Dataset dataset(Path path, HdfFile file, String name) {
    Dataset dataset;
    try {
      dataset = file.getDatasetByPath(name);
    } catch (HdfException e) {
      throw new BadInputException(
          path + ": no dataset " + name + ", it holds " + file.getChildren().keySet());
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

  private static void copyContiguous(Path path, ContiguousDataset dataset, VectorSink sink)
      throws IOException {
    int rows = dataset.getDimensions()[0];
    int dimension = dataset.getDimensions()[1];
    int size = dataset.getDataType().getSize();
    long start = dataset.getDataAddress();
    try (FileMapping mapping = FileMapping.open(path)) {
      if (start + (long) rows * dimension * size > mapping.segment().byteSize()) {
        throw new BadInputException(
            path + ": truncated, " + mapping.segment().byteSize() + " bytes");
      }
      float[] row = new float[dimension];
      for (int i = 0; i < rows; i++) {
        long at = start + (long) i * dimension * size;
        read(mapping.segment(), at, dataset.getDataType(), row, 0, dimension);
        sink.accept(row, 0, dimension);
      }
    }
  }

  /** A band of chunks at a time, as tall as a chunk and as wide as the dataset. */
  private static void copyChunked(ChunkedDataset dataset, VectorSink sink) throws IOException {
    int rows = dataset.getDimensions()[0];
    int dimension = dataset.getDimensions()[1];
    int height = dataset.getChunkDimensions()[0];
    int width = dataset.getChunkDimensions()[1];
    int size = dataset.getDataType().getSize();
    float[] band = new float[Math.multiplyExact(height, dimension)];
    for (int top = 0; top < rows; top += height) {
      int filled = Math.min(height, rows - top);
      for (int left = 0; left < dimension; left += width) {
        MemorySegment chunk =
            MemorySegment.ofArray(dataset.getDecompressedChunk(new int[] {top, left}));
        int columns = Math.min(width, dimension - left);
        for (int i = 0; i < filled; i++) {
          long at = (long) i * width * size;
          read(chunk, at, dataset.getDataType(), band, i * dimension + left, columns);
        }
      }
      for (int i = 0; i < filled; i++) {
        sink.accept(band, i * dimension, dimension);
      }
    }
  }

  private static void read(
      MemorySegment bytes, long at, DataType type, float[] target, int from, int count) {
    java.nio.ByteOrder order = ((OrderedDataType) type).getByteOrder();
    ValueLayout.OfFloat floats = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(order);
    ValueLayout.OfDouble doubles = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(order);
    for (int i = 0; i < count; i++) {
      target[from + i] =
          type.getSize() == 4
              ? bytes.get(floats, at + 4L * i)
              : (float) bytes.get(doubles, at + 8L * i);
    }
  }
}
