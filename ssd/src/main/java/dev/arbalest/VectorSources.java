// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.ssd.input.ConcatenatedSource;
import dev.arbalest.ssd.input.DenseFormat;
import dev.arbalest.ssd.input.IteratorSource;
import dev.arbalest.ssd.input.MappedSource;
import dev.arbalest.ssd.input.StreamSource;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;

/** Makes sources of vectors from files, streams and iterators. */
public final class VectorSources {
  private VectorSources() {}

  /**
   * Opens a file: {@code .fbin}, {@code .fvecs}, {@code .npy}, {@code .bvecs}, {@code .u8bin} or
   * {@code .i8bin}; a named pipe is read as {@link #stream} reads.
   *
   * @throws BadInputException if it does not exist, has an unknown ending, or is damaged
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static VectorSource open(Path path) throws IOException {
    DenseFormat format = DenseFormat.of(path);
    DenseFormat.requireReadable(path);
    if (Files.isRegularFile(path)) {
      return format.isMappedInPlace(path) ? VectorInput.open(path) : MappedSource.open(path);
    }
    InputStream in = Files.newInputStream(path);
    try {
      return StreamSource.open(in, path.toString(), format);
    } catch (Throwable e) {
      in.close();
      throw e;
    }
  }

  /**
   * The vectors of several files, one after the other, of which at most one is open at a time.
   *
   * @param paths at least one, each of a regular file
   * @param opener opens one, such as {@code VectorSources::open}
   * @throws BadInputException if there is no file, their dimensions differ, or one cannot be used
   */
  @MustBeClosed
  public static VectorSource concatenate(List<Path> paths, VectorSource.Opener opener)
      throws IOException {
    return ConcatenatedSource.of(paths, opener);
  }

  /**
   * The vectors of a stream, which begins with a header that tells their number.
   *
   * @param in closed with the source
   * @param name what messages call it
   * @param format {@code fbin}, {@code npy}, {@code u8bin} or {@code i8bin}
   * @throws BadInputException if the format is another, or the header is damaged
   */
  @MustBeClosed
  public static VectorSource stream(InputStream in, String name, String format) throws IOException {
    return StreamSource.open(in, name, DenseFormat.named(format));
  }

  /**
   * Vectors that a program makes as they are needed.
   *
   * @param count how many {@code rows} has, at least 1
   * @param dimension length of each, 1 to 65535
   * @param rows asked for no more than {@code count}
   */
  @MustBeClosed
  public static VectorSource of(int count, int dimension, Iterator<float[]> rows) {
    return new IteratorSource(count, dimension, rows);
  }
}
