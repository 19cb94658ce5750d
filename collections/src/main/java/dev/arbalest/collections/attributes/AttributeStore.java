// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.WriteRefusedException;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.OrderedPoint;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.ScoredPoint;
import dev.arbalest.collections.model.VectorSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * Settings of a collection and the attributes of its points, in an SQLite database: a row per
 * point, its attributes a JSON document or null, with a checksum of id and document. Each change is
 * one transaction, durable when the call returns. Thread-safe; readers and the one writer do not
 * wait for each other. One door for questions and changes, whose work other classes of the package
 * do, and so longer than other files.
 */
public final class AttributeStore implements AutoCloseable {
  public static final String FILE_NAME = "attributes.db";

  private final Path path;
  private final SqliteDatabase database;
  private final FieldIndexes indexes;
  private final PointRows points;
  private final PointVectors vectors;
  private final PointQueries queries;
  private final ChangedPoints changed = new ChangedPoints();
  private volatile CollectionSettings settings;
  private final List<Listener> listeners = new CopyOnWriteArrayList<>();

  /** Learns of changed attributes. */
  @FunctionalInterface
  public interface Listener {
    /**
     * Attributes of points changed, or may have. Called when the change is committed, before the
     * call that made it returns.
     *
     * @param payloads the new attributes, or null if it is not known what is in the database
     */
    void changed(List<PointId> ids, @Nullable List<@Nullable String> payloads) throws IOException;
  }

  private AttributeStore(Path path, SqliteDatabase database, CollectionSettings settings)
      throws IOException {
    this.path = path;
    this.database = database;
    this.indexes = new FieldIndexes(database);
    this.settings = settings;
    this.points = new PointRows(path, this::idType);
    this.vectors = new PointVectors(path, this::idType);
    this.queries = new PointQueries(database, indexes, points, this::settings);
  }

  /** Makes a new one in a directory. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static AttributeStore create(Path directory, CollectionSettings settings)
      throws IOException {
    Path path = directory.resolve(FILE_NAME);
    SqliteDatabase database = new SqliteDatabase(path);
    try {
      database.write(writer -> AttributeTables.create(writer, settings));
      return new AttributeStore(path, database, settings);
    } catch (Throwable e) {
      database.close();
      throw e;
    }
  }

  /**
   * Opens a store and verifies it: against the checksum of the whole file if it was closed cleanly,
   * otherwise row by row.
   *
   * @throws IOException if it is foreign, of another version, or damaged
   */
  @MustBeClosed
  public static AttributeStore open(Path directory) throws IOException {
    return open(directory, false);
  }

  /** Opens a store after rebuilding its field indexes, in case the damage is in one of them. */
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
      int version = database.read(connection -> AttributeTables.requireOurs(path, connection));
      CollectionSettings settings =
          database.read(connection -> AttributeTables.readSettings(path, connection, version));
      AttributeStore store = new AttributeStore(path, database, settings);
      store.upgrade(version);
      if (repair) {
        store.indexes.remake();
      }
      if (!isAsClosed) {
        store.check(known.changes());
      }
      store.indexes.renewTextTables();
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

  /** Makes a database of an earlier version one of this version. */
  private void upgrade(int version) throws IOException {
    if (version >= AttributeTables.HAS_TEXT_TABLES) {
      return;
    }
    database.write(writer -> {
      if (AttributeTables.hasPoints(writer)) {
        AttributeTables.createDocuments(writer, AttributeTables.idType(writer));
      }
      indexes.remakeTextTables(writer);
      if (version < AttributeTables.COUNTS_CHANGES) {
        if (settings.idType() != null) {
          points.upgrade(writer);
        }
        SqliteDatabase.countChanges(writer);
      }
      AttributeTables.upgraded(writer);
    });
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
        database.check(connection -> {
          try (Statement statement = connection.createStatement();
              ResultSet rows = statement.executeQuery("PRAGMA integrity_check(1)")) {
            String found = rows.next() ? rows.getString(1) : "nothing";
            if (!"ok".equals(found)) {
              throw new IOException(
                  path + " is damaged (" + found + "); reopen it with repair, or restore a copy");
            }
          }
          if (!AttributeTables.hasPoints(connection)) {
            return 0;
          }
          int count = points.check(connection);
          vectors.check(connection);
          indexes.check(path, connection);
          return count;
        });
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
    database.write(writer -> AttributeTables.put(writer, changed));
    settings = changed;
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
    put(ids, payloads, () -> {});
  }

  /**
   * Sets the attributes of points, all of them new or replaced.
   *
   * @param payloads JSON objects, or null for none
   * @param vectors done before attributes are committed: if it is refused they are what they were
   */
  public void put(List<PointId> ids, List<@Nullable String> payloads, VectorChange vectors)
      throws IOException {
    put(ids, payloads, VectorRows.NONE, vectors);
  }

  /**
   * The same of a collection with named vectors.
   *
   * @param rows which vectors points have from now on
   */
  public void put(
      List<PointId> ids, List<@Nullable String> payloads, VectorRows rows, VectorChange vectors)
      throws IOException {
    try {
      write(
          writer -> {
            PointRows.put(writer, ids, payloads);
            indexes.update(writer, ids);
            PointVectors.put(writer, rows.present());
            for (var absent : rows.absent().entrySet()) {
              PointVectors.remove(writer, List.of(absent.getKey()), absent.getValue());
            }
          },
          vectors);
    } catch (Throwable e) { // it may be left open whether the change is committed
      try {
        tell(ids, null);
      } catch (IOException | RuntimeException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
    tell(ids, payloads);
  }

  private void tell(List<PointId> ids, @Nullable List<@Nullable String> payloads)
      throws IOException {
    changed.note(ids);
    Exception failure = null;
    for (Listener listener : listeners) { // whatever fails of one, the others hear of it
      try {
        listener.changed(ids, payloads);
      } catch (IOException | RuntimeException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    switch (failure) {
      case null -> {}
      case IOException e -> throw e;
      default -> throw (RuntimeException) failure;
    }
  }

  /** Removes points' attributes alone. */
  public void remove(List<PointId> ids) throws IOException {
    try {
      database.write(writer -> removeRows(writer, ids));
    } finally { // a failure may leave open whether it is committed
      changed.note(ids);
    }
  }

  /**
   * Removes the attributes of points.
   *
   * @param vectors done before that is committed: if it is refused they are what they were
   */
  public void remove(List<PointId> ids, VectorChange vectors) throws IOException {
    try {
      write(writer -> removeRows(writer, ids), vectors);
    } finally { // a failure may leave open whether it is committed
      changed.note(ids);
    }
  }

  private void removeRows(java.sql.Connection writer, List<PointId> ids)
      throws java.sql.SQLException {
    indexes.remove(writer, ids);
    PointRows.remove(writer, ids, !indexes.isEmpty());
    if (settings.named()) {
      PointVectors.remove(
          writer, settings.vectors().stream().map(VectorSpec::number).toList(), ids);
    }
  }

  /**
   * Adds a vector to those of the points, which have none of it yet; the first makes the collection
   * one with named vectors.
   *
   * @param changed the settings with the vector
   */
  public void addVector(CollectionSettings changed) throws IOException {
    boolean wasNamed = settings.named();
    VectorSpec only = settings.vectors().getFirst();
    database.write(writer -> {
      AttributeTables.put(writer, changed);
      if (!wasNamed && settings.idType() != null) {
        vectors.addToAll(writer, only.number());
      }
    });
    settings = changed;
  }

  /**
   * Removes a vector from all points, as far as the database knows it.
   *
   * @param changed the settings without the vector
   */
  public void removeVector(CollectionSettings changed, VectorSpec removed) throws IOException {
    database.write(writer -> {
      AttributeTables.put(writer, changed);
      if (AttributeTables.hasVectors(writer)) {
        PointVectors.removeAll(writer, removed.number());
      }
    });
    settings = changed;
    this.changed.noteAll();
  }

  /** Whether there are rows of vectors: not before the first point. */
  private boolean hasVectors() {
    return settings.named() && settings.idType() != null;
  }

  /** The vectors of points in a space, in their order; null for those that have none. */
  public List<@Nullable StoredVector> vectors(int space, List<PointId> ids) throws IOException {
    return vectors(space, ids, true);
  }

  /** The same without their terms and parts. */
  public List<@Nullable StoredVector> vectorHeads(int space, List<PointId> ids) throws IOException {
    return vectors(space, ids, false);
  }

  private List<@Nullable StoredVector> vectors(int space, List<PointId> ids, boolean whole)
      throws IOException {
    return hasVectors()
        ? database.read(connection -> vectors.find(connection, space, ids, whole))
        : ids.stream().<@Nullable StoredVector>map(_ -> null).toList();
  }

  /**
   * The multivectors with some ordinals, without their parts, in their order; null for those that
   * are not there.
   */
  public List<@Nullable StoredVector> headsByOrdinal(int space, long[] ordinals)
      throws IOException {
    return hasVectors()
        ? database.read(connection -> vectors.findByOrdinal(connection, space, ordinals))
        : List.of();
  }

  /** Takes vectors. */
  @FunctionalInterface
  public interface VectorVisitor {
    void visit(StoredVector vector) throws IOException;
  }

  /** Visits all vectors of a space in the order of the points' ids. */
  public void forEachVector(int space, VectorVisitor visitor) throws IOException {
    forEachVector(space, true, visitor);
  }

  /** The same without their terms and parts. */
  public void forEachHead(int space, VectorVisitor visitor) throws IOException {
    forEachVector(space, false, visitor);
  }

  private void forEachVector(int space, boolean whole, VectorVisitor visitor) throws IOException {
    if (hasVectors()) {
      int _ =
          database.scan(connection -> {
            vectors.forEach(connection, space, whole, visitor::visit);
            return 0;
          });
    }
  }

  /** How many multivectors a space has, or {@code most} if there are more. */
  public long countMultivectors(int space, long most) throws IOException {
    return hasVectors()
        ? database.read(connection -> PointVectors.countMultivectors(connection, space, most))
        : 0;
  }

  /** How many points have a vector in a space. */
  public long countVectors(int space) throws IOException {
    return hasVectors() ? database.scan(connection -> PointVectors.count(connection, space)) : 0;
  }

  /** The largest ordinal of a multivector in a space, or -1. */
  public long lastOrdinal(int space) throws IOException {
    return hasVectors()
        ? database.read(connection -> PointVectors.lastOrdinal(connection, space))
        : -1;
  }

  private IdType idType() {
    IdType type = settings.idType();
    return type == null ? IdType.INT64 : type;
  }

  /** Rows of some points, in their order; null for those that are not there. */
  public List<@Nullable PointRow> rows(List<PointId> ids) throws IOException {
    return queries.rows(ids);
  }

  /**
   * Rows a filter accepts in the order of their ids.
   *
   * @param from first id, or null for the very first
   */
  public List<PointRow> scroll(@Nullable Filter filter, @Nullable PointId from, int limit)
      throws IOException {
    return queries.scroll(filter, from, limit);
  }

  /** As {@link PointQueries#ordered}. */
  public List<OrderedPoint> ordered(
      @Nullable Filter filter,
      Filter.FieldPath field,
      boolean descending,
      @Nullable Object startFrom,
      int limit)
      throws IOException {
    return queries.ordered(filter, field, descending, startFrom, limit);
  }

  /** As {@link PointQueries#rankByText}. */
  public List<ScoredPoint> rankByText(
      Filter.@Nullable FieldPath field, String query, @Nullable Filter filter, int limit)
      throws IOException {
    return queries.rankByText(field, query, filter, limit);
  }

  /** As {@link PointQueries#countValues}. */
  public Map<Object, Integer> countValues(Filter.FieldPath field, @Nullable Filter filter)
      throws IOException {
    return queries.countValues(field, filter);
  }

  /** Some of the points that a filter accepts, by chance. */
  public List<PointId> sample(@Nullable Filter filter, int limit) throws IOException {
    return queries.sample(filter, limit);
  }

  /** How many points a filter accepts. */
  public long count(@Nullable Filter filter) throws IOException {
    return queries.count(filter);
  }

  /** Ids of the points a filter accepts, or of the first {@code limit}. */
  public List<PointId> matching(Filter filter, int limit) throws IOException {
    return queries.matching(filter, limit);
  }

  /** Ids of all points that a filter accepts. */
  public Ids matching(Filter filter) throws IOException {
    return queries.matching(filter);
  }

  /** Has a listener told of changes from now on. */
  public void addListener(Listener listener) {
    listeners.add(listener);
  }

  /** Takes back {@link #addListener}. */
  public void removeListener(Listener listener) {
    listeners.remove(listener);
  }

  /** Number of the last committed change, -1 if they are not counted. */
  public long changeNumber() {
    return database.changes();
  }

  /** The points whose attributes changed. */
  public ChangedPoints changedPoints() {
    return changed;
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
