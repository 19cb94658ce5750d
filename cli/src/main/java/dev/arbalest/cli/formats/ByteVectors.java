// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import dev.arbalest.BadInputException;
import dev.arbalest.natives.FileMapping;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;

/**
 * Vectors of bytes: {@code .bvecs} (TEXMEX), {@code .u8bin}, {@code .i8bin} (big-ann-benchmarks).
 */
final class ByteVectors {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private ByteVectors() {}

  static void copyBvecs(Path path, VectorSink sink) throws IOException {
    try (FileMapping mapping = FileMapping.open(path)) {
      MemorySegment bytes = mapping.segment();
      long at = 0;
      for (int row = 0; at < bytes.byteSize(); row++) {
        int dimension = bytes.byteSize() - at < 4 ? -1 : bytes.get(INT, at);
        if (dimension < 1 || dimension > bytes.byteSize() - at - 4) {
          throw new BadInputException(
              path
                  + ", row "
                  + row
                  + ": dimension "
                  + dimension
                  + " with "
                  + (bytes.byteSize() - at)
                  + " bytes left; the file is truncated or of another format");
        }
        accept(bytes, at + 4, dimension, false, sink);
        at += 4L + dimension;
      }
    }
  }

  static void copyBin(Path path, boolean signed, VectorSink sink) throws IOException {
    try (FileMapping mapping = FileMapping.open(path)) {
      MemorySegment bytes = mapping.segment();
      if (bytes.byteSize() < 8) {
        throw new BadInputException(
            path + ": " + bytes.byteSize() + " bytes are too few for a header of 8");
      }
      long count = Integer.toUnsignedLong(bytes.get(INT, 0));
      long dimension = Integer.toUnsignedLong(bytes.get(INT, 4));
      if (dimension < 1 || dimension > 65_536 || bytes.byteSize() != 8 + count * dimension) {
        throw new BadInputException(
            path
                + ": "
                + bytes.byteSize()
                + " bytes, but its header says "
                + count
                + " vectors of dimension "
                + dimension
                + "; the file is truncated or of another format");
      }
      for (long row = 0; row < count; row++) {
        accept(bytes, 8 + row * dimension, (int) dimension, signed, sink);
      }
    }
  }

  private static void accept(
      MemorySegment bytes, long at, int dimension, boolean signed, VectorSink sink)
      throws IOException {
    float[] row = new float[dimension];
    for (int i = 0; i < dimension; i++) {
      byte value = bytes.get(ValueLayout.JAVA_BYTE, at + i);
      row[i] = signed ? value : Byte.toUnsignedInt(value);
    }
    sink.accept(row, 0, dimension);
  }
}
