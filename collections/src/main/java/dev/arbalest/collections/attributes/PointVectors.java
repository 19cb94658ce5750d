// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.IdType;
import dev.arbalest.collections.model.PointId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The table of the vectors that points of a collection with named vectors have: a row for each,
 * with a checksum that every read compares. It decides which vectors a point has; dense ones and
 * parts of multivectors are in indexes beside the database, sparse ones in the row.
 */
final class PointVectors {
  private static final String COLUMNS = "SELECT space, id, ordinal, value, crc FROM point_vectors";

  /** Without terms and parts, and so without the checksum: what there is, and where. */
  private static final String HEADS =
      "SELECT space, id, ordinal, substr(value, 1, 8), NULL FROM point_vectors";

  private final Path path;
  private final Supplier<IdType> idType;

  /**
   * Creates it.
   *
   * @param path of the database, for messages
   */
  PointVectors(Path path, Supplier<IdType> idType) {
    this.path = path;
    this.idType = idType;
  }

  /** Says of all points that they have a vector. */
  void addToAll(Connection writer, int space) throws SQLException {
    try (Statement select = writer.createStatement();
        ResultSet rows = select.executeQuery("SELECT id FROM points");
        PreparedStatement insert = prepareInsert(writer)) {
      while (rows.next()) {
        put(insert, StoredVector.dense(space, id(rows, 1)));
      }
    }
  }

  private static PreparedStatement prepareInsert(Connection writer) throws SQLException {
    return writer.prepareStatement(
        "INSERT INTO point_vectors VALUES (?, ?, ?, ?, ?) ON CONFLICT (space, id) DO UPDATE SET"
            + " ordinal = excluded.ordinal, value = excluded.value, crc = excluded.crc");
  }

  private static void put(PreparedStatement insert, StoredVector vector) throws SQLException {
    insert.setInt(1, vector.space());
    AttributeTables.bind(insert, 2, vector.id().key());
    if (vector.ordinal() < 0) {
      insert.setNull(3, Types.INTEGER);
    } else {
      insert.setLong(3, vector.ordinal());
    }
    insert.setBytes(4, vector.value());
    insert.setInt(5, checksum(vector));
    insert.executeUpdate();
  }

  /** Sets vectors. */
  static void put(Connection writer, List<StoredVector> vectors) throws SQLException {
    if (vectors.isEmpty()) {
      return; // a collection without named ones has no table of them
    }
    try (PreparedStatement insert = prepareInsert(writer)) {
      for (StoredVector vector : vectors) {
        put(insert, vector);
      }
    }
  }

  /** Removes the vectors that points have in some spaces. */
  static void remove(Connection writer, List<Integer> spaces, List<PointId> ids)
      throws SQLException {
    try (PreparedStatement delete =
        writer.prepareStatement("DELETE FROM point_vectors WHERE space = ? AND id = ?")) {
      for (int space : spaces) {
        for (PointId id : ids) {
          delete.setInt(1, space);
          AttributeTables.bind(delete, 2, id.key());
          delete.executeUpdate();
        }
      }
    }
  }

  /** Removes all vectors of a space. */
  static void removeAll(Connection writer, int space) throws SQLException {
    try (PreparedStatement delete =
        writer.prepareStatement("DELETE FROM point_vectors WHERE space = ?")) {
      delete.setInt(1, space);
      delete.executeUpdate();
    }
  }

  /**
   * The vectors of points in a space, in their order; null for those that have none.
   *
   * @param whole whether terms and parts are wanted
   */
  List<@Nullable StoredVector> find(
      Connection connection, int space, List<PointId> ids, boolean whole)
      throws SQLException, IOException {
    List<@Nullable StoredVector> found = new ArrayList<>();
    try (PreparedStatement select =
        connection.prepareStatement((whole ? COLUMNS : HEADS) + " WHERE space = ? AND id = ?")) {
      for (PointId id : ids) {
        select.setInt(1, space);
        AttributeTables.bind(select, 2, id.key());
        try (ResultSet rows = select.executeQuery()) {
          found.add(rows.next() ? vector(rows) : null);
        }
      }
    }
    return found;
  }

  /** The heads of multivectors with some ordinals, in their order; null for those not there. */
  List<@Nullable StoredVector> findByOrdinal(Connection connection, int space, long[] ordinals)
      throws SQLException, IOException {
    List<@Nullable StoredVector> found = new ArrayList<>();
    try (PreparedStatement select =
        connection.prepareStatement(HEADS + " WHERE space = ? AND ordinal = ?")) {
      for (long ordinal : ordinals) {
        select.setInt(1, space);
        select.setLong(2, ordinal);
        try (ResultSet rows = select.executeQuery()) {
          found.add(rows.next() ? vector(rows) : null);
        }
      }
    }
    return found;
  }

  /** Takes vectors. */
  @FunctionalInterface
  interface Visitor {
    void visit(StoredVector vector) throws IOException;
  }

  /**
   * Visits all vectors of a space in the order of the points' ids.
   *
   * @param whole whether terms and parts are wanted
   */
  void forEach(Connection connection, int space, boolean whole, Visitor visitor)
      throws SQLException, IOException {
    try (PreparedStatement select =
        connection.prepareStatement((whole ? COLUMNS : HEADS) + " WHERE space = ? ORDER BY id")) {
      select.setInt(1, space);
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          visitor.visit(vector(rows));
        }
      }
    }
  }

  /** How many points have a vector in a space. */
  static long count(Connection connection, int space) throws SQLException {
    return SqliteDatabase.number(
        connection, "SELECT count(*) FROM point_vectors WHERE space = " + space);
  }

  /** How many multivectors a space has, or {@code most} if there are more. */
  static long countMultivectors(Connection connection, int space, long most) throws SQLException {
    return SqliteDatabase.number(
        connection,
        "SELECT count(*) FROM (SELECT 1 FROM point_vectors WHERE space = "
            + space
            + " AND ordinal IS NOT NULL LIMIT "
            + most
            + ")");
  }

  /** The largest ordinal of a space, or -1. */
  static long lastOrdinal(Connection connection, int space) throws SQLException {
    return SqliteDatabase.number(
        connection,
        "SELECT coalesce(max(ordinal), -1) FROM point_vectors WHERE space = "
            + space
            + " AND ordinal IS NOT NULL");
  }

  /**
   * Checks all rows.
   *
   * @throws IOException naming the first that is damaged, or is of no point
   */
  void check(Connection connection) throws SQLException, IOException {
    if (!AttributeTables.hasVectors(connection)) {
      return;
    }
    try (Statement select = connection.createStatement();
        ResultSet rows = select.executeQuery(COLUMNS)) {
      while (rows.next()) {
        StoredVector _ = vector(rows);
      }
    }
    String orphans = "SELECT count(*) FROM point_vectors WHERE id NOT IN (SELECT id FROM points)";
    long without = SqliteDatabase.number(connection, orphans);
    if (without > 0) {
      throw new IOException(
          path + " has vectors of " + without + " points that it does not have; restore a copy");
    }
  }

  private PointId id(ResultSet rows, int column) throws SQLException {
    return idType.get() == IdType.UTF8
        ? PointId.of(rows.getString(column))
        : PointId.of(rows.getLong(column));
  }

  private StoredVector vector(ResultSet rows) throws SQLException, IOException {
    PointId id = id(rows, 2);
    long ordinal = rows.getLong(3);
    boolean hasNone = rows.wasNull();
    byte[] value = rows.getBytes(4);
    StoredVector vector =
        new StoredVector(
            rows.getInt(1), id, hasNone ? -1 : ordinal, value == null ? new byte[0] : value);
    int crc = rows.getInt(5);
    boolean isHead = rows.wasNull();
    if (!isHead && checksum(vector) != crc) {
      throw new IOException(
          path + ": a vector of point " + id + " is not what was written; restore a copy");
    }
    return vector;
  }

  private static int checksum(StoredVector vector) {
    String id = vector.id().key().toString();
    byte[] text = id.getBytes(StandardCharsets.UTF_8);
    CRC32C crc = new CRC32C();
    crc.update(
        ByteBuffer.allocate(16)
            .putInt(vector.space())
            .putLong(vector.ordinal())
            .putInt(text.length)
            .flip());
    crc.update(text);
    crc.update(vector.value());
    return (int) crc.getValue();
  }
}
