// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.IdType;
import dev.arbalest.collections.model.PointId;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.function.Supplier;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The rows of points in the database: id, attributes, and a checksum of both that every read
 * compares.
 */
final class PointRows {
  private final Path path;
  private final Supplier<IdType> idType;

  /**
   * Creates it.
   *
   * @param path of the database, for messages
   */
  PointRows(Path path, Supplier<IdType> idType) {
    this.path = path;
    this.idType = idType;
  }

  /** Sets the rows of points. */
  static void put(Connection writer, List<PointId> ids, List<@Nullable String> payloads)
      throws SQLException {
    try (PreparedStatement insert =
        writer.prepareStatement("INSERT OR REPLACE INTO points VALUES (?, ?, ?)")) {
      for (int i = 0; i < ids.size(); i++) {
        String payload = payloads.get(i);
        AttributeTables.bind(insert, 1, ids.get(i).key());
        insert.setString(2, payload);
        insert.setInt(3, checksum(ids.get(i), payload));
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  /** Removes the rows of points, and their field values if there are any. */
  static void remove(Connection writer, List<PointId> ids, boolean withFieldValues)
      throws SQLException {
    try (PreparedStatement values =
            writer.prepareStatement("DELETE FROM field_values WHERE id = ?");
        PreparedStatement points = writer.prepareStatement("DELETE FROM points WHERE id = ?")) {
      for (PointId id : ids) {
        AttributeTables.bind(points, 1, id.key());
        points.addBatch();
        AttributeTables.bind(values, 1, id.key());
        values.addBatch();
      }
      points.executeBatch();
      if (withFieldValues) {
        values.executeBatch();
      }
    }
  }

  /** The id in the first column. */
  PointId id(ResultSet rows) throws SQLException {
    return idType.get() == IdType.UTF8
        ? PointId.of(rows.getString(1))
        : PointId.of(rows.getLong(1));
  }

  /**
   * The row with the columns id, payload and crc.
   *
   * @throws IOException if the row fails its checksum
   */
  PointRow row(ResultSet rows) throws SQLException, IOException {
    PointId id = id(rows);
    String payload = rows.getString(2);
    if (checksum(id, payload) != rows.getInt(3)) {
      throw damaged(id);
    }
    return new PointRow(id, payload);
  }

  /** Compares all rows with their checksums; returns their number. */
  int check(Connection connection) throws SQLException, IOException {
    int count = 0;
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("SELECT id, payload, crc FROM points")) {
      while (rows.next()) {
        PointRow _ = row(rows); // compares it with its checksum
        count++;
      }
    }
    return count;
  }

  /** Gives rows of the first version checksums that cover ids. */
  void upgrade(Connection writer) throws SQLException, IOException {
    try (PreparedStatement select = writer.prepareStatement("SELECT id, payload, crc FROM points");
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
        AttributeTables.bind(update, 2, id.key());
        update.executeUpdate();
      }
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

  private IOException damaged(PointId id) {
    return new IOException(
        path
            + ": the attributes of point "
            + id
            + " are not what was written; restore a copy of the collection");
  }
}
