// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import dev.arbalest.BadInputException;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Chooses the column of vectors in a file of columns. */
final class ColumnNames {
  /** What a column of vectors is called where there are several. */
  private static final List<String> USUAL = List.of("vector", "embedding", "emb");

  private ColumnNames() {}

  /**
   * The column that was asked for; else the only one; else the only one with a usual name.
   *
   * @param file what messages call the file
   * @param columns those that hold vectors
   * @param path of a column, its parts joined by points
   * @param wanted path of the column, null if the user named none
   * @param all every column of the file, for messages
   * @throws BadInputException if none fits
   */
  static <T> T choose(
      String file,
      List<T> columns,
      Function<T, String> path,
      @Nullable String wanted,
      List<String> all) {
    if (wanted != null) {
      return columns.stream()
          .filter(column -> path.apply(column).equals(wanted))
          .findFirst()
          .orElseThrow(() ->
              new BadInputException(
                  file
                      + ": no column "
                      + wanted
                      + " of lists of numbers, which --vector-column names; its columns are "
                      + all));
    }
    if (columns.size() == 1) {
      return columns.getFirst();
    }
    List<T> usual =
        columns.stream().filter(column -> USUAL.contains(last(path.apply(column)))).toList();
    if (usual.size() == 1) {
      return usual.getFirst();
    }
    throw new BadInputException(
        file
            + ": needed is a column of lists of float, the only one, or the only one called vector,"
            + " embedding or emb; name it with --vector-column; its columns are "
            + all);
  }

  private static String last(String path) {
    return path.substring(path.lastIndexOf('.') + 1);
  }
}
