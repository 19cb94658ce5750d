// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.input;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.VectorSource;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;

/** Vectors of a stream that tells their number first, such as a pipe. */
public final class StreamSource implements VectorSource {
  private final InputStream in;
  private final String name;
  private final DenseLayout layout;
  private final byte[] row;
  private int next;

  private StreamSource(InputStream in, String name, DenseLayout layout) {
    this.in = in;
    this.name = name;
    this.layout = layout;
    this.row = new byte[Math.toIntExact(layout.rowBytes())];
  }

  /**
   * Reads the header. The stream is closed with the source, or if it cannot be read.
   *
   * @throws BadInputException if it is damaged or does not tell the number of rows
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  public static StreamSource open(InputStream in, String name, DenseFormat format)
      throws IOException {
    try {
      return new StreamSource(in, name, format.layout(name, in));
    } catch (Throwable e) {
      in.close();
      throw e;
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int count() {
    return layout.count();
  }

  @Override
  public int dimension() {
    return layout.dimension();
  }

  @Override
  public void read(MemorySegment target, int rows) throws IOException {
    MemorySegment bytes = MemorySegment.ofArray(row);
    for (int i = 0; i < rows; i++) {
      int found = in.readNBytes(row, 0, row.length);
      if (found < row.length) {
        throw new BadInputException(
            name
                + ": ends in row "
                + next
                + ", its header promised "
                + layout.count()
                + " rows of dimension "
                + layout.dimension());
      }
      long to = (long) Float.BYTES * layout.dimension() * i;
      layout.type().convert(bytes, 0, target, to, Float.BYTES, layout.dimension());
      next++;
    }
    if (next == layout.count() && rows > 0 && in.read() >= 0) {
      throw new BadInputException(
          name
              + ": goes on after the "
              + layout.count()
              + " rows of dimension "
              + layout.dimension()
              + " its header promised");
    }
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
