// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import dev.arbalest.BadInputException;
import dev.hardwood.InputFile;
import dev.hardwood.metadata.PhysicalType;
import dev.hardwood.reader.ColumnReader;
import dev.hardwood.reader.LayerKind;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.schema.ColumnSchema;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Vectors in a Parquet file: its one column of lists of float or double, or of several such columns
 * the one called vector, embedding or emb.
 */
final class ParquetVectors {
  private static final List<String> NAMES = List.of("vector", "embedding", "emb");

  private ParquetVectors() {}

  static void copy(Path path, VectorSink sink) throws IOException {
    try (ParquetFileReader reader = open(path)) {
      ColumnSchema column = column(path, reader);
      try (ColumnReader values = reader.columnReader(column.columnIndex())) {
        int row = 0;
        while (values.nextBatch()) {
          row = copyBatch(path, column, values, row, sink);
        }
      }
    } catch (BadInputException e) {
      throw e;
    } catch (RuntimeException e) {
      throw unreadable(path, e);
    }
  }

  private static ParquetFileReader open(Path path) {
    try {
      return ParquetFileReader.open(InputFile.of(path));
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  private static BadInputException unreadable(Path path, Exception e) {
    return new BadInputException(path + ": unreadable as Parquet: " + e.getMessage());
  }

  private static ColumnSchema column(Path path, ParquetFileReader reader) {
    List<ColumnSchema> lists =
        reader.getFileSchema().getColumns().stream()
            .filter(c -> c.maxRepetitionLevel() == 1)
            .filter(c -> c.type() == PhysicalType.FLOAT || c.type() == PhysicalType.DOUBLE)
            .toList();
    if (lists.size() == 1) {
      return lists.getFirst();
    }
    return lists.stream()
        .filter(c -> NAMES.contains(c.fieldPath().elements().getFirst()))
        .findFirst()
        .orElseThrow(() ->
            new BadInputException(
                path
                    + ": needed is a column of lists of float, the only one or called vector,"
                    + " embedding or emb; found "
                    + reader.getFileSchema().getColumns().stream()
                        .map(c -> c.fieldPath() + " " + c.type())
                        .toList()));
  }

  private static int copyBatch(
      Path path, ColumnSchema column, ColumnReader values, int firstRow, VectorSink sink)
      throws IOException {
    int layer = 0;
    while (values.getLayerKind(layer) != LayerKind.REPEATED) {
      layer++;
    }
    int[] offsets = values.getLayerOffsets(layer);
    float[] floats =
        column.type() == PhysicalType.FLOAT ? values.getFloats() : narrow(values.getDoubles());
    for (int i = 0; i < values.getRecordCount(); i++) {
      int length = offsets[i + 1] - offsets[i];
      if (length == 0) {
        throw new BadInputException(path + ", row " + (firstRow + i) + ": null or empty vector");
      }
      for (int j = offsets[i]; j < offsets[i + 1]; j++) {
        if (!values.getLeafValidity().isNotNull(j)) {
          throw new BadInputException(
              path + ", row " + (firstRow + i) + ": component " + (j - offsets[i]) + " is null");
        }
      }
      sink.accept(floats, offsets[i], length);
    }
    return firstRow + values.getRecordCount();
  }

  private static float[] narrow(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }
}
