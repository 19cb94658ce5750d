// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.collections.filter.TextIndex;
import dev.arbalest.collections.model.PointId;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Full-text tables of SQLite (FTS5), one for each field whose index is of kind text: {@code text_N}
 * of field N holds the words of each point. Its rows are numbered by {@code text_documents}. Words
 * are split by {@link TextIndex} and written as {@link TextWords} does. FTS5 keeps them, too:
 * without, it would not forget deleted points in its statistics, and could not be checked.
 * Stateless.
 */
final class TextTables {
  /** Most different words of a query. */
  static final int MAX_WORDS = 1000;

  private static final String DOCUMENTS = AttributeTables.DOCUMENTS;

  private TextTables() {}

  /** The table of a field. */
  static String of(int field) {
    return "text_" + field;
  }

  /** Makes the table of a field in place of one that is there, and fills it. */
  static void create(Connection writer, int field, String path, String kind) throws SQLException {
    String table = of(field);
    execute(writer, "DROP TABLE IF EXISTS " + table);
    execute(writer, "CREATE VIRTUAL TABLE " + table + " USING fts5(words, tokenize='ascii')");
    if (AttributeTables.hasPoints(writer)) {
      execute(writer, "DELETE FROM " + DOCUMENTS + " WHERE id NOT IN (SELECT id FROM points)");
      execute(writer, "INSERT OR IGNORE INTO " + DOCUMENTS + " (id) SELECT id FROM points");
      try (PreparedStatement insert = writer.prepareStatement(insert(table, ""))) {
        bind(insert, path, kind);
        insert.executeUpdate();
      }
    }
  }

  /** Drops the tables of fields that have no index any more. */
  static void dropUnused(Connection writer) throws SQLException {
    List<String> unused = new java.util.ArrayList<>();
    try (Statement statement = writer.createStatement();
        java.sql.ResultSet rows =
            statement.executeQuery(
                "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE text\\_%'"
                    + " ESCAPE '\\' AND name NOT IN (SELECT 'text_' || field FROM fields)")) {
      while (rows.next()) {
        unused.add(rows.getString(1));
      }
    }
    for (String table : unused) {
      execute(writer, "DROP TABLE " + table);
    }
  }

  private static String insert(String table, String which) {
    return "INSERT INTO "
        + table
        + " (rowid, words) SELECT d.document, text_words(group_concat(e.value, char(10)), ?) FROM "
        + DOCUMENTS
        + " d JOIN points p ON p.id = d.id, json_each(p.payload, ?) e WHERE"
        + " json_type(p.payload, ?) <> 'object' AND e.type = 'text'"
        + which
        + " GROUP BY d.document";
  }

  private static void bind(PreparedStatement insert, String path, String kind) throws SQLException {
    insert.setString(1, kind);
    insert.setString(2, path);
    insert.setString(3, path);
  }

  /**
   * Rewrites the words of points, whose rows are in the table of points.
   *
   * @param number of the field
   */
  static void update(Connection writer, int number, String path, String kind, List<PointId> ids)
      throws SQLException {
    try (PreparedStatement add =
            writer.prepareStatement("INSERT OR IGNORE INTO " + DOCUMENTS + " (id) VALUES (?)");
        PreparedStatement delete = writer.prepareStatement(delete(of(number)));
        PreparedStatement insert = writer.prepareStatement(insert(of(number), " AND d.id = ?"))) {
      for (PointId id : ids) {
        AttributeTables.bind(add, 1, id.key());
        add.executeUpdate();
        AttributeTables.bind(delete, 1, id.key());
        delete.executeUpdate();
        bind(insert, path, kind);
        AttributeTables.bind(insert, 4, id.key());
        insert.executeUpdate();
      }
    }
  }

  private static String delete(String table) {
    return "DELETE FROM "
        + table
        + " WHERE rowid = (SELECT document FROM "
        + DOCUMENTS
        + " WHERE id = ?)";
  }

  /**
   * Removes the words of points.
   *
   * @param numbers of all fields with text indexes
   */
  static void remove(Connection writer, List<Integer> numbers, List<PointId> ids)
      throws SQLException {
    for (int number : numbers) {
      each(writer, delete(of(number)), ids);
    }
    each(writer, "DELETE FROM " + DOCUMENTS + " WHERE id = ?", ids);
  }

  private static void each(Connection writer, String sql, List<PointId> ids) throws SQLException {
    try (PreparedStatement statement = writer.prepareStatement(sql)) {
      for (PointId id : ids) {
        AttributeTables.bind(statement, 1, id.key());
        statement.executeUpdate();
      }
    }
  }

  /** How many points have words of a field and no row, or a row and no words. */
  static long differences(Connection connection, int number, String path) throws SQLException {
    String expected =
        "SELECT d.document FROM "
            + DOCUMENTS
            + " d JOIN points p ON p.id = d.id, json_each(p.payload, ?1) e WHERE"
            + " json_type(p.payload, ?1) <> 'object' AND e.type = 'text'";
    String present = "SELECT id FROM " + of(number) + "_docsize";
    try (PreparedStatement select =
        connection.prepareStatement(
            "SELECT (SELECT count(*) FROM ("
                + expected
                + " EXCEPT "
                + present
                + ")) + (SELECT count(*) FROM ("
                + present
                + " EXCEPT "
                + expected
                + ")) + (SELECT count(*) FROM points WHERE id NOT IN (SELECT id FROM "
                + DOCUMENTS
                + "))")) {
      select.setString(1, path);
      try (java.sql.ResultSet rows = select.executeQuery()) {
        return rows.next() ? rows.getLong(1) : 0;
      }
    }
  }

  /** The ids of points that an expression matches, as a query for {@code IN}. */
  static String matching(int number) {
    String table = of(number);
    return "SELECT id FROM "
        + DOCUMENTS
        + " WHERE document IN (SELECT rowid FROM "
        + table
        + " WHERE "
        + table
        + " MATCH ?)";
  }

  /**
   * A query for ids and scores of the points that an expression matches, best first: the score is
   * the negative of BM25 with k1 1.2 and b 0.75, as FTS5 has it.
   *
   * @param where condition on {@code points p}, or the empty string for all
   */
  static String ranking(int number, String where, int limit) {
    String table = of(number);
    boolean isFiltered = !where.isEmpty();
    return "SELECT d.id, r.score FROM (SELECT f.rowid AS document, f.rank AS score FROM "
        + table
        + " f"
        + (isFiltered
            // Crossed: each match is looked at once, not the matches once for each id of a filter.
            ? " CROSS JOIN "
                + DOCUMENTS
                + " n ON n.document = f.rowid"
                + " CROSS JOIN points p ON p.id = n.id"
            : "")
        + " WHERE "
        + table
        + " MATCH ?"
        + (isFiltered ? " AND " + where : "")
        + " ORDER BY f.rank, f.rowid LIMIT "
        + limit
        + ") r JOIN "
        + DOCUMENTS
        + " d ON d.document = r.document ORDER BY r.score, r.document";
  }

  /**
   * What FTS5 is asked for words of a query.
   *
   * @return null if the query has no words, or too many
   */
  static @Nullable String expression(TextIndex index, String query, TextIndex.Mode mode) {
    List<String> words = index.words(query);
    if (mode != TextIndex.Mode.PHRASE) {
      words = words.stream().distinct().toList();
    }
    if (words.isEmpty() || words.size() > MAX_WORDS) {
      return null;
    }
    String star = index.tokenizer() == TextIndex.Tokenizer.PREFIX ? " *" : "";
    return switch (mode) {
      case ALL -> join(words, star, " AND ");
      case ANY -> join(words, star, " OR ");
      case PHRASE -> '"' + TextWords.encoded(words) + '"';
      case PREFIX -> null;
    };
  }

  private static String join(List<String> words, String star, String operator) {
    return words.stream()
        .map(word -> '"' + TextWords.encoded(List.of(word)) + '"' + star)
        .collect(Collectors.joining(operator));
  }

  private static void execute(Connection writer, String sql) throws SQLException {
    try (Statement statement = writer.createStatement()) {
      statement.execute(sql);
    }
  }
}
