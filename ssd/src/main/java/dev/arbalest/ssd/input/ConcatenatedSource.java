// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.input;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.VectorSource;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The vectors of several files, one after the other; at most one is open at a time. */
public final class ConcatenatedSource implements VectorSource {
  private final List<Path> paths;
  private final Opener opener;

  /** Number of the first row of each file, then of all rows. */
  private final int[] firstRows;

  private final int dimension;
  private final String version;
  private @Nullable VectorSource open;
  private int file = -1;
  private int next;

  private ConcatenatedSource(
      List<Path> paths, Opener opener, int[] firstRows, int dimension, String version) {
    this.paths = paths;
    this.opener = opener;
    this.firstRows = firstRows;
    this.dimension = dimension;
    this.version = version;
  }

  /**
   * Opens each file once to count its rows.
   *
   * @throws BadInputException if there is no file, or their dimensions differ
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  public static ConcatenatedSource of(List<Path> paths, Opener opener) throws IOException {
    if (paths.isEmpty()) {
      throw new BadInputException("no file of vectors is given");
    }
    int[] firstRows = new int[paths.size() + 1];
    List<String> versions = new ArrayList<>();
    int dimension = 0;
    for (int i = 0; i < paths.size(); i++) {
      try (VectorSource source = opener.open(paths.get(i))) {
        if (i > 0 && source.dimension() != dimension) {
          throw new BadInputException(
              source.name()
                  + ": dimension "
                  + source.dimension()
                  + ", those of "
                  + paths.getFirst()
                  + " have "
                  + dimension);
        }
        dimension = source.dimension();
        long rows = (long) firstRows[i] + source.count();
        DenseLayout.requireInRange("all files together", "them", rows, dimension);
        firstRows[i + 1] = (int) rows;
        versions.add(source.version());
      }
    }
    return new ConcatenatedSource(
        List.copyOf(paths), opener, firstRows, dimension, String.join("; ", versions));
  }

  @Override
  public String name() {
    return paths.size() + " files from " + paths.getFirst() + " to " + paths.getLast();
  }

  @Override
  public int count() {
    return firstRows[paths.size()];
  }

  @Override
  public int dimension() {
    return dimension;
  }

  @Override
  public String describe(int row) {
    int found = Arrays.binarySearch(firstRows, row);
    int number = found >= 0 ? found : -found - 2;
    return paths.get(number) + ", row " + (row - firstRows[number]);
  }

  @Override
  public void read(MemorySegment target, int rows) throws IOException {
    long rowBytes = (long) Float.BYTES * dimension;
    int done = 0;
    while (done < rows) {
      VectorSource source = open;
      if (source == null || next == firstRows[file + 1]) {
        source = openNext();
      }
      int now = Math.min(rows - done, firstRows[file + 1] - next);
      source.read(target.asSlice(done * rowBytes), now);
      next += now;
      done += now;
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // closed with the next one, or with this
  private VectorSource openNext() throws IOException {
    close();
    file++;
    VectorSource source = opener.open(paths.get(file));
    open = source;
    if (source.count() != firstRows[file + 1] - firstRows[file]
        || source.dimension() != dimension) {
      throw new BadInputException(source.name() + " has changed while it was being read");
    }
    return source;
  }

  @Override
  public String version() {
    return version;
  }

  @Override
  public void close() throws IOException {
    VectorSource source = open;
    open = null;
    if (source != null) {
      source.close();
    }
  }
}
