package dev.arbalest.ssd;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.FileMapping;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * The vectors of an index, mapped, to be gone through from front to back. Pages are given back
 * behind the reader. Thread-safe until closed.
 */
final class StoredRows implements AutoCloseable {
  /** Rows in a block of moderate size. */
  static final int BLOCK = 256;

  private final FileMapping mapping;
  private final VectorFile geometry;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  StoredRows(DirectFile file, VectorFile geometry) throws IOException {
    this.mapping = FileMapping.of(file);
    this.geometry = geometry;
  }

  void copyRow(int row, float[] target) {
    MemorySegment.copy(
        mapping.segment(), F32Rows.FLOAT, geometry.offset(row), target, 0, geometry.dimension());
  }

  /** Rows of a block; closing it gives its pages back. */
  final class Block implements AutoCloseable {
    private final long[] offsets;

    private Block(int from, int to) {
      offsets = new long[to - from];
      java.util.Arrays.setAll(offsets, i -> geometry.offset((long) from + i));
    }

    /** Where the rows lie: floats. */
    MemorySegment memory() {
      return mapping.segment();
    }

    /** Offset of each row. */
    long[] offsets() {
      return offsets;
    }

    @Override
    public void close() {
      mapping.release(offsets[0], (long) offsets.length * geometry.slotBytes());
    }
  }

  @MustBeClosed
  Block block(int from, int to) {
    return new Block(from, to);
  }

  @Override
  public void close() {
    mapping.close();
  }
}
