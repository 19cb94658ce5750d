// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.attributes;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/** Evaluates a filter for one point at a time. Not thread-safe. */
public final class FilterEvaluator implements AutoCloseable {
  private final SqliteDatabase database;
  private final Connection connection;
  private final PreparedStatement select;

  FilterEvaluator(SqliteDatabase database, Connection connection, FilterSql.Translated translated)
      throws SQLException {
    this.database = database;
    this.connection = connection;
    this.select =
        AttributeTables.prepare(
            connection, "SELECT 1 FROM points p WHERE p.id = ? AND " + translated.where());
    int _ = AttributeTables.bindAll(select, 2, translated.parameters());
  }

  /** Whether the filter accepts a point. */
  public boolean accepts(long number, @Nullable String text) {
    try {
      AttributeTables.bind(select, 1, text == null ? (Object) number : text);
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
