// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.input;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.VectorSource;
import dev.arbalest.natives.FileMapping;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/** Vectors of a mapped file, whatever the type and order of their components. */
public final class MappedSource implements VectorSource {
  private final Path path;
  private final FileMapping mapping;
  private final DenseLayout layout;
  private int next;

  private MappedSource(Path path, FileMapping mapping, DenseLayout layout) {
    this.path = path;
    this.mapping = mapping;
    this.layout = layout;
  }

  /** Maps a file and checks its header. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static MappedSource open(Path path) throws IOException {
    FileMapping mapping = FileMapping.open(path);
    try {
      DenseLayout layout = DenseFormat.of(path).layout(path.toString(), mapping.segment());
      return new MappedSource(path, mapping, layout);
    } catch (Throwable e) {
      mapping.close();
      throw e;
    }
  }

  @Override
  public String name() {
    return path.toString();
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
  public void read(MemorySegment target, int rows) {
    long targetRow = (long) Float.BYTES * layout.dimension();
    MemorySegment bytes = mapping.segment();
    if (layout.isByColumn()) {
      long columnBytes = (long) layout.count() * layout.type().bytes();
      for (int i = 0; i < layout.dimension(); i++) {
        long from = layout.offset() + i * columnBytes + (long) next * layout.type().bytes();
        layout.type().convert(bytes, from, target, (long) Float.BYTES * i, targetRow, rows);
      }
      mapping.release(0, bytes.byteSize()); // a little of every column was read
    } else {
      for (int i = 0; i < rows; i++) {
        long from = layout.offset() + (next + i) * layout.rowBytes();
        layout.type().convert(bytes, from, target, i * targetRow, Float.BYTES, layout.dimension());
      }
      mapping.release(layout.offset() + next * layout.rowBytes(), rows * layout.rowBytes());
    }
    next += rows;
  }

  @Override
  public String version() throws IOException {
    return version(path);
  }

  /** Size and time of change of a file. */
  public static String version(Path path) throws IOException {
    return Files.size(path) + " bytes, changed " + Files.getLastModifiedTime(path).toMillis();
  }

  @Override
  public void close() {
    mapping.close();
  }
}
