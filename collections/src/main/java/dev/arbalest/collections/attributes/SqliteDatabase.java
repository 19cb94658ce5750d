// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import com.google.errorprone.annotations.MustBeClosed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * An SQLite database in a file: one connection that writes, and as many that read as ask at a time.
 * Readers and the writer do not wait for each other. Thread-safe.
 */
public final class SqliteDatabase implements AutoCloseable {
  /** Scans of all databases at a time: each keeps the carrier of a virtual thread. */
  private static final Semaphore SCANS = new Semaphore(8);

  private final Path path;
  private final ReentrantLock writing = new ReentrantLock();
  private Connection writer; // guarded by writing
  private final ConcurrentLinkedDeque<Connection> readers = new ConcurrentLinkedDeque<>();
  private final DatabaseSeal seal;
  private long changes; // guarded by writing; -1 if the database does not count them
  private volatile boolean isDamaged;
  private volatile boolean closed;

  /** Opens a file, which is made if need be. */
  @MustBeClosed
  SqliteDatabase(Path path) throws IOException {
    this.path = path;
    this.seal = DatabaseSeal.open(path);
    try {
      this.writer = connect(path);
      this.changes = readChanges();
    } catch (SQLException e) {
      seal.close();
      throw failed(e);
    } catch (Throwable e) {
      seal.close();
      throw e;
    }
  }

  private long readChanges() throws SQLException {
    String table = "SELECT count(*) FROM sqlite_master WHERE name = 'changes'";
    return number(writer, table) == 0 ? -1 : number(writer, "SELECT number FROM changes");
  }

  /**
   * Counts changes from now on, in the database and beside it: a commit that is lost shows. In a
   * change.
   */
  static void countChanges(Connection writer) throws SQLException {
    try (Statement statement = writer.createStatement()) {
      statement.execute("CREATE TABLE changes (number INTEGER NOT NULL)");
      statement.execute("INSERT INTO changes VALUES (0)");
    }
  }

  /** Changes committed, -1 if they are not counted. */
  long changes() {
    writing.lock();
    try {
      return changes;
    } finally {
      writing.unlock();
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
      SqlFunctions.add(connection);
      return connection;
    } catch (Throwable e) {
      connection.close();
      throw e;
    }
  }

  /** What went wrong, with the name of the file. */
  IOException failed(SQLException e) {
    return new IOException(path + ": " + e.getMessage(), e);
  }

  /** Whether something failed as the disk is full. */
  public static boolean isFull(Throwable e) {
    return e instanceof SQLException && String.valueOf(e.getMessage()).contains("SQLITE_FULL");
  }

  /** A change. */
  @FunctionalInterface
  interface Change {
    void make(Connection writer) throws SQLException, IOException;
  }

  /** Makes a change: one transaction, durable when this returns. */
  void write(Change change) throws IOException {
    write(change, () -> {});
  }

  /**
   * Makes a change.
   *
   * @param afterwards run when everybody sees the change, before the next one
   */
  void write(Change change, Runnable afterwards) throws IOException {
    writing.lock();
    try {
      requireOpen();
      seal.beginChanges(Math.max(0, changes));
      writer.setAutoCommit(false);
      long next;
      try {
        change.make(writer);
        next = countChange();
        writer.commit();
        writer.setAutoCommit(true);
      } catch (Throwable e) {
        undo(e);
        throw e;
      }
      changes = next;
      if (next >= 0) {
        seal.changed(next);
      }
      afterwards.run();
    } catch (SQLException e) {
      throw failed(e);
    } finally {
      writing.unlock();
    }
  }

  private long countChange() throws SQLException {
    try (Statement statement = writer.createStatement()) {
      if (changes < 0) {
        return readChanges(); // it may have begun to count them
      }
      // The rows that a statement changed are not told reliably beside full-text tables.
      try (ResultSet rows =
          statement.executeQuery("UPDATE changes SET number = number + 1 RETURNING number")) {
        if (!rows.next() || rows.getLong(1) != changes + 1 || rows.next()) {
          throw new SQLException("the count of changes is not " + changes);
        }
      }
      return changes + 1;
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

  /** A question. */
  @FunctionalInterface
  interface Question<T extends @Nullable Object> {
    T ask(Connection connection) throws SQLException, IOException;
  }

  /** Asks a question. */
  <T extends @Nullable Object> T read(Question<T> question) throws IOException {
    Connection connection = take();
    try {
      T answer = question.ask(connection);
      giveBack(connection);
      return answer;
    } catch (SQLException e) {
      closeQuietly(connection, e);
      throw failed(e);
    } catch (Throwable e) {
      closeQuietly(connection, e);
      throw e;
    }
  }

  /** Asks a question that may look at all there is: only some at a time, others wait. */
  <T extends @Nullable Object> T scan(Question<T> question) throws IOException {
    SCANS.acquireUninterruptibly();
    try {
      return read(question);
    } finally {
      SCANS.release();
    }
  }

  /**
   * As {@link #scan}, by a connection of its own: FTS5's check of itself takes what a connection
   * remembers of a table for what is there.
   */
  <T extends @Nullable Object> T check(Question<T> question) throws IOException {
    requireOpen();
    SCANS.acquireUninterruptibly();
    try (Connection connection = connect(path)) {
      return question.ask(connection);
    } catch (SQLException e) {
      throw failed(e);
    } finally {
      SCANS.release();
    }
  }

  /** A connection to read by, for {@link #giveBack} or {@link #closeQuietly}. */
  Connection take() throws IOException {
    requireOpen();
    Connection connection = readers.poll();
    try {
      return connection == null ? connect(path) : connection;
    } catch (SQLException e) {
      throw failed(e);
    }
  }

  void giveBack(Connection connection) {
    readers.push(connection);
  }

  static void closeQuietly(Connection connection, Throwable cause) {
    try {
      connection.close();
    } catch (SQLException e) {
      cause.addSuppressed(e);
    }
  }

  /** The number a query has for its answer, 0 if it has none. */
  static long number(Connection connection, String query) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(query)) {
      return rows.next() ? rows.getLong(1) : 0;
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException(path + " is closed");
    }
  }

  /** Bytes on disk. */
  long bytes() throws IOException {
    Path log = path.resolveSibling(path.getFileName() + "-wal");
    return Files.size(path) + (Files.exists(log) ? Files.size(log) : 0);
  }

  /** Closes the database without recording a checksum, because its bytes may be damaged. */
  void closeUnsealed() throws IOException {
    isDamaged = true;
    close();
  }

  @Override
  public void close() throws IOException {
    writing.lock();
    try (seal) {
      if (closed) {
        return;
      }
      closed = true;
      for (Connection reader = readers.poll(); reader != null; reader = readers.poll()) {
        reader.close();
      }
      writer.close();
      if (!isDamaged) {
        seal.seal(Math.max(0, changes));
      }
    } catch (SQLException e) {
      throw failed(e);
    } finally {
      writing.unlock();
    }
  }
}
