// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A table of float32 row vectors in off-heap memory it does not own: row {@code i} is {@code
 * dimension} little-endian floats at {@code offsetBytes + i * strideBytes}.
 *
 * @param memory the memory, alive for as long as the table is used
 * @param offsetBytes where row 0 starts
 * @param strideBytes distance of two rows, at least {@code 4 * dimension}
 * @param count number of rows, at least 0
 * @param dimension floats per row, at least 1
 */
public record F32Rows(
    MemorySegment memory, long offsetBytes, long strideBytes, int count, int dimension) {

  /** Unaligned little-endian float, the element type of every vector file. */
  public static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);

  /** Checks that all rows lie inside the memory. */
  public F32Rows {
    if (dimension < 1 || count < 0 || offsetBytes < 0 || strideBytes < 4L * dimension) {
      throw new IllegalArgumentException(
          "rows need dimension >= 1, count >= 0, offset >= 0, stride >= 4 * dimension: dimension "
              + dimension
              + ", count "
              + count
              + ", offset "
              + offsetBytes
              + ", stride "
              + strideBytes);
    }
    if (count > 0) {
      long end = offsetBytes + (count - 1L) * strideBytes + 4L * dimension;
      if (end > memory.byteSize()) {
        throw new IllegalArgumentException(
            count + " rows end at byte " + end + ", the memory at " + memory.byteSize());
      }
    }
  }

  /** Offset in bytes of row {@code row}; not checked beyond {@code assert}. */
  public long offset(int row) {
    assert row >= 0 && row < count : row;
    return offsetBytes + row * strideBytes;
  }

  /** Reads one component. */
  public float get(int row, int component) {
    return memory.get(FLOAT, offset(row) + 4L * component);
  }

  /** Copies row {@code row} into {@code target[0, dimension)}. */
  public void copyRow(int row, float[] target) {
    MemorySegment.copy(memory, FLOAT, offset(row), target, 0, dimension);
  }
}
