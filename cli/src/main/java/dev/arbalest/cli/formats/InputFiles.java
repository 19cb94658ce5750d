// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.VectorInput;
import dev.arbalest.VectorSource;
import dev.arbalest.ssd.input.DenseFormat;
import dev.arbalest.ssd.trial.GroundTruth;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Opens files of vectors in every format, by their endings: what {@link VectorInput#source} reads,
 * and Parquet, HDF5 and Arrow IPC. No file is copied.
 */
public final class InputFiles {
  /** Standard input as a path, as programs commonly call it. */
  private static final String STANDARD_INPUT = "-";

  /** Format of streams that are not said to have another. */
  private static final String STREAMED = "fbin";

  private InputFiles() {}

  /** What vectors are read for: files of the ann-benchmarks layout hold both. */
  public enum Role {
    /** Vectors to index. */
    BASE("train"),
    /** Queries. */
    QUERIES("test");

    private final String dataset;

    Role(String dataset) {
      this.dataset = dataset;
    }
  }

  /**
   * Opens a file whose rows are needed in any order. Rows that do not lie in it as floats are read
   * into memory.
   *
   * @throws BadInputException if it is missing, of an unknown format or damaged
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  public static VectorInput open(Path path, Role role) throws IOException {
    VectorSource source = source(path, role, null);
    if (source instanceof VectorInput input) {
      return input;
    }
    try (source) {
      return VectorInput.copyOf(source);
    }
  }

  /**
   * Opens files to read their vectors once, one file after the other.
   *
   * @param paths files, patterns of file names such as {@code part-*.parquet}, whose files come in
   *     the order of their names, or {@code -} for standard input
   * @param format of standard input or of a pipe without an ending, null for fbin
   * @param column of vectors in Parquet and Arrow, dataset in HDF5; null to find it
   * @throws BadInputException if one is missing, of an unknown format or damaged
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  public static VectorSource openAll(
      List<String> paths, @Nullable String format, @Nullable String column) throws IOException {
    if (paths.size() == 1 && paths.getFirst().equals(STANDARD_INPUT)) {
      InputStream in = new FileInputStream(FileDescriptor.in);
      return VectorInput.stream(in, "standard input", format == null ? STREAMED : format);
    }
    List<Path> files = expand(paths);
    if (files.size() == 1) {
      Path only = files.getFirst();
      if (format != null) {
        requirePipe(only);
        return VectorInput.stream(Files.newInputStream(only), only.toString(), format);
      }
      if (isPipeWithoutEnding(only)) {
        return VectorInput.stream(Files.newInputStream(only), only.toString(), STREAMED);
      }
      return source(only, Role.BASE, column);
    }
    if (format != null) {
      throw new BadInputException(
          "--input-format is for standard input or one pipe, there are " + files.size() + " files");
    }
    for (Path file : files) {
      DenseFormat.requireReadable(file);
      if (!Files.isRegularFile(file)) {
        throw new BadInputException(
            file + " is not a regular file; a pipe can only be the one input");
      }
    }
    List<Path> filled = withoutEmptyParts(files);
    return VectorInput.concatenate(
        filled.isEmpty() ? files : filled, file -> source(file, Role.BASE, column));
  }

  /** Such as a shell makes of {@code <(command)}, or {@code /dev/stdin}. */
  private static boolean isPipeWithoutEnding(Path path) {
    String name = path.getFileName() == null ? "" : path.getFileName().toString();
    return Files.exists(path)
        && !Files.isDirectory(path)
        && (!Files.isRegularFile(path) || path.startsWith("/dev"))
        && !name.contains(".");
  }

  /** Parquet files that have rows, and all others. */
  private static List<Path> withoutEmptyParts(List<Path> files) throws IOException {
    List<Path> filled = new ArrayList<>();
    for (Path file : files) {
      if (!DenseFormat.ending(file).equals("parquet") || !ParquetSource.isEmpty(file)) {
        filled.add(file);
      }
    }
    return filled;
  }

  private static void requirePipe(Path path) {
    DenseFormat.requireReadable(path);
    if (Files.isRegularFile(path) && !isPipeWithoutEnding(path)) {
      throw new BadInputException(
          path
              + " is a regular file, whose ending tells its format; --input-format is for standard"
              + " input or a pipe");
    }
  }

  /** Reads ids from a column of Parquet or Arrow files, in the order of their vectors. */
  public static IdColumn ids(List<String> paths, String column) throws IOException {
    IdColumn ids = new IdColumn();
    for (Path file : expand(paths)) {
      switch (DenseFormat.ending(file)) {
        case "parquet" -> ParquetSource.readIds(file, column, ids);
        case "arrow", "ipc", "feather" -> ArrowIds.read(file, column, ids);
        default ->
            throw new BadInputException(
                file + ": has no columns; --id-column is for Parquet and Arrow files");
      }
    }
    return ids;
  }

  /** Files that paths and patterns of names name. */
  private static List<Path> expand(List<String> paths) throws IOException {
    List<Path> files = new ArrayList<>();
    for (String path : paths) {
      if (path.equals(STANDARD_INPUT)) {
        throw new BadInputException("standard input (-) can only be the one input");
      }
      boolean isPattern = path.chars().anyMatch(letter -> "*?[{".indexOf(letter) >= 0);
      if (!isPattern || Files.exists(Path.of(path))) {
        files.add(Path.of(path));
      } else {
        files.addAll(matching(path));
      }
    }
    return files;
  }

  private static List<Path> matching(String pattern) throws IOException {
    int slash = pattern.lastIndexOf('/');
    Path folder = Path.of(slash < 0 ? "." : slash == 0 ? "/" : pattern.substring(0, slash));
    PathMatcher matcher =
        FileSystems.getDefault().getPathMatcher("glob:" + pattern.substring(slash + 1));
    if (!Files.isDirectory(folder)) {
      throw new BadInputException(pattern + ": " + folder + " is not a directory");
    }
    try (Stream<Path> names = Files.list(folder)) {
      List<Path> found =
          names
              .filter(file -> matcher.matches(file.getFileName()))
              .map(file -> slash < 0 ? file.getFileName() : file)
              .sorted()
              .toList();
      if (found.isEmpty()) {
        throw new BadInputException(pattern + " matches no file");
      }
      return found;
    }
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  private static VectorSource source(Path path, Role role, @Nullable String column)
      throws IOException {
    DenseFormat.requireReadable(path);
    return switch (DenseFormat.ending(path)) {
      case "parquet" -> {
        requireRegular(path, "Parquet");
        yield ParquetSource.open(path, column);
      }
      case "h5", "hdf5" -> {
        requireRegular(path, "HDF5");
        yield Hdf5Source.open(path, column == null ? role.dataset : column);
      }
      case "arrow", "ipc", "feather" -> {
        requireRegular(path, "Arrow");
        yield ArrowSource.open(path, column);
      }
      default -> {
        if (column != null) {
          throw new BadInputException(
              path + ": has no columns; --vector-column is for Parquet, Arrow and HDF5 files");
        }
        if (!DenseFormat.isKnown(path)) {
          throw new BadInputException(
              path
                  + ": unknown ending ."
                  + DenseFormat.ending(path)
                  + "; vectors are read from "
                  + DenseFormat.endings()
                  + ", .parquet, .h5, .hdf5, .arrow, .ipc, .feather");
        }
        yield VectorInput.source(path);
      }
    };
  }

  private static void requireRegular(Path path, String format) {
    DenseFormat.requireReadable(path);
    if (!Files.isRegularFile(path)) {
      throw new BadInputException(
          path
              + " is not a regular file, which "
              + format
              + " needs; pipe .fbin, .npy, .u8bin or .i8bin");
    }
  }

  /** Reads ground truth: {@code .ibin}, or {@code neighbors} of an HDF5 file. */
  public static GroundTruth groundTruth(Path path) throws IOException {
    return switch (DenseFormat.ending(path)) {
      case "h5", "hdf5" -> GroundTruth.of(Hdf5Source.neighbors(path));
      default -> GroundTruth.read(path);
    };
  }
}
