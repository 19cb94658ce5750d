package dev.arbalest.server.attributes;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.IdType;
import dev.arbalest.WriteRefusedException;
import dev.arbalest.server.model.CollectionSettings;
import dev.arbalest.server.model.PointId;
import dev.arbalest.server.model.ServerException;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Settings of a collection and the attributes of its points, in an SQLite database: a row per
 * point, its attributes a JSON document or null, with a checksum of id and document. Each change is
 * one transaction, durable when the call returns. Thread-safe; readers and the one writer do not
 * wait for each other.
 */
public final class AttributeStore implements AutoCloseable {
  public static final String FILE_NAME = "attributes.db";

  /** Says whose file it is ("ARBA"), and of which version. */
  private static final int APPLICATION_ID = 0x41524241;

  private static final int VERSION = 2;

  /** Its checksums do not cover ids, and it does not count changes. */
  private static final int OLD_VERSION = 1;

  /** Codes of SQLite. */
  private static final int GENERIC_ERROR = 1;

  private static final int TOO_BIG = 18;

  private final Path path;
  private final SqliteDatabase database;
  public final FieldIndexes indexes;
  public volatile CollectionSettings settings;

  private AttributeStore(Path path, SqliteDatabase database, CollectionSettings settings)
      throws IOException {
    this.path = path;
    this.database = database;
    this.indexes = new FieldIndexes(database);
    this.settings = settings;
  }

  /** Makes a new one in a directory. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static AttributeStore create(Path directory, CollectionSettings settings)
      throws IOException {
    Path path = directory.resolve(FILE_NAME);
    SqliteDatabase database = new SqliteDatabase(path);
    try {
      database.write(writer -> {
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
      });
      return new AttributeStore(path, database, settings);
    } catch (Throwable e) {
      database.close();
      throw e;
    }
  }

  /**
   * Opens one, and checks that it is what was written: by the checksum of all its bytes if it was
   * closed, else row by row.
   *
   * @throws IOException if it is foreign, of another version, or damaged
   */
  @MustBeClosed
  public static AttributeStore open(Path directory) throws IOException {
    return open(directory, false);
  }

  /** The same, after making indexes of fields anew, which may be what is damaged. */
  @MustBeClosed
  public static AttributeStore repair(Path directory) throws IOException {
    return open(directory, true);
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static AttributeStore open(Path directory, boolean repair) throws IOException {
    Path path = directory.resolve(FILE_NAME);
    if (!Files.isRegularFile(path)) {
      throw new IOException(path + " is missing: the directory is no collection's");
    }
    DatabaseSeal.State known = DatabaseSeal.read(path);
    boolean isAsClosed = !repair && DatabaseSeal.isAsClosed(path, known);
    SqliteDatabase database = new SqliteDatabase(path);
    try {
      CollectionSettings settings =
          database.read(connection -> {
            requireOurs(path, connection);
            return readSettings(path, connection);
          });
      AttributeStore store = new AttributeStore(path, database, settings);
      store.upgrade();
      if (repair) {
        store.indexes.remake();
      }
      if (!isAsClosed) {
        store.check(known.changes());
      }
      return store;
    } catch (Throwable e) {
      closeUnsealed(database, e);
      throw e;
    }
  }

  /** Closes a database that may be damaged; its seal stays what it was. */
  private static void closeUnsealed(SqliteDatabase database, Throwable cause) {
    try {
      database.closeUnsealed();
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }

  /** Gives rows of the version before checksums that cover ids. */
  private void upgrade() throws IOException {
    if (database.changes() >= 0) {
      return;
    }
    database.write(writer -> {
      if (settings.idType() != null) {
        try (PreparedStatement select =
                writer.prepareStatement("SELECT id, payload, crc FROM points");
            PreparedStatement update =
                writer.prepareStatement("UPDATE points SET crc = ? WHERE id = ?");
            ResultSet rows = select.executeQuery()) {
          while (rows.next()) {
            PointId id = id(rows);
            String payload = rows.getString(2);
            if (payload != null && oldChecksum(payload) != rows.getInt(3)) {
              throw damaged(id);
            }
            update.setInt(1, checksum(id, payload));
            bind(update, 2, id.key());
            update.executeUpdate();
          }
        }
      }
      SqliteDatabase.countChanges(writer);
      try (Statement statement = writer.createStatement()) {
        statement.execute("PRAGMA user_version = " + VERSION);
      }
    });
  }

  private IOException damaged(PointId id) {
    return new IOException(
        path
            + ": the attributes of point "
            + id
            + " are not what was written; restore a copy of the collection");
  }

  /**
   * Checks all there is.
   *
   * @param changes that were committed, at least
   * @throws IOException naming the first damage found
   */
  public void check(long changes) throws IOException {
    if (database.changes() < changes) {
      throw new IOException(
          path
              + " has "
              + database.changes()
              + " changes, at least "
              + changes
              + " were committed: its log is damaged; restore a copy of the collection");
    }
    int _ =
        database.scan(connection -> {
          try (Statement statement = connection.createStatement();
              ResultSet rows = statement.executeQuery("PRAGMA integrity_check(1)")) {
            String found = rows.next() ? rows.getString(1) : "nothing";
            if (!"ok".equals(found)) {
              throw new IOException(
                  path + " is damaged (" + found + "); reopen it with repair, or restore a copy");
            }
          }
          if (!hasPoints(connection)) {
            return 0;
          }
          int count = 0;
          try (Statement statement = connection.createStatement();
              ResultSet rows = statement.executeQuery("SELECT id, payload, crc FROM points")) {
            while (rows.next()) {
              Row _ = row(rows); // compares it with its checksum
              count++;
            }
          }
          indexes.check(path, connection);
          return count;
        });
  }

  private static void requireOurs(Path path, Connection connection)
      throws SQLException, IOException {
    long application = SqliteDatabase.number(connection, "PRAGMA application_id");
    long version = SqliteDatabase.number(connection, "PRAGMA user_version");
    if (application != APPLICATION_ID || (version != VERSION && version != OLD_VERSION)) {
      throw new IOException(
          path
              + " is not this build's: application "
              + Long.toHexString(application)
              + " version "
              + version
              + ", expected "
              + Integer.toHexString(APPLICATION_ID)
              + " version "
              + VERSION);
    }
  }

  private static CollectionSettings readSettings(Path path, Connection connection)
      throws SQLException, IOException {
    Map<String, String> values = new LinkedHashMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("SELECT key, value FROM settings")) {
      while (rows.next()) {
        values.put(rows.getString(1), rows.getString(2));
      }
    }
    String idType = values.get("id_type");
    try {
      return new CollectionSettings(
          Integer.parseInt(values.getOrDefault("dimension", "0")),
          Metric.parse(values.getOrDefault("metric", "")),
          idType == null ? null : IdType.parse(idType),
          values.get("schema"));
    } catch (IllegalArgumentException | ServerException e) {
      throw new IOException(path + " has unreadable settings: " + e.getMessage(), e);
    }
  }

  public CollectionSettings settings() {
    return settings;
  }

  /** The indexes of fields. */
  public FieldIndexes indexes() {
    return indexes;
  }

  /** Replaces the settings; with the first id type the table of points is made. */
  public void update(CollectionSettings changed) throws IOException {
    database.write(writer -> put(writer, changed));
    settings = changed;
  }

  public static void put(Connection writer, CollectionSettings changed) throws SQLException {
    boolean hadPoints = hasPoints(writer);
    try (PreparedStatement put =
        writer.prepareStatement("INSERT OR REPLACE INTO settings VALUES (?, ?)")) {
      put(put, "dimension", Integer.toString(changed.dimension()));
      put(put, "metric", changed.metric().label());
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
  }

  public static void put(PreparedStatement statement, String key, String value)
      throws SQLException {
    statement.setString(1, key);
    statement.setString(2, value);
    statement.executeUpdate();
  }

  static boolean hasPoints(Connection writer) throws SQLException {
    String query = "SELECT count(*) FROM sqlite_master WHERE name = 'points'";
    return SqliteDatabase.number(writer, query) > 0;
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

  /** Makes the table of indexed values anew, empty. */
  static void remakeFieldValues(Connection writer) throws SQLException {
    String type =
        SqliteDatabase.number(
                    writer,
                    "SELECT count(*) FROM pragma_table_info('points') WHERE name = 'id' AND type ="
                        + " 'TEXT'")
                > 0
            ? "TEXT"
            : "INTEGER";
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

  private static int oldChecksum(String payload) {
    CRC32C crc = new CRC32C();
    crc.update(payload.getBytes(StandardCharsets.UTF_8));
    return (int) crc.getValue();
  }

  /** Of an id and its attributes. */
  private static int checksum(PointId id, @Nullable String payload) {
    CRC32C crc = new CRC32C();
    crc.update(id.key().toString().getBytes(StandardCharsets.UTF_8));
    crc.update(0);
    if (payload != null) {
      crc.update(1);
      crc.update(payload.getBytes(StandardCharsets.UTF_8));
    }
    return (int) crc.getValue();
  }

  /** What is done to the vectors of points whose attributes change. */
  @FunctionalInterface
  public interface VectorChange {
    void run() throws IOException;
  }

  /**
   * Changes attributes and, before that is committed, vectors.
   *
   * @throws WriteRefusedException if vectors were refused: nothing is changed
   * @throws IOException that says so if vectors may have been changed and attributes were not
   */
  private void write(SqliteDatabase.Change attributes, VectorChange vectors) throws IOException {
    boolean[] begun = new boolean[1];
    try {
      database.write(writer -> {
        attributes.make(writer);
        begun[0] = true;
        vectors.run();
      });
    } catch (WriteRefusedException e) {
      throw e;
    } catch (IOException e) {
      if (!begun[0]) {
        throw e;
      }
      throw new IOException(
          "some vectors may have been changed and their attributes not, send it again: "
              + e.getMessage(),
          e);
    }
  }

  /** Sets the attributes of points alone. */
  public void put(List<PointId> ids, List<@Nullable String> payloads) throws IOException {
    database.write(writer -> put(writer, ids, payloads));
  }

  /**
   * Sets the attributes of points, all of them new or replaced.
   *
   * @param payloads JSON objects, or null for none
   * @param vectors done before attributes are committed: if it is refused they are what they were
   */
  public void put(List<PointId> ids, List<@Nullable String> payloads, VectorChange vectors)
      throws IOException {
    write(writer -> put(writer, ids, payloads), vectors);
  }

  public void put(Connection writer, List<PointId> ids, List<@Nullable String> payloads)
      throws SQLException {
    try (PreparedStatement insert =
        writer.prepareStatement("INSERT OR REPLACE INTO points VALUES (?, ?, ?)")) {
      for (int i = 0; i < ids.size(); i++) {
        String payload = payloads.get(i);
        bind(insert, 1, ids.get(i).key());
        insert.setString(2, payload);
        insert.setInt(3, checksum(ids.get(i), payload));
        insert.addBatch();
      }
      insert.executeBatch();
    }
    indexes.update(writer, ids);
  }

  /** Removes points' attributes alone. */
  public void remove(List<PointId> ids) throws IOException {
    database.write(writer -> remove(writer, ids));
  }

  /**
   * Removes the attributes of points.
   *
   * @param vectors done before that is committed: if it is refused they are what they were
   */
  public void remove(List<PointId> ids, VectorChange vectors) throws IOException {
    write(writer -> remove(writer, ids), vectors);
  }

  public void remove(Connection writer, List<PointId> ids) throws SQLException {
    try (PreparedStatement values =
            writer.prepareStatement("DELETE FROM field_values WHERE id = ?");
        PreparedStatement points = writer.prepareStatement("DELETE FROM points WHERE id = ?")) {
      for (PointId id : ids) {
        bind(points, 1, id.key());
        points.addBatch();
        bind(values, 1, id.key());
        values.addBatch();
      }
      points.executeBatch();
      if (!indexes.isEmpty()) {
        values.executeBatch();
      }
    }
  }

  private IdType idType() {
    IdType type = settings.idType();
    return type == null ? IdType.INT64 : type;
  }

  private FilterSql.Translated translate(@Nullable Filter filter) {
    return FilterSql.of(
        filter,
        new Filter.Context() {
          @Override
          public @Nullable Integer indexOf(Filter.FieldPath field) {
            return indexes.numberOf(field);
          }

          @Override
          public IdType idType() {
            return AttributeStore.this.idType();
          }
        });
  }

  /** Prepares a statement with a filter in it; what SQLite will not have is the client's fault. */
  private static PreparedStatement prepare(Connection connection, String text) throws SQLException {
    try {
      return connection.prepareStatement(text);
    } catch (SQLException e) {
      int code = e.getErrorCode() & 0xff;
      if (code == GENERIC_ERROR || code == TOO_BIG) {
        throw new ServerException(
            ServerException.Kind.INVALID,
            "the filter cannot be evaluated: " + e.getMessage(),
            0,
            e);
      }
      throw e;
    }
  }

  private static int bindAll(PreparedStatement statement, int from, List<Object> values)
      throws SQLException {
    int at = from;
    for (Object value : values) {
      bind(statement, at++, value);
    }
    return at;
  }

  /**
   * A point's row.
   *
   * @param id of the point
   * @param payload its attributes as a JSON object, or null
   */
  public record Row(PointId id, @Nullable String payload) {}

  private PointId id(ResultSet rows) throws SQLException {
    return idType() == IdType.UTF8 ? PointId.of(rows.getString(1)) : PointId.of(rows.getLong(1));
  }

  private Row row(ResultSet rows) throws SQLException, IOException {
    PointId id = id(rows);
    String payload = rows.getString(2);
    if (checksum(id, payload) != rows.getInt(3)) {
      throw damaged(id);
    }
    return new Row(id, payload);
  }

  /** Rows of some points, in their order; null for those that are not there. */
  public List<@Nullable Row> rows(List<PointId> ids) throws IOException {
    List<@Nullable Row> found = new ArrayList<>();
    if (settings.idType() == null) {
      ids.forEach(_ -> found.add(null));
      return found;
    }
    int _ =
        database.read(connection -> {
          try (PreparedStatement select =
              connection.prepareStatement("SELECT id, payload, crc FROM points WHERE id = ?")) {
            for (PointId id : ids) {
              bind(select, 1, id.key());
              try (ResultSet rows = select.executeQuery()) {
                found.add(rows.next() ? row(rows) : null);
              }
            }
          }
          return found.size();
        });
    return found;
  }

  /**
   * Rows a filter accepts in the order of their ids.
   *
   * @param from first id, or null for the very first
   */
  public List<Row> scroll(@Nullable Filter filter, @Nullable PointId from, int limit)
      throws IOException {
    List<Row> found = new ArrayList<>();
    if (settings.idType() == null) {
      return found;
    }
    FilterSql.Translated translated = translate(filter);
    String text =
        "SELECT p.id, p.payload, p.crc FROM points p WHERE "
            + (from == null ? "" : "p.id >= ? AND ")
            + translated.where()
            + " ORDER BY p.id LIMIT "
            + limit;
    return database.scan(connection -> {
      try (PreparedStatement select = prepare(connection, text)) {
        int at = 1;
        if (from != null) {
          bind(select, at++, from.key());
        }
        int _ = bindAll(select, at, translated.parameters());
        try (ResultSet rows = select.executeQuery()) {
          while (rows.next()) {
            found.add(row(rows));
          }
        }
      }
      return found;
    });
  }

  /** How many points a filter accepts. */
  public long count(@Nullable Filter filter) throws IOException {
    if (settings.idType() == null) {
      return 0;
    }
    FilterSql.Translated translated = translate(filter);
    return database.scan(connection -> {
      try (PreparedStatement select =
          prepare(connection, "SELECT count(*) FROM points p WHERE " + translated.where())) {
        int _ = bindAll(select, 1, translated.parameters());
        try (ResultSet rows = select.executeQuery()) {
          return rows.next() ? rows.getLong(1) : 0L;
        }
      }
    });
  }

  /** Ids of the points a filter accepts, or of the first {@code limit}. */
  public List<PointId> matching(Filter filter, int limit) throws IOException {
    List<PointId> found = new ArrayList<>();
    if (settings.idType() == null) {
      return found;
    }
    FilterSql.Translated translated = translate(filter);
    return database.scan(connection -> {
      try (PreparedStatement select =
          prepare(
              connection,
              "SELECT p.id FROM points p WHERE " + translated.where() + " LIMIT " + limit)) {
        int _ = bindAll(select, 1, translated.parameters());
        try (ResultSet rows = select.executeQuery()) {
          while (rows.next()) {
            found.add(
                idType() == IdType.UTF8
                    ? PointId.of(rows.getString(1))
                    : PointId.of(rows.getLong(1)));
          }
        }
      }
      return found;
    });
  }

  /** Asks about one point at a time whether a filter accepts it. One thread at a time. */
  public final class Test implements AutoCloseable {
    private final Connection connection;
    private final PreparedStatement select;

    private Test(Connection connection, FilterSql.Translated translated) throws SQLException {
      this.connection = connection;
      this.select =
          prepare(connection, "SELECT 1 FROM points p WHERE p.id = ? AND " + translated.where());
      int _ = bindAll(select, 2, translated.parameters());
    }

    /** Whether the filter accepts a point. */
    public boolean accepts(long number, @Nullable String text) {
      try {
        bind(select, 1, text == null ? (Object) number : text);
        try (ResultSet rows = select.executeQuery()) {
          return rows.next();
        }
      } catch (SQLException e) {
        throw new UncheckedIOException(database.failed(e));
      }
    }

    @Override
    public void close() throws IOException {
      try {
        select.close();
        database.giveBack(connection);
      } catch (SQLException e) {
        SqliteDatabase.closeQuietly(connection, e);
        throw database.failed(e);
      }
    }
  }

  /** A test for a filter. */
  @MustBeClosed
  public Test test(Filter filter) throws IOException {
    FilterSql.Translated translated = translate(filter);
    Connection connection = database.take();
    try {
      return new Test(connection, translated);
    } catch (SQLException e) {
      SqliteDatabase.closeQuietly(connection, e);
      throw database.failed(e);
    } catch (ServerException e) {
      database.giveBack(connection);
      throw e;
    }
  }

  /** Bytes of the database. */
  public long bytes() throws IOException {
    return database.bytes();
  }

  @Override
  public void close() throws IOException {
    database.close();
  }
}
