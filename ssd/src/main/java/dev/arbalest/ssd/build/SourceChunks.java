// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.VectorInput;
import dev.arbalest.VectorSource;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Hands out the rows of a source in order, a chunk at a time, to several workers. Rows that can be
 * read in place are not copied.
 */
final class SourceChunks implements AutoCloseable {
  private final VectorSource source;
  private final int chunkRows;
  private final long chunkBytes;
  private final NativeMemory buffers;
  private int next;
  private @Nullable Throwable failure;

  /** Takes rows in chunks of {@code chunkRows}; the source stays the caller's. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // closed with this
  SourceChunks(VectorSource source, int chunkRows, int workers) {
    this.source = source;
    this.chunkRows = Math.min(chunkRows, source.count());
    this.chunkBytes = 4L * source.dimension() * this.chunkRows;
    this.buffers = NativeMemory.allocate(source instanceof VectorInput ? 1 : chunkBytes * workers);
  }

  /**
   * Rows of the source, valid until the worker that took them takes the next.
   *
   * @param rows where they are
   * @param offset number of the first among {@code rows}
   * @param first number of the first in the source
   * @param count how many
   */
  record Chunk(VectorSource source, F32Rows rows, int offset, int first, int count) {
    /** What messages call a row of {@code rows}. */
    String describe(int number) {
      return source.describe(number - offset + first);
    }
  }

  /** The next rows; called as often as there are chunks. */
  synchronized Chunk next(int worker) throws IOException {
    if (failure != null) {
      throw new IOException("the source of vectors failed: " + failure.getMessage(), failure);
    }
    try {
      return read(worker);
    } catch (Throwable e) {
      failure = e; // the source is in no known state: no other worker may go on with it
      throw e;
    }
  }

  private Chunk read(int worker) throws IOException {
    int first = next;
    int count = Math.min(chunkRows, source.count() - first);
    next += count;
    if (source instanceof VectorInput input) {
      return new Chunk(source, input.rows(), first, first, count);
    }
    long rowBytes = 4L * source.dimension();
    source.read(buffers.segment().asSlice(worker * chunkBytes, rowBytes * count), count);
    F32Rows rows =
        new F32Rows(buffers.segment(), worker * chunkBytes, rowBytes, count, source.dimension());
    return new Chunk(source, rows, 0, first, count);
  }

  /** Gives up memory of rows that were read for the last time. */
  void release(Chunk chunk) {
    if (source instanceof VectorInput input) {
      input.release(chunk.first(), chunk.first() + chunk.count());
    }
  }

  @Override
  public void close() {
    buffers.close();
  }
}
