// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.TextIndex;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.OrderedPoint;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.ScoredPoint;
import dev.arbalest.collections.model.VectorSpec;
import java.io.IOException;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What the database is asked about points: rows by ids, and the points that filters accept. */
final class PointQueries {
  private static final List<String> ORDERED_KINDS = List.of("integer", "float", "datetime");

  private final SqliteDatabase database;
  private final FieldIndexes indexes;
  private final PointRows points;
  private final Supplier<CollectionSettings> settings;

  PointQueries(
      SqliteDatabase database,
      FieldIndexes indexes,
      PointRows points,
      Supplier<CollectionSettings> settings) {
    this.database = database;
    this.indexes = indexes;
    this.points = points;
    this.settings = settings;
  }

  private IdType idType() {
    IdType type = settings.get().idType();
    return type == null ? IdType.INT64 : type;
  }

  private FilterSql.Translated translate(@Nullable Filter filter) {
    return FilterSql.of(
        filter,
        new FilterContext() {
          @Override
          public @Nullable Integer valuesOf(Filter.FieldPath field) {
            return indexes.valuesOf(field);
          }

          @Override
          public @Nullable Integer numberOf(Filter.FieldPath field) {
            return indexes.numberOf(field);
          }

          @Override
          public @Nullable String kindOf(Filter.FieldPath field) {
            return indexes.kindOf(field);
          }

          @Override
          public @Nullable Integer spaceOf(String vector) {
            VectorSpec spec = settings.get().find(vector);
            return spec == null ? null : settings.get().named() ? spec.number() : -1;
          }

          @Override
          public IdType idType() {
            return PointQueries.this.idType();
          }
        });
  }

  /** Rows of some points, in their order; null for those that are not there. */
  List<@Nullable PointRow> rows(List<PointId> ids) throws IOException {
    List<@Nullable PointRow> found = new ArrayList<>();
    if (settings.get().idType() == null) {
      ids.forEach(_ -> found.add(null));
      return found;
    }
    int _ =
        database.read(connection -> {
          try (PreparedStatement select =
              connection.prepareStatement("SELECT id, payload, crc FROM points WHERE id = ?")) {
            for (PointId id : ids) {
              AttributeTables.bind(select, 1, id.key());
              try (ResultSet rows = select.executeQuery()) {
                found.add(rows.next() ? points.row(rows) : null);
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
  List<PointRow> scroll(@Nullable Filter filter, @Nullable PointId from, int limit)
      throws IOException {
    List<PointRow> found = new ArrayList<>();
    if (settings.get().idType() == null) {
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
      try (PreparedStatement select = AttributeTables.prepare(connection, text)) {
        int at = 1;
        if (from != null) {
          AttributeTables.bind(select, at++, from.key());
        }
        int _ = AttributeTables.bindAll(select, at, translated.parameters());
        try (ResultSet rows = select.executeQuery()) {
          while (rows.next()) {
            found.add(points.row(rows));
          }
        }
      }
      return found;
    });
  }

  /** How many points a filter accepts. */
  long count(@Nullable Filter filter) throws IOException {
    if (settings.get().idType() == null) {
      return 0;
    }
    FilterSql.Translated translated = translate(filter);
    return database.scan(connection -> {
      try (PreparedStatement select =
          AttributeTables.prepare(
              connection, "SELECT count(*) FROM points p WHERE " + translated.where())) {
        int _ = AttributeTables.bindAll(select, 1, translated.parameters());
        try (ResultSet rows = select.executeQuery()) {
          return rows.next() ? rows.getLong(1) : 0L;
        }
      }
    });
  }

  /** Ids of the points a filter accepts, or of the first {@code limit}. */
  List<PointId> matching(Filter filter, int limit) throws IOException {
    return some(filter, "", limit);
  }

  private List<PointId> some(@Nullable Filter filter, String order, int limit) throws IOException {
    List<PointId> found = new ArrayList<>();
    if (settings.get().idType() == null) {
      return found;
    }
    FilterSql.Translated translated = translate(filter);
    return database.scan(connection -> {
      try (PreparedStatement select =
          AttributeTables.prepare(
              connection,
              "SELECT p.id FROM points p WHERE "
                  + translated.where()
                  + order
                  + " LIMIT "
                  + limit)) {
        int _ = AttributeTables.bindAll(select, 1, translated.parameters());
        try (ResultSet rows = select.executeQuery()) {
          while (rows.next()) {
            found.add(points.id(rows));
          }
        }
      }
      return found;
    });
  }

  /**
   * The points that a filter accepts in the order of an indexed field; a point with several values
   * comes once for each.
   *
   * @param startFrom first value: a Long, a Double, or a String that is a moment; null for all
   * @throws CollectionException INVALID if the field has no index that orders
   */
  List<OrderedPoint> ordered(
      @Nullable Filter filter,
      Filter.FieldPath field,
      boolean descending,
      @Nullable Object startFrom,
      int limit)
      throws IOException {
    Integer number = indexes.numberOf(field);
    String kind = indexes.kindOf(field);
    if (number == null || kind == null || !ORDERED_KINDS.contains(kind)) {
      throw CollectionException.invalid(
          "order_by needs a field with an index of kind "
              + String.join(", ", ORDERED_KINDS)
              + "; that of \""
              + FieldIndexes.nameOf(String.join("[].", field.jsonPaths()))
              + (kind == null ? "\" is missing, create it first" : "\" is " + kind));
    }
    List<OrderedPoint> found = new ArrayList<>();
    if (settings.get().idType() == null) {
      return found;
    }
    boolean isTime = kind.equals("datetime");
    if (isTime != (startFrom instanceof String) && startFrom != null) {
      throw CollectionException.invalid(
          "start_from is " + (isTime ? "a moment" : "a number") + ", as the field's values are");
    }
    String value =
        isTime
            ? "time_micros(CASE typeof(v.value) WHEN 'text' THEN v.value END)"
            : "CASE WHEN typeof(v.value) IN ('integer', 'real') THEN v.value END";
    FilterSql.Translated translated = translate(filter);
    String text =
        "SELECT p.id, "
            + value
            + " AS rank FROM field_values v JOIN points p ON p.id = v.id WHERE v.field = "
            + number.intValue()
            + " AND rank IS NOT NULL"
            + (startFrom == null
                ? ""
                : " AND rank " + (descending ? "<=" : ">=") + (isTime ? " time_micros(?)" : " ?"))
            + " AND "
            + translated.where()
            + " ORDER BY rank"
            + (descending ? " DESC" : "")
            + ", p.id LIMIT "
            + limit;
    return database.scan(connection -> {
      try (PreparedStatement select = AttributeTables.prepare(connection, text)) {
        int at = 1;
        if (startFrom != null) {
          AttributeTables.bind(select, at++, startFrom);
        }
        int _ = AttributeTables.bindAll(select, at, translated.parameters());
        try (ResultSet rows = select.executeQuery()) {
          while (rows.next()) {
            Number rank = (Number) rows.getObject(2);
            found.add(
                new OrderedPoint(
                    points.id(rows),
                    rank instanceof Double ? rank : (Number) Long.valueOf(rank.longValue())));
          }
        }
      }
      return found;
    });
  }

  /**
   * The points that a filter accepts and that have one of the words of a query, by BM25 (Robertson
   * and Zaragoza 2009), best first.
   *
   * @param field with a text index, or null for the only one there is
   * @throws CollectionException INVALID if there is no such field, or the query has too many words
   */
  List<ScoredPoint> rankByText(
      Filter.@Nullable FieldPath field, String query, @Nullable Filter filter, int limit)
      throws IOException {
    Filter.FieldPath known = indexes.textField(field);
    String kind = Objects.requireNonNull(indexes.kindOf(known));
    TextIndex index = TextIndex.parse(kind);
    String expression = TextTables.expression(index, query, TextIndex.Mode.ANY);
    List<ScoredPoint> found = new ArrayList<>();
    if (expression == null && !index.words(query).isEmpty()) {
      throw CollectionException.invalid(
          "a query has at most " + TextTables.MAX_WORDS + " different words");
    }
    if (expression == null || settings.get().idType() == null) {
      return found;
    }
    FilterSql.Translated translated = filter == null ? null : translate(filter);
    String where = translated == null ? "" : translated.where();
    int number = Objects.requireNonNull(indexes.numberOf(known));
    String text = TextTables.ranking(number, where, limit);
    return database.scan(connection -> {
      try (PreparedStatement select = AttributeTables.prepare(connection, text)) {
        select.setString(1, expression);
        if (translated != null) {
          int _ = AttributeTables.bindAll(select, 2, translated.parameters());
        }
        try (ResultSet rows = select.executeQuery()) {
          while (rows.next()) {
            found.add(new ScoredPoint(points.id(rows), (float) -rows.getDouble(2)));
          }
        }
      }
      return found;
    });
  }

  /**
   * How many of the points that a filter accepts have each value of a field: Booleans, Longs,
   * Doubles and Strings.
   */
  Map<Object, Integer> countValues(Filter.FieldPath field, @Nullable Filter filter)
      throws IOException {
    Map<Object, Integer> counts = new HashMap<>();
    if (settings.get().idType() == null) {
      return counts;
    }
    String path = field.jsonPaths().getFirst();
    FilterSql.Translated translated = translate(filter);
    String text =
        "SELECT e.type, e.value, count(DISTINCT p.id) FROM points p, json_each(p.payload, ?) e"
            + " WHERE json_type(p.payload, ?) <> 'object' AND e.type NOT IN ('null', 'object',"
            + " 'array') AND "
            + translated.where()
            + " GROUP BY e.type, e.value";
    return database.scan(connection -> {
      try (PreparedStatement select = AttributeTables.prepare(connection, text)) {
        select.setString(1, path);
        select.setString(2, path);
        int _ = AttributeTables.bindAll(select, 3, translated.parameters());
        try (ResultSet rows = select.executeQuery()) {
          while (rows.next()) {
            Object value =
                switch (rows.getString(1)) {
                  case "true" -> true;
                  case "false" -> false;
                  case "integer" -> rows.getLong(2);
                  case "real" -> rows.getDouble(2);
                  default -> rows.getString(2);
                };
            counts.put(value, rows.getInt(3));
          }
        }
      }
      return counts;
    });
  }

  /** Some of the points that a filter accepts, by chance. */
  List<PointId> sample(@Nullable Filter filter, int limit) throws IOException {
    return some(filter, " ORDER BY random()", limit);
  }

  /** Ids of all points that a filter accepts. */
  Ids matching(Filter filter) throws IOException {
    if (settings.get().idType() == null) {
      return Ids.range(0, 0);
    }
    FilterSql.Translated translated = translate(filter);
    return database.scan(connection -> {
      try (PreparedStatement select =
          AttributeTables.prepare(
              connection, "SELECT p.id FROM points p WHERE " + translated.where())) {
        int _ = AttributeTables.bindAll(select, 1, translated.parameters());
        try (ResultSet rows = select.executeQuery()) {
          return idType() == IdType.UTF8 ? texts(rows) : numbers(rows);
        }
      }
    });
  }

  private static Ids numbers(ResultSet rows) throws SQLException {
    long[] ids = new long[1024];
    int count = 0;
    while (rows.next()) {
      if (count == ids.length) {
        ids = Arrays.copyOf(ids, 2 * count);
      }
      ids[count++] = rows.getLong(1);
    }
    return Ids.of(Arrays.copyOf(ids, count));
  }

  private static Ids texts(ResultSet rows) throws SQLException {
    List<String> ids = new ArrayList<>();
    while (rows.next()) {
      ids.add(rows.getString(1));
    }
    return Ids.of(ids);
  }
}
