// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.VectorSource;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;

/** Reads a source in batches, each in place of the one before. The source stays the caller's. */
final class SourceBatches implements AutoCloseable {
  private final VectorSource source;
  private final int most;
  private final long rowBytes;
  private final NativeMemory memory;

  /** Makes room for batches of at most {@code most} rows. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // closed with this
  SourceBatches(VectorSource source, int most) {
    this.source = source;
    this.most = Math.min(most, source.count());
    this.rowBytes = 4L * source.dimension();
    this.memory = NativeMemory.allocate(rowBytes * this.most);
  }

  /** The next {@code count} rows, valid until the next call. */
  F32Rows next(int count) throws IOException {
    source.read(memory.segment().asSlice(0, rowBytes * count), count);
    return new F32Rows(memory.segment(), 0, rowBytes, count, source.dimension());
  }

  /** Passes over so many rows. */
  void skip(int count) throws IOException {
    for (int left = count; left > 0; left -= most) {
      F32Rows _ = next(Math.min(most, left));
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}
