// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.IdType;
import dev.arbalest.VectorSource;
import dev.arbalest.cli.formats.IdColumn;
import dev.arbalest.cli.formats.InputFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options that name vectors and their ids. */
final class VectorFiles {
  @Option(
      names = "--input",
      required = true,
      arity = "1..*",
      paramLabel = "FILE",
      description = {
        "Files of vectors, read one after another; a pattern in quotes, such as 'part-*.parquet',",
        "stands for its files in the order of their names. - is standard input."
      })
  private List<String> input;

  @Option(
      names = "--input-format",
      paramLabel = "FORMAT",
      description =
          "What standard input or a pipe sends: fbin, npy, u8bin or i8bin. Default: fbin.")
  private @Nullable String format;

  @Option(
      names = "--vector-column",
      paramLabel = "NAME",
      description = {
        "Column of the vectors in Parquet and Arrow files (a.b inside structures), or dataset in",
        "HDF5 files. Default: the only one, or the one called vector, embedding or emb; train."
      })
  private @Nullable String column;

  @Option(names = "--ids", paramLabel = "FILE", description = "File with an id per line.")
  private @Nullable Path ids;

  @Option(
      names = "--id-column",
      paramLabel = "NAME",
      description =
          "Instead of --ids: column of the ids in the Parquet or Arrow files of the vectors.")
  private @Nullable String idColumn;

  /** What messages call the files. */
  String name() {
    return String.join(" ", input);
  }

  /** The one file that is given, or null. */
  @Nullable Path only() {
    return input.size() == 1 ? Path.of(input.getFirst()) : null;
  }

  /** Opens the files to read them once. */
  @MustBeClosed
  VectorSource open() throws IOException {
    return InputFiles.openAll(input, format, column);
  }

  /**
   * Whether an option is given that says how vectors are read, which files of points have none of.
   */
  boolean hasVectorOptions() {
    return format != null || column != null;
  }

  /** Whether the ids of the vectors are given. */
  boolean hasIds() {
    return ids != null || idColumn != null;
  }

  /**
   * Reads the ids.
   *
   * @param wanted type of the ids, null for that of the column, or numbers
   * @param count number of vectors
   * @throws BadInputException if there are more or fewer, or they are of another type
   */
  IdFile ids(@Nullable IdType wanted, int count) throws IOException {
    if (ids != null && idColumn != null) {
      throw new BadInputException("give either --ids or --id-column");
    }
    IdFile read =
        ids != null
            ? IdFile.read(ids, wanted == null ? IdType.INT64 : wanted)
            : ofColumn(wanted, java.util.Objects.requireNonNull(idColumn));
    if (read.size() != count) {
      throw new BadInputException(
          (ids != null ? ids.toString() : "column " + idColumn)
              + " has "
              + read.size()
              + " ids for the "
              + count
              + " vectors of "
              + name());
    }
    return read;
  }

  private IdFile ofColumn(@Nullable IdType wanted, String name) throws IOException {
    IdColumn read = InputFiles.ids(input, name);
    if (wanted == IdType.UTF8 || (wanted == null && read.isText())) {
      return IdFile.of(
          read.isText()
              ? read.texts()
              : java.util.Arrays.stream(read.numbers()).mapToObj(Long::toString).toList());
    }
    if (read.isText()) {
      throw new BadInputException(
          name() + ": column " + name + " holds texts, where numbers are needed");
    }
    return IdFile.of(read.numbers());
  }
}
