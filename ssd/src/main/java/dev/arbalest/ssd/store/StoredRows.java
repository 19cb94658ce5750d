// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.ElementType;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The vectors of an index, mapped, to be gone through from front to back. Pages are given back
 * behind the reader. Thread-safe until closed.
 */
public final class StoredRows implements AutoCloseable {
  /** Rows in a block of moderate size. */
  public static final int BLOCK = 256;

  private final FileMapping mapping;
  private final VectorFile geometry;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  public StoredRows(DirectFile file, VectorFile geometry) throws IOException {
    this.mapping = FileMapping.of(file);
    this.geometry = geometry;
  }

  /** Checksum of a row's slot. */
  public int checksum(int row) {
    return FileHeader.checksum(mapping.segment(), geometry.offset(row), geometry.slotBytes());
  }

  public void copyRow(int row, float[] target) {
    try (NativeMemory memory = NativeMemory.allocate(4L * target.length)) {
      geometry
          .type()
          .load(mapping.segment(), geometry.offset(row), target.length, memory.segment(), 0);
      MemorySegment.copy(memory.segment(), F32Rows.FLOAT, 0, target, 0, target.length);
    }
  }

  /** Rows of a block; closing it gives its pages back. */
  public final class Block implements AutoCloseable {
    public final long[] offsets;
    private final long fileOffset;
    private final @Nullable NativeMemory floats;

    @SuppressWarnings("MustBeClosedChecker") // closed by close()
    private Block(int from, int to) {
      offsets = new long[to - from];
      fileOffset = geometry.offset(from);
      if (geometry.type() == ElementType.F32) {
        floats = null;
        java.util.Arrays.setAll(offsets, i -> geometry.offset((long) from + i));
        return;
      }
      int dimension = geometry.dimension();
      floats = NativeMemory.allocate(4L * dimension * offsets.length);
      for (int i = 0; i < offsets.length; i++) {
        offsets[i] = 4L * dimension * i;
        geometry
            .type()
            .load(
                mapping.segment(),
                geometry.offset((long) from + i),
                dimension,
                floats.segment(),
                offsets[i]);
      }
    }

    /** Where the rows lie: floats. */
    public MemorySegment memory() {
      return floats == null ? mapping.segment() : floats.segment();
    }

    /** Offset of each row. */
    public long[] offsets() {
      return offsets;
    }

    @Override
    public void close() {
      mapping.release(fileOffset, (long) offsets.length * geometry.slotBytes());
      if (floats != null) {
        floats.close();
      }
    }
  }

  @MustBeClosed
  public Block block(int from, int to) {
    return new Block(from, to);
  }

  @Override
  public void close() {
    mapping.close();
  }
}
