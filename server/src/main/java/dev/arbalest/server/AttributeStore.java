package dev.arbalest.server;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.Metric;
import dev.arbalest.ssd.IdType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.locks.ReentrantLock;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Settings of a collection and the attributes of its points, in an SQLite database: a row per
 * point, its attributes a JSON document with a checksum, or null. Each change is one transaction,
 * durable when the call returns. Thread-safe; readers and the one writer do not wait for each
 * other.
 */
final class AttributeStore implements AutoCloseable {
  static final String FILE_NAME = "attributes.db";

  /** Says whose file it is ("ARBA"), and of which version. */
  private static final int APPLICATION_ID = 0x41524241;

  private static final int VERSION = 1;

  /** Codes of SQLite. */
  private static final int GENERIC_ERROR = 1;

  private static final int TOO_BIG = 18;

  private final Path path;
  private Connection writer; // guarded by writing
  private final ReentrantLock writing = new ReentrantLock();
  private final ConcurrentLinkedDeque<Connection> readers = new ConcurrentLinkedDeque<>();
  private final Map<String, Integer> indexes = new ConcurrentHashMap<>();
  private volatile CollectionSettings settings;
  private volatile boolean closed;

  private AttributeStore(Path path, Connection writer, CollectionSettings settings) {
    this.path = path;
    this.writer = writer;
    this.settings = settings;
  }

  /** Makes a new one in a directory. */
  @MustBeClosed
  static AttributeStore create(Path directory, CollectionSettings settings) throws IOException {
    Path path = directory.resolve(FILE_NAME);
    try {
      Connection connection = connect(path);
      try (Statement statement = connection.createStatement()) {
        statement.execute("PRAGMA application_id = " + APPLICATION_ID);
        statement.execute("PRAGMA user_version = " + VERSION);
        statement.execute(
            "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
        statement.execute(
            "CREATE TABLE fields (field INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, "
                + "kind TEXT NOT NULL)");
        AttributeStore store = new AttributeStore(path, connection, settings);
        store.update(settings);
        return store;
      } catch (Throwable e) {
        connection.close();
        throw e;
      }
    } catch (SQLException e) {
      throw failed(path, e);
    }
  }

  /**
   * Opens one.
   *
   * @throws IOException if it is foreign, of another version, or damaged as far as a look tells
   */
  @MustBeClosed
  static AttributeStore open(Path directory) throws IOException {
    Path path = directory.resolve(FILE_NAME);
    if (!Files.isRegularFile(path)) {
      throw new IOException(path + " is missing: the directory is no collection's");
    }
    try {
      Connection connection = connect(path);
      try (Statement statement = connection.createStatement()) {
        int application = number(statement, "PRAGMA application_id");
        int version = number(statement, "PRAGMA user_version");
        if (application != APPLICATION_ID || version != VERSION) {
          throw new IOException(
              path
                  + " is not this build's: application "
                  + Integer.toHexString(application)
                  + " version "
                  + version
                  + ", expected "
                  + Integer.toHexString(APPLICATION_ID)
                  + " version "
                  + VERSION);
        }
        Map<String, String> values = new LinkedHashMap<>();
        try (ResultSet rows = statement.executeQuery("SELECT key, value FROM settings")) {
          while (rows.next()) {
            values.put(rows.getString(1), rows.getString(2));
          }
        }
        String idType = values.get("id_type");
        CollectionSettings settings =
            new CollectionSettings(
                Integer.parseInt(values.getOrDefault("dimension", "0")),
                Metric.parse(values.getOrDefault("metric", "")),
                idType == null ? null : IdType.parse(idType),
                values.get("schema"));
        AttributeStore store = new AttributeStore(path, connection, settings);
        store.loadIndexes(statement);
        return store;
      } catch (IllegalArgumentException | ServerException e) {
        connection.close();
        throw new IOException(path + " has unreadable settings: " + e.getMessage(), e);
      } catch (Throwable e) {
        connection.close();
        throw e;
      }
    } catch (SQLException e) {
      throw failed(path, e);
    }
  }

  private static int number(Statement statement, String query) throws SQLException {
    try (ResultSet rows = statement.executeQuery(query)) {
      return rows.next() ? rows.getInt(1) : 0;
    }
  }

  private void loadIndexes(Statement statement) throws SQLException {
    try (ResultSet rows = statement.executeQuery("SELECT field, path FROM fields")) {
      while (rows.next()) {
        indexes.put(rows.getString(2), rows.getInt(1));
      }
    }
  }

  private static Connection connect(Path path) throws SQLException {
    Connection connection = DriverManager.getConnection("jdbc:sqlite:" + path);
    try (Statement statement = connection.createStatement()) {
      statement.execute("PRAGMA busy_timeout = 10000");
      statement.execute("PRAGMA journal_mode = WAL");
      statement.execute("PRAGMA synchronous = FULL"); // a commit is on the disk when it returns
      statement.execute("PRAGMA cell_size_check = ON");
      statement.execute("PRAGMA trusted_schema = OFF");
      return connection;
    } catch (Throwable e) {
      connection.close();
      throw e;
    }
  }

  private static IOException failed(Path path, SQLException e) {
    return new IOException(path + ": " + e.getMessage(), e);
  }

  CollectionSettings settings() {
    return settings;
  }

  /** Replaces the settings; with the first id type the table of points is made. */
  void update(CollectionSettings changed) throws IOException {
    write(() -> {
      boolean hadPoints = hasPoints();
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
        createPoints(idType);
      }
    });
    settings = changed;
  }

  private static void put(PreparedStatement statement, String key, String value)
      throws SQLException {
    statement.setString(1, key);
    statement.setString(2, value);
    statement.executeUpdate();
  }

  private boolean hasPoints() throws SQLException {
    try (Statement statement = writer.createStatement()) {
      return number(statement, "SELECT count(*) FROM sqlite_master WHERE name = 'points'") > 0;
    }
  }

  private void createPoints(IdType idType) throws SQLException {
    boolean isText = idType == IdType.UTF8;
    String type = isText ? "TEXT" : "INTEGER";
    try (Statement statement = writer.createStatement()) {
      statement.execute(
          "CREATE TABLE points (id "
              + type
              + " PRIMARY KEY, payload TEXT, crc INTEGER)"
              + (isText ? " WITHOUT ROWID" : ""));
      statement.execute(
          "CREATE TABLE field_values (field INTEGER NOT NULL, value NOT NULL, id "
              + type
              + " NOT NULL, PRIMARY KEY (field, value, id)) WITHOUT ROWID");
      statement.execute("CREATE INDEX field_values_by_id ON field_values (id)");
    }
  }

  /** A change of the database. */
  @FunctionalInterface
  private interface Change {
    void run() throws SQLException;
  }

  private void write(Change change) throws IOException {
    write(change, () -> {});
  }

  /**
   * Makes a change.
   *
   * @param afterwards run when it is there for everybody, before the next change
   */
  private void write(Change change, Runnable afterwards) throws IOException {
    writing.lock();
    try {
      requireOpen();
      writer.setAutoCommit(false);
      try {
        change.run();
        writer.commit();
        writer.setAutoCommit(true);
      } catch (Throwable e) {
        undo(e);
        throw e;
      }
      afterwards.run();
    } catch (SQLException e) {
      throw failed(path, e);
    } finally {
      writing.unlock();
    }
  }

  /** Takes back a change that failed, by a new connection if the old cannot. */
  private void undo(Throwable cause) throws SQLException {
    try {
      writer.rollback();
      writer.setAutoCommit(true);
    } catch (SQLException e) {
      cause.addSuppressed(e);
      closeQuietly(writer, cause); // which takes back whatever was begun
      writer = connect(path);
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException(path + " is closed");
    }
  }

  private static void bind(PreparedStatement statement, int at, Object value) throws SQLException {
    switch (value) {
      case Long number -> statement.setLong(at, number);
      case Double number -> statement.setDouble(at, number);
      default -> statement.setString(at, value.toString());
    }
  }

  private static Object key(PointId id) {
    return id.text() == null ? (Object) id.number() : id.text();
  }

  private static int checksum(String payload) {
    CRC32C crc = new CRC32C();
    crc.update(payload.getBytes(StandardCharsets.UTF_8));
    return (int) crc.getValue();
  }

  /**
   * Sets the attributes of points, all of them new or replaced.
   *
   * @param payloads JSON objects, or null for none
   */
  void put(List<PointId> ids, List<@Nullable String> payloads) throws IOException {
    write(() -> {
      try (PreparedStatement insert =
          writer.prepareStatement("INSERT OR REPLACE INTO points VALUES (?, ?, ?)")) {
        for (int i = 0; i < ids.size(); i++) {
          String payload = payloads.get(i);
          bind(insert, 1, key(ids.get(i)));
          insert.setString(2, payload);
          if (payload == null) {
            insert.setNull(3, java.sql.Types.INTEGER);
          } else {
            insert.setInt(3, checksum(payload));
          }
          insert.addBatch();
        }
        insert.executeBatch();
      }
      reindex(ids);
    });
  }

  /** Makes the rows of indexed fields of some points anew. */
  private void reindex(List<PointId> ids) throws SQLException {
    if (indexes.isEmpty()) {
      return;
    }
    try (PreparedStatement remove =
            writer.prepareStatement("DELETE FROM field_values WHERE id = ?");
        PreparedStatement insert = writer.prepareStatement(insertValues("p.id = ?"))) {
      for (PointId id : ids) {
        bind(remove, 1, key(id));
        remove.executeUpdate();
        for (Map.Entry<String, Integer> index : indexes.entrySet()) {
          insert.setInt(1, index.getValue());
          insert.setString(2, index.getKey());
          insert.setString(3, index.getKey());
          bind(insert, 4, key(id));
          insert.executeUpdate();
        }
      }
    }
  }

  private static String insertValues(String which) {
    return "INSERT OR IGNORE INTO field_values SELECT ?, e.value, p.id FROM points p, "
        + "json_each(p.payload, ?) e WHERE json_type(p.payload, ?) <> 'object' "
        + "AND e.type NOT IN ('null', 'object', 'array') AND "
        + which;
  }

  /** Makes filters on a field fast. */
  void createIndex(Filter.FieldPath field, String kind) throws IOException {
    if (field.jsonPaths().size() > 1) {
      throw ServerException.invalid("fields inside lists cannot be indexed");
    }
    String fieldPath = field.jsonPaths().getFirst();
    int[] made = new int[1];
    Change change =
        () -> {
          if (indexes.containsKey(fieldPath)) {
            return;
          }
          int number;
          try (Statement statement = writer.createStatement()) {
            number = number(statement, "SELECT coalesce(max(field), 0) + 1 FROM fields");
          }
          try (PreparedStatement insert =
              writer.prepareStatement("INSERT INTO fields VALUES (?, ?, ?)")) {
            insert.setInt(1, number);
            insert.setString(2, fieldPath);
            insert.setString(3, kind);
            insert.executeUpdate();
          }
          if (hasPoints()) {
            try (Statement statement = writer.createStatement()) {
              statement.execute("DELETE FROM field_values WHERE field = " + number);
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
    write(
        change,
        () -> {
          if (made[0] > 0) {
            indexes.put(fieldPath, made[0]); // now that its rows are there for everybody
          }
        });
  }

  /**
   * Removes an index of a field. Its rows stay until the number is used again: who began before may
   * still be looking at them.
   */
  void dropIndex(Filter.FieldPath field) throws IOException {
    String fieldPath = field.jsonPaths().getFirst();
    Integer number = indexes.remove(fieldPath);
    if (number == null) {
      return;
    }
    try {
      write(() -> {
        try (Statement statement = writer.createStatement()) {
          statement.execute("DELETE FROM fields WHERE field = " + number);
        }
      });
    } catch (IOException | RuntimeException e) {
      indexes.put(fieldPath, number);
      throw e;
    }
  }

  /** Kinds of indexed fields by their names. */
  Map<String, String> indexes() throws IOException {
    return read(connection -> {
      Map<String, String> kinds = new LinkedHashMap<>();
      try (Statement statement = connection.createStatement();
          ResultSet rows = statement.executeQuery("SELECT path, kind FROM fields")) {
        while (rows.next()) {
          kinds.put(
              rows.getString(1).replace("$.\"", "").replace("\".\"", ".").replace("\"", ""),
              rows.getString(2));
        }
      }
      return kinds;
    });
  }

  /** Removes points. */
  void remove(List<PointId> ids) throws IOException {
    write(() -> {
      try (PreparedStatement values =
              writer.prepareStatement("DELETE FROM field_values WHERE id = ?");
          PreparedStatement points = writer.prepareStatement("DELETE FROM points WHERE id = ?")) {
        for (PointId id : ids) {
          bind(points, 1, key(id));
          points.addBatch();
          bind(values, 1, key(id));
          values.addBatch();
        }
        points.executeBatch();
        if (!indexes.isEmpty()) {
          values.executeBatch();
        }
      }
    });
  }

  /** A question to the database. */
  @FunctionalInterface
  private interface Question<T extends @Nullable Object> {
    T ask(Connection connection) throws SQLException, IOException;
  }

  private <T extends @Nullable Object> T read(Question<T> question) throws IOException {
    Connection connection = take();
    try {
      T answer = question.ask(connection);
      readers.push(connection);
      return answer;
    } catch (SQLException e) {
      closeQuietly(connection, e);
      throw failed(path, e);
    } catch (Throwable e) {
      closeQuietly(connection, e);
      throw e;
    }
  }

  private Connection take() throws IOException {
    requireOpen();
    Connection connection = readers.poll();
    try {
      return connection == null ? connect(path) : connection;
    } catch (SQLException e) {
      throw failed(path, e);
    }
  }

  private static void closeQuietly(Connection connection, Throwable cause) {
    try {
      connection.close();
    } catch (SQLException e) {
      cause.addSuppressed(e);
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
            List<String> paths = field.jsonPaths();
            return paths.size() == 1 ? indexes.get(paths.getFirst()) : null;
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
  record Row(PointId id, @Nullable String payload) {}

  private Row row(ResultSet rows) throws SQLException, IOException {
    PointId id =
        idType() == IdType.UTF8 ? PointId.of(rows.getString(1)) : PointId.of(rows.getLong(1));
    String payload = rows.getString(2);
    if (payload != null && checksum(payload) != rows.getInt(3)) {
      throw new IOException(path + ": the attributes of point " + id + " are not what was written");
    }
    return new Row(id, payload);
  }

  /** Rows of some points, in their order; null for those that are not there. */
  List<@Nullable Row> rows(List<PointId> ids) throws IOException {
    List<@Nullable Row> found = new ArrayList<>();
    if (settings.idType() == null) {
      ids.forEach(_ -> found.add(null));
      return found;
    }
    int _ =
        read(connection -> {
          try (PreparedStatement select =
              connection.prepareStatement("SELECT id, payload, crc FROM points WHERE id = ?")) {
            for (PointId id : ids) {
              bind(select, 1, key(id));
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
  List<Row> scroll(@Nullable Filter filter, @Nullable PointId from, int limit) throws IOException {
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
    return read(connection -> {
      try (PreparedStatement select = prepare(connection, text)) {
        int at = 1;
        if (from != null) {
          bind(select, at++, key(from));
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
  long count(@Nullable Filter filter) throws IOException {
    if (settings.idType() == null) {
      return 0;
    }
    FilterSql.Translated translated = translate(filter);
    return read(connection -> {
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
  List<PointId> matching(Filter filter, int limit) throws IOException {
    List<PointId> found = new ArrayList<>();
    if (settings.idType() == null) {
      return found;
    }
    FilterSql.Translated translated = translate(filter);
    return read(connection -> {
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
  final class Test implements AutoCloseable {
    private final Connection connection;
    private final PreparedStatement select;

    private Test(Connection connection, FilterSql.Translated translated) throws SQLException {
      this.connection = connection;
      this.select =
          prepare(connection, "SELECT 1 FROM points p WHERE p.id = ? AND " + translated.where());
      int _ = bindAll(select, 2, translated.parameters());
    }

    /** Whether the filter accepts a point. */
    boolean accepts(long number, @Nullable String text) {
      try {
        bind(select, 1, text == null ? (Object) number : text);
        try (ResultSet rows = select.executeQuery()) {
          return rows.next();
        }
      } catch (SQLException e) {
        throw new java.io.UncheckedIOException(failed(path, e));
      }
    }

    @Override
    public void close() throws IOException {
      try {
        select.close();
        readers.push(connection);
      } catch (SQLException e) {
        closeQuietly(connection, e);
        throw failed(path, e);
      }
    }
  }

  /** A test for a filter. */
  @MustBeClosed
  Test test(Filter filter) throws IOException {
    FilterSql.Translated translated = translate(filter);
    Connection connection = take();
    try {
      return new Test(connection, translated);
    } catch (SQLException e) {
      closeQuietly(connection, e);
      throw failed(path, e);
    } catch (ServerException e) {
      readers.push(connection);
      throw e;
    }
  }

  /** Looks at every page. */
  void check() throws IOException {
    String found =
        read(connection -> {
          try (Statement statement = connection.createStatement();
              ResultSet rows = statement.executeQuery("PRAGMA quick_check(1)")) {
            return rows.next() ? rows.getString(1) : "no answer";
          }
        });
    if (!found.equals("ok")) {
      throw new IOException(path + " is damaged: " + found);
    }
  }

  /** Bytes of the database. */
  long bytes() throws IOException {
    Path log = path.resolveSibling(FILE_NAME + "-wal");
    return Files.size(path) + (Files.exists(log) ? Files.size(log) : 0);
  }

  @Override
  public void close() throws IOException {
    writing.lock();
    try {
      closed = true;
      for (Connection reader = readers.poll(); reader != null; reader = readers.poll()) {
        reader.close();
      }
      writer.close();
    } catch (SQLException e) {
      throw failed(path, e);
    } finally {
      writing.unlock();
    }
  }
}
