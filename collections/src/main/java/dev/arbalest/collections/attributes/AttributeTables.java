// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.IdType;
import dev.arbalest.collections.filter.Language;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/** The tables of an attribute database, its settings, and values as SQL parameters. */
final class AttributeTables {
  /** Identifies the file ("ARBA") and its version. */
  private static final int APPLICATION_ID = 0x41524241;

  private static final int VERSION = 4;

  /** Version of a collection with named vectors. */
  private static final int NAMED_VERSION = 5;

  /** The first version's checksums do not cover ids, and it does not count changes. */
  static final int COUNTS_CHANGES = 2;

  /** Earlier versions have no checksum of settings and indexed fields. */
  static final int SEALS_SETTINGS = 3;

  /** Earlier versions have no full-text tables. */
  static final int HAS_TEXT_TABLES = 4;

  /** Table of the numbers of points in full-text tables. */
  static final String DOCUMENTS = "text_documents";

  private static final String CHECKSUM = "checksum";

  /** Setting of a collection whose text tables depend on what is known of languages. */
  private static final String LANGUAGES = "languages";

  /** Setting of a collection with named vectors, in place of dimension and metric. */
  private static final String VECTORS = "vectors";

  /** Codes of SQLite. */
  private static final int GENERIC_ERROR = 1;

  private static final int TOO_BIG = 18;

  /** Creates the tables of a new database. */
  static void create(Connection writer, CollectionSettings settings) throws SQLException {
    try (Statement statement = writer.createStatement()) {
      statement.execute("PRAGMA application_id = " + APPLICATION_ID);
      statement.execute("PRAGMA user_version = " + VERSION);
      statement.execute(
          "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
      statement.execute(
          "CREATE TABLE fields (field INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, "
              + "kind TEXT NOT NULL)");
    }
    SqliteDatabase.countChanges(writer);
    put(writer, settings);
  }

  /** Marks the database as one of this version. */
  static void upgraded(Connection writer) throws SQLException {
    sealSettings(writer);
    try (Statement statement = writer.createStatement()) {
      statement.execute("PRAGMA user_version = " + VERSION);
    }
  }

  /** The version of what was known of languages when text tables were made, or null. */
  static @Nullable String languages(Connection connection) throws SQLException {
    return values(connection).get(LANGUAGES);
  }

  /** Notes that text tables are made with what is known of languages now. */
  static void putLanguages(Connection writer) throws SQLException {
    try (PreparedStatement put =
        writer.prepareStatement("INSERT OR REPLACE INTO settings VALUES (?, ?)")) {
      put(put, LANGUAGES, Language.VERSION);
    }
    sealSettings(writer);
  }

  /** The version of the database, which is one that this build reads. */
  static int requireOurs(Path path, Connection connection) throws SQLException, IOException {
    long application = SqliteDatabase.number(connection, "PRAGMA application_id");
    long version = SqliteDatabase.number(connection, "PRAGMA user_version");
    if (application != APPLICATION_ID || version < 1 || version > NAMED_VERSION) {
      throw new IOException(
          path
              + " is not this build's: application "
              + Long.toHexString(application)
              + " version "
              + version
              + ", expected "
              + Integer.toHexString(APPLICATION_ID)
              + " version 1 to "
              + NAMED_VERSION);
    }
    return (int) version;
  }

  /** Stores the checksum of settings and indexed fields, which just changed. */
  static void sealSettings(Connection writer) throws SQLException {
    try (PreparedStatement put =
        writer.prepareStatement("INSERT OR REPLACE INTO settings VALUES (?, ?)")) {
      put(put, CHECKSUM, checksum(writer, values(writer)));
    }
  }

  private static Map<String, String> values(Connection connection) throws SQLException {
    Map<String, String> values = new LinkedHashMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("SELECT key, value FROM settings ORDER BY key")) {
      while (rows.next()) {
        values.put(rows.getString(1), rows.getString(2));
      }
    }
    return values;
  }

  private static String checksum(Connection connection, Map<String, String> values)
      throws SQLException {
    CRC32C crc = new CRC32C();
    values.forEach((key, value) -> {
      if (!key.equals(CHECKSUM)) {
        add(crc, key);
        add(crc, value);
      }
    });
    try (Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery("SELECT field, path, kind FROM fields ORDER BY field")) {
      while (rows.next()) {
        for (int column = 1; column <= 3; column++) {
          add(crc, rows.getString(column));
        }
      }
    }
    return Long.toHexString(crc.getValue());
  }

  /** Adds a text and where it ends. */
  private static void add(CRC32C crc, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    crc.update(ByteBuffer.allocate(4).putInt(0, bytes.length));
    crc.update(bytes);
  }

  /**
   * Reads the settings.
   *
   * @param version of the database
   * @throws IOException if they, or the indexed fields, are not what was written
   */
  static CollectionSettings readSettings(Path path, Connection connection, int version)
      throws SQLException, IOException {
    Map<String, String> values = values(connection);
    if (version >= SEALS_SETTINGS && !checksum(connection, values).equals(values.get(CHECKSUM))) {
      throw new IOException(
          path
              + ": the settings or the indexed fields are not what was written; restore a copy of"
              + " the collection");
    }
    String idType = values.get("id_type");
    String vectors = values.get(VECTORS);
    try {
      IdType type = idType == null ? null : IdType.parse(idType);
      return vectors == null
          ? new CollectionSettings(
              Integer.parseInt(values.getOrDefault("dimension", "0")),
              Metric.parse(values.getOrDefault("metric", "")),
              type,
              values.get("schema"))
          : new CollectionSettings(VectorSpecs.parse(vectors), true, type, values.get("schema"));
    } catch (IllegalArgumentException | CollectionException | JacksonException e) {
      throw new IOException(path + " has unreadable settings: " + e.getMessage(), e);
    }
  }

  /** Stores the settings; with the first id type the table of points is created. */
  static void put(Connection writer, CollectionSettings changed) throws SQLException {
    boolean hadPoints = hasPoints(writer);
    try (PreparedStatement put =
        writer.prepareStatement("INSERT OR REPLACE INTO settings VALUES (?, ?)")) {
      if (changed.named()) {
        put(put, VECTORS, VectorSpecs.json(changed.vectors()));
      } else {
        put(put, "dimension", Integer.toString(changed.dimension()));
        put(put, "metric", changed.metric().label());
      }
      IdType idType = changed.idType();
      if (idType != null) {
        put(put, "id_type", idType.label());
      }
      String schema = changed.schema();
      if (schema != null) {
        put(put, "schema", schema);
      }
    }
    IdType idType = changed.idType();
    if (idType != null && !hadPoints) {
      createPoints(writer, idType);
    }
    if (changed.named()) {
      try (Statement statement = writer.createStatement()) {
        statement.execute("PRAGMA user_version = " + NAMED_VERSION);
      }
      if (idType != null && !hasVectors(writer)) {
        createVectors(writer);
      }
    }
    sealSettings(writer);
  }

  private static void put(PreparedStatement statement, String key, String value)
      throws SQLException {
    statement.setString(1, key);
    statement.setString(2, value);
    statement.executeUpdate();
  }

  static boolean hasPoints(Connection writer) throws SQLException {
    String query = "SELECT count(*) FROM sqlite_master WHERE name = 'points'";
    return SqliteDatabase.number(writer, query) > 0;
  }

  /** Whether there is the table of the vectors that points have. */
  static boolean hasVectors(Connection connection) throws SQLException {
    String query = "SELECT count(*) FROM sqlite_master WHERE name = 'point_vectors'";
    return SqliteDatabase.number(connection, query) > 0;
  }

  private static void createVectors(Connection writer) throws SQLException {
    try (Statement statement = writer.createStatement()) {
      statement.execute(
          "CREATE TABLE point_vectors (space INTEGER NOT NULL, id "
              + idType(writer)
              + " NOT NULL, ordinal INTEGER, value BLOB NOT NULL, crc INTEGER NOT NULL,"
              + " PRIMARY KEY (space, id)) WITHOUT ROWID");
      statement.execute(
          "CREATE UNIQUE INDEX point_vectors_by_ordinal ON point_vectors (space, ordinal)"
              + " WHERE ordinal IS NOT NULL");
    }
  }

  private static void createPoints(Connection writer, IdType idType) throws SQLException {
    boolean isText = idType == IdType.UTF8;
    String type = isText ? "TEXT" : "INTEGER";
    try (Statement statement = writer.createStatement()) {
      statement.execute(
          "CREATE TABLE points (id "
              + type
              + " PRIMARY KEY, payload TEXT, crc INTEGER)"
              + (isText ? " WITHOUT ROWID" : ""));
    }
    createFieldValues(writer, type);
    createDocuments(writer, type);
  }

  /** Makes the numbers of the points for full-text tables. */
  static void createDocuments(Connection writer, String type) throws SQLException {
    try (Statement statement = writer.createStatement()) {
      statement.execute(
          "CREATE TABLE IF NOT EXISTS "
              + DOCUMENTS
              + " (document INTEGER PRIMARY KEY, id "
              + type
              + " NOT NULL UNIQUE)");
    }
  }

  private static void createFieldValues(Connection writer, String type) throws SQLException {
    try (Statement statement = writer.createStatement()) {
      statement.execute(
          "CREATE TABLE field_values (field INTEGER NOT NULL, value NOT NULL, id "
              + type
              + " NOT NULL, PRIMARY KEY (field, value, id)) WITHOUT ROWID");
      statement.execute("CREATE INDEX field_values_by_id ON field_values (id)");
    }
  }

  /** Type of the ids of the table of points. */
  static String idType(Connection writer) throws SQLException {
    String texts =
        "SELECT count(*) FROM pragma_table_info('points') WHERE name = 'id' AND type = 'TEXT'";
    return SqliteDatabase.number(writer, texts) > 0 ? "TEXT" : "INTEGER";
  }

  /** Recreates the table of indexed values, empty. */
  static void remakeFieldValues(Connection writer) throws SQLException {
    String type = idType(writer);
    try (Statement statement = writer.createStatement()) {
      statement.execute("DROP TABLE field_values");
    }
    createFieldValues(writer, type);
  }

  static void bind(PreparedStatement statement, int at, Object value) throws SQLException {
    switch (value) {
      case Long number -> statement.setLong(at, number);
      case Double number -> statement.setDouble(at, number);
      default -> statement.setString(at, value.toString());
    }
  }

  /** Prepares a statement with a filter in it; what SQLite will not have is the client's fault. */
  static PreparedStatement prepare(Connection connection, String text) throws SQLException {
    try {
      return connection.prepareStatement(text);
    } catch (SQLException e) {
      int code = e.getErrorCode() & 0xff;
      if (code == GENERIC_ERROR || code == TOO_BIG) {
        throw new CollectionException(
            CollectionException.Kind.INVALID,
            "the filter cannot be evaluated: " + e.getMessage(),
            0,
            e);
      }
      throw e;
    }
  }

  static int bindAll(PreparedStatement statement, int from, List<Object> values)
      throws SQLException {
    int at = from;
    for (Object value : values) {
      bind(statement, at++, value);
    }
    return at;
  }
}
