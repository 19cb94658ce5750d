// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.ElementType;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The vectors that a build makes codes and graph of, or a prefix of each: in memory, or in the file
 * of the new index, where they may be half floats. Memory and file stay the caller's.
 */
final class BuildVectors {
  /** More than the kernel maps around a page that is read. */
  private static final long READ_AROUND_BYTES = 256L << 10;

  private final int count;
  private final int dimension;
  private final @Nullable F32Rows rows;
  private final @Nullable FileMapping mapping;
  private final VectorFile geometry;

  private BuildVectors(
      int count,
      int dimension,
      @Nullable F32Rows rows,
      @Nullable FileMapping mapping,
      VectorFile geometry) {
    this.count = count;
    this.dimension = dimension;
    this.rows = rows;
    this.mapping = mapping;
    this.geometry = geometry;
  }

  /** Vectors in memory. */
  static BuildVectors inMemory(F32Rows rows, VectorFile geometry) {
    return new BuildVectors(rows.count(), rows.dimension(), rows, null, geometry);
  }

  /** Vectors of a mapped file, or the first {@code dimension} components of each. */
  static BuildVectors mapped(FileMapping mapping, VectorFile geometry, int count, int dimension) {
    F32Rows rows =
        geometry.type() == ElementType.F32
            ? new F32Rows(
                mapping.segment(), geometry.offset(0), geometry.slotBytes(), count, dimension)
            : null;
    return new BuildVectors(count, dimension, rows, mapping, geometry);
  }

  int count() {
    return count;
  }

  int dimension() {
    return dimension;
  }

  /** Whether they are read from a file. */
  boolean isMapped() {
    return mapping != null;
  }

  /** The vectors as floats where they are, or null if they are half floats in a file. */
  @Nullable F32Rows inPlace() {
    return rows;
  }

  /** Copies a vector as floats, and gives up the pages it was read from. */
  void copy(int row, MemorySegment target, long offset) {
    if (mapping == null) {
      F32Rows inMemory = java.util.Objects.requireNonNull(rows);
      MemorySegment.copy(inMemory.memory(), inMemory.offset(row), target, offset, 4L * dimension);
      return;
    }
    long from = geometry.offset(row);
    geometry.type().load(mapping.segment(), from, dimension, target, offset);
    // The kernel maps pages around each it reads: they count too.
    long start = Math.max(0, from - READ_AROUND_BYTES);
    mapping.release(start, from + geometry.slotBytes() + READ_AROUND_BYTES - start);
  }

  /** Bytes of the buffer that {@link #window} needs for so many vectors. */
  long windowBytes(int size) {
    return rows == null ? 4L * dimension * size : 1;
  }

  /** Vectors [from, to) as floats, where they are or in {@code buffer}. */
  F32Rows window(int from, int to, MemorySegment buffer) {
    if (rows != null) {
      return new F32Rows(
          rows.memory(), rows.offset(from), rows.strideBytes(), to - from, dimension);
    }
    MemorySegment file = java.util.Objects.requireNonNull(mapping).segment();
    long rowBytes = 4L * dimension;
    for (int row = from; row < to; row++) {
      long offset = (row - from) * rowBytes;
      geometry.type().load(file, geometry.offset(row), dimension, buffer, offset);
    }
    return new F32Rows(buffer, 0, rowBytes, to - from, dimension);
  }

  /** Gives up the memory of vectors [from, to), which are not needed soon. */
  void release(int from, int to) {
    if (mapping != null) {
      mapping.release(geometry.offset(from), (long) (to - from) * geometry.slotBytes());
    }
  }
}
