// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.Language;
import dev.arbalest.collections.filter.TextIndex;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.PointId;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Fields of attributes that filters find fast: the values of each, with the ids that have them, in
 * a table beside the points'. Thread-safe.
 */
public final class FieldIndexes {
  private final SqliteDatabase database;

  /** Numbers of indexed fields by their JSON paths, once every reader sees their rows. */
  private final Map<String, Integer> numbers = new ConcurrentHashMap<>();

  /** Kinds of the same fields. */
  private final Map<String, String> kinds = new ConcurrentHashMap<>();

  FieldIndexes(SqliteDatabase database) throws IOException {
    this.database = database;
    int _ =
        database.read(connection -> {
          try (Statement statement = connection.createStatement();
              ResultSet rows = statement.executeQuery("SELECT field, path, kind FROM fields")) {
            while (rows.next()) {
              kinds.put(rows.getString(2), rows.getString(3));
              numbers.put(rows.getString(2), rows.getInt(1));
            }
          }
          return numbers.size();
        });
  }

  /** Number of a field whose values are kept, or null. */
  @Nullable Integer valuesOf(Filter.FieldPath field) {
    String kind = kindOf(field);
    return kind == null || TextIndex.isKind(kind) ? null : numberOf(field);
  }

  /** Number of a field, or null if it has no index. */
  @Nullable Integer numberOf(Filter.FieldPath field) {
    List<String> paths = field.jsonPaths();
    return paths.size() == 1 ? numbers.get(paths.getFirst()) : null;
  }

  /** Kind of a field as its index was created, or null if it has none. */
  public @Nullable String kindOf(Filter.FieldPath field) {
    List<String> paths = field.jsonPaths();
    return paths.size() == 1 ? kinds.get(paths.getFirst()) : null;
  }

  boolean isEmpty() {
    return numbers.isEmpty();
  }

  private boolean isText(String path) {
    String kind = kinds.get(path);
    return kind != null && TextIndex.isKind(kind);
  }

  /** The fields whose values are kept: those of text indexes have a table of their own. */
  private List<Map.Entry<String, Integer>> valueIndexes() {
    return numbers.entrySet().stream().filter(field -> !isText(field.getKey())).toList();
  }

  /** The paths of fields with text indexes. */
  private List<String> textPaths() {
    return kinds.entrySet().stream()
        .filter(field -> TextIndex.isKind(field.getValue()))
        .map(Map.Entry::getKey)
        .sorted()
        .toList();
  }

  /**
   * The field with a text index that a query is on.
   *
   * @param field that is named, or null for the only one there is
   * @throws CollectionException INVALID if there is none, or several and none is named
   */
  Filter.FieldPath textField(Filter.@Nullable FieldPath field) {
    if (field != null) {
      String kind = kindOf(field);
      if (kind == null || !TextIndex.isKind(kind)) {
        throw CollectionException.invalid(
            "BM25 needs a field with an index of kind text; that of \""
                + nameOf(String.join("[].", field.jsonPaths()))
                + (kind == null ? "\" is missing, create it first" : "\" is " + kind));
      }
      return field;
    }
    List<String> paths = textPaths();
    if (paths.isEmpty()) {
      throw CollectionException.invalid(
          "BM25 needs a field with an index of kind text, and there is none: create it first");
    }
    if (paths.size() > 1) {
      throw CollectionException.invalid(
          "several fields have text indexes: name one of "
              + String.join(", ", paths.stream().map(FieldIndexes::nameOf).toList())
              + ", as in \"bm25:"
              + nameOf(paths.getFirst())
              + '"');
    }
    return new Filter.FieldPath(List.of(paths.getFirst()));
  }

  private int requireNumber(String path) {
    return java.util.Objects.requireNonNull(numbers.get(path));
  }

  /** Removes what full-text tables have of points. */
  void remove(Connection writer, List<PointId> ids) throws SQLException {
    List<String> paths = textPaths();
    if (!paths.isEmpty()) {
      TextTables.remove(writer, paths.stream().map(this::requireNumber).toList(), ids);
    }
  }

  /** Makes all full-text tables anew. */
  void remakeTextTables(Connection writer) throws SQLException {
    for (String path : textPaths()) {
      if (AttributeTables.hasPoints(writer)) { // earlier versions kept the values of texts, too
        try (Statement statement = writer.createStatement()) {
          statement.execute("DELETE FROM field_values WHERE field = " + requireNumber(path));
        }
      }
      String kind = java.util.Objects.requireNonNull(kinds.get(path));
      TextTables.create(writer, requireNumber(path), path, kind);
    }
  }

  /**
   * Makes full-text tables anew if they depend on languages of which something else is known now.
   */
  void renewTextTables() throws IOException {
    boolean usesLanguages =
        kinds.values().stream()
            .anyMatch(kind -> TextIndex.isKind(kind) && TextIndex.parse(kind).usesLanguages());
    String made = database.read(AttributeTables::languages);
    if (usesLanguages && !Language.VERSION.equals(made)) {
      database.write(writer -> {
        remakeTextTables(writer);
        AttributeTables.putLanguages(writer);
      });
    }
  }

  /** Rewrites the rows of indexed fields of some points. */
  void update(Connection writer, List<PointId> ids) throws SQLException {
    if (numbers.isEmpty()) {
      return;
    }
    List<Map.Entry<String, Integer>> indexes = valueIndexes();
    try (PreparedStatement remove =
            writer.prepareStatement("DELETE FROM field_values WHERE id = ?");
        PreparedStatement insert = writer.prepareStatement(insertValues("p.id = ?"))) {
      for (PointId id : ids) {
        AttributeTables.bind(remove, 1, id.key());
        remove.executeUpdate();
        for (Map.Entry<String, Integer> index : indexes) {
          insert.setInt(1, index.getValue());
          insert.setString(2, index.getKey());
          insert.setString(3, index.getKey());
          AttributeTables.bind(insert, 4, id.key());
          insert.executeUpdate();
        }
      }
    }
    for (String path : textPaths()) {
      String kind = java.util.Objects.requireNonNull(kinds.get(path));
      TextTables.update(writer, requireNumber(path), path, kind, ids);
    }
  }

  private static String insertValues(String which) {
    return "INSERT OR IGNORE INTO field_values SELECT ?, e.value, p.id" + VALUES + " AND " + which;
  }

  /** Where the values of a field come from. */
  private static final String VALUES =
      " FROM points p, json_each(p.payload, ?) e WHERE json_type(p.payload, ?) <> 'object' "
          + "AND e.type NOT IN ('null', 'object', 'array')";

  /**
   * Compares the values of every index with the attributes they are of.
   *
   * @param path of the database
   * @throws IOException if there is one too few or too many
   */
  void check(Path path, Connection connection) throws SQLException, IOException {
    checkTexts(path, connection);
    String attributes = "SELECT e.value, p.id" + VALUES;
    String values = "SELECT value, id FROM field_values WHERE field = ?";
    for (Map.Entry<String, Integer> index : valueIndexes()) {
      for (boolean isMissing : new boolean[] {true, false}) {
        String query =
            isMissing ? attributes + " EXCEPT " + values : values + " EXCEPT " + attributes;
        try (PreparedStatement select =
            connection.prepareStatement("SELECT count(*) FROM (" + query + ")")) {
          int at = isMissing ? 1 : 2;
          select.setInt(isMissing ? 3 : 1, index.getValue());
          select.setString(at, index.getKey());
          select.setString(at + 1, index.getKey());
          try (ResultSet rows = select.executeQuery()) {
            long count = rows.next() ? rows.getLong(1) : 0;
            if (count > 0) {
              throw new IOException(
                  path
                      + ": the index of field "
                      + index.getKey()
                      + (isMissing ? " lacks " : " has ")
                      + count
                      + (isMissing ? " values" : " values that no point has")
                      + "; reopen the collection with repair");
            }
          }
        }
      }
    }
  }

  private void checkTexts(Path path, Connection connection) throws SQLException, IOException {
    for (String field : textPaths()) {
      long differences = TextTables.differences(connection, requireNumber(field), field);
      if (differences > 0) {
        throw new IOException(
            path
                + ": the text index of field "
                + field
                + " differs from the attributes at "
                + differences
                + " points; reopen the collection with repair");
      }
    }
  }

  /** Rebuilds the values of all indexes. */
  void remake() throws IOException {
    database.write(writer -> {
      remakeTextTables(writer);
      if (!AttributeTables.hasPoints(writer)) {
        return;
      }
      AttributeTables.remakeFieldValues(writer);
      for (Map.Entry<String, Integer> index : valueIndexes()) {
        try (PreparedStatement insert = writer.prepareStatement(insertValues("1"))) {
          insert.setInt(1, index.getValue());
          insert.setString(2, index.getKey());
          insert.setString(3, index.getKey());
          insert.executeUpdate();
        }
      }
    });
  }

  /** Makes filters on a field fast. */
  public void create(Filter.FieldPath field, String kind) throws IOException {
    if (field.jsonPaths().size() > 1) {
      throw CollectionException.invalid("fields inside lists cannot be indexed");
    }
    String fieldPath = field.jsonPaths().getFirst();
    int[] made = new int[1];
    SqliteDatabase.Change change =
        writer -> {
          if (numbers.containsKey(fieldPath)) {
            return;
          }
          int number =
              (int) SqliteDatabase.number(writer, "SELECT coalesce(max(field), 0) + 1 FROM fields");
          try (PreparedStatement insert =
              writer.prepareStatement("INSERT INTO fields VALUES (?, ?, ?)")) {
            insert.setInt(1, number);
            insert.setString(2, fieldPath);
            insert.setString(3, kind);
            insert.executeUpdate();
          }
          AttributeTables.sealSettings(writer);
          TextTables.dropUnused(writer);
          if (TextIndex.isKind(kind)) {
            TextTables.create(writer, number, fieldPath, kind);
            if (TextIndex.parse(kind).usesLanguages()) {
              AttributeTables.putLanguages(writer);
            }
          }
          if (AttributeTables.hasPoints(writer) && !TextIndex.isKind(kind)) {
            try (Statement statement = writer.createStatement()) {
              statement.execute(
                  "DELETE FROM field_values WHERE field = "
                      + number
                      + " OR field NOT IN (SELECT field FROM fields)");
            }
            try (PreparedStatement insert = writer.prepareStatement(insertValues("1"))) {
              insert.setInt(1, number);
              insert.setString(2, fieldPath);
              insert.setString(3, fieldPath);
              insert.executeUpdate();
            }
          }
          made[0] = number;
        };
    database.write(
        change,
        () -> {
          if (made[0] > 0) {
            kinds.put(fieldPath, kind);
            numbers.put(fieldPath, made[0]); // every reader sees its rows now
          }
        });
  }

  /**
   * Removes an index of a field. Its rows stay until the next index is made: a search that started
   * before may still be looking at them.
   */
  public void drop(Filter.FieldPath field) throws IOException {
    String fieldPath = field.jsonPaths().getFirst();
    database.write(
        writer -> {
          try (PreparedStatement delete =
              writer.prepareStatement("DELETE FROM fields WHERE path = ?")) {
            delete.setString(1, fieldPath);
            delete.executeUpdate();
          }
          AttributeTables.sealSettings(writer);
        },
        () -> {
          numbers.remove(fieldPath);
          kinds.remove(fieldPath);
        });
  }

  /** The name of a field, such as {@code a.b}, as clients give it. */
  public static String nameOf(String path) {
    return path.replace("$.\"", "").replace("\".\"", ".").replace("\"", "");
  }

  /** Kinds of indexed fields by their JSON paths. */
  public Map<String, String> kindsByPath() throws IOException {
    return database.read(connection -> {
      Map<String, String> kinds = new LinkedHashMap<>();
      try (Statement statement = connection.createStatement();
          ResultSet rows = statement.executeQuery("SELECT path, kind FROM fields")) {
        while (rows.next()) {
          kinds.put(rows.getString(1), rows.getString(2));
        }
      }
      return kinds;
    });
  }

  /** How many points have a value of an indexed field, by its JSON path. */
  public long points(String path) throws IOException {
    return database.scan(connection -> {
      if (!AttributeTables.hasPoints(connection)) {
        return 0L;
      }
      if (isText(path)) {
        return SqliteDatabase.number(
            connection, "SELECT count(*) FROM " + TextTables.of(requireNumber(path)) + "_docsize");
      }
      try (PreparedStatement select =
          connection.prepareStatement(
              "SELECT count(DISTINCT id) FROM field_values WHERE field = "
                  + "(SELECT field FROM fields WHERE path = ?)")) {
        select.setString(1, path);
        try (ResultSet rows = select.executeQuery()) {
          return rows.next() ? rows.getLong(1) : 0L;
        }
      }
    });
  }

  /** Whether a field has an index. */
  public boolean has(Filter.FieldPath field) {
    return numberOf(field) != null;
  }
}
