// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.input;

import dev.arbalest.BadInputException;
import dev.arbalest.VectorSource;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.util.Iterator;

/** Vectors that a program makes one by one. */
public final class IteratorSource implements VectorSource {
  private static final String NAME = "vectors of an iterator";

  private final int count;
  private final int dimension;
  private final Iterator<float[]> rows;
  private int next;

  /** Checks the numbers; takes no row yet. */
  public IteratorSource(int count, int dimension, Iterator<float[]> rows) {
    DenseLayout.requireInRange(NAME, "its arguments", count, dimension);
    this.count = count;
    this.dimension = dimension;
    this.rows = rows;
  }

  @Override
  public String name() {
    return NAME;
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
  public void read(MemorySegment target, int wanted) {
    for (int i = 0; i < wanted; i++) {
      if (!rows.hasNext()) {
        throw new BadInputException(NAME + ": only " + next + ", expected " + count);
      }
      float[] row = rows.next();
      if (row.length != dimension) {
        throw new BadInputException(
            describe(next) + ": dimension " + row.length + ", expected " + dimension);
      }
      long to = (long) Float.BYTES * dimension * i;
      MemorySegment.copy(row, 0, target, F32Rows.FLOAT, to, dimension);
      next++;
    }
  }

  @Override
  public void close() {}
}
