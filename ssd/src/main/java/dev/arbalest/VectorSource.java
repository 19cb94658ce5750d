// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import com.google.errorprone.annotations.MustBeClosed;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * Float32 vectors to build an index from, read once and in order, so that they need never be in
 * memory or in a file all at once. {@link VectorInput} makes sources of files, streams and
 * iterators; implement this interface for others.
 *
 * <p>One thread at a time calls a source, but not always the same one.
 */
public interface VectorSource extends AutoCloseable {
  /** What messages call it, such as the path of a file. */
  String name();

  /** Number of vectors, at least 1. */
  int count();

  /** Components of each vector, 1 to 65535. */
  int dimension();

  /**
   * Reads the next rows.
   *
   * @param target receives them one after another, as unaligned little-endian floats; at least
   *     {@code 4 * rows * dimension()} bytes
   * @param rows how many; never more than are left
   * @throws BadInputException naming the source and the row, if there are fewer rows than {@link
   *     #count} promised or a row is damaged
   * @throws IOException if the source cannot be read
   */
  void read(MemorySegment target, int rows) throws IOException;

  /** What messages call a row: the source and the row's place in it. */
  default String describe(int row) {
    return name() + ", row " + row;
  }

  /**
   * A text that changes when the vectors do, such as the size of a file and the time of its last
   * change; empty if there is none. An unfinished build resumes only from a source of equal
   * version, and trusts those whose versions are empty.
   */
  default String version() throws IOException {
    return "";
  }

  @Override
  void close() throws IOException;

  /** Opens a source on a file. */
  @FunctionalInterface
  interface Opener {
    /** Opens it, each time from its first row. */
    @MustBeClosed
    VectorSource open(Path path) throws IOException;
  }
}
