// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.input;

import dev.arbalest.BadInputException;
import dev.arbalest.ssd.format.VectorFile;

/**
 * Where the components of a file's vectors lie.
 *
 * @param offset of the first component, in bytes
 * @param rowHeaderBytes before each row
 * @param count rows
 * @param dimension components of a row
 * @param type of a component
 * @param isByColumn whether the first components of all rows come first (Fortran order)
 */
public record DenseLayout(
    long offset,
    int rowHeaderBytes,
    int count,
    int dimension,
    ComponentType type,
    boolean isByColumn) {
  private static final long MAX_COUNT = Integer.MAX_VALUE - 8;

  /**
   * Checks that count and dimension are in range.
   *
   * @param name what messages call the file
   * @param where the file says so, for messages
   */
  static DenseLayout checked(
      String name,
      String where,
      long offset,
      int rowHeaderBytes,
      long count,
      long dimension,
      ComponentType type,
      boolean isByColumn) {
    requireInRange(name, where, count, dimension);
    return new DenseLayout(offset, rowHeaderBytes, (int) count, (int) dimension, type, isByColumn);
  }

  /**
   * Checks that an index can hold so many vectors of such a dimension.
   *
   * @param name what messages call the source
   * @param where it says so, for messages
   * @throws BadInputException if it cannot
   */
  public static void requireInRange(String name, String where, long count, long dimension) {
    if (dimension < 1 || dimension > VectorFile.MAX_DIMENSION) {
      throw new BadInputException(
          name
              + ": dimension "
              + dimension
              + " in "
              + where
              + ", expected 1 to "
              + VectorFile.MAX_DIMENSION);
    }
    if (count < 1) {
      throw new BadInputException(name + ": holds 0 vectors, expected at least 1");
    }
    if (count > MAX_COUNT) {
      throw new BadInputException(
          name + ": " + count + " vectors, at most " + MAX_COUNT + " fit an index");
    }
  }

  /** Bytes of a row and its header. */
  public long rowBytes() {
    return rowHeaderBytes + (long) dimension * type.bytes();
  }

  /** Bytes of the file up to the end of the last row. */
  long fileBytes() {
    return offset - rowHeaderBytes + count * rowBytes();
  }

  /** Whether rows can be used as they lie in the file. */
  public boolean isInPlace() {
    return type.equals(ComponentType.FLOAT) && !isByColumn;
  }
}
