// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.BuildOptions;
import dev.arbalest.IdType;
import dev.arbalest.Index;
import dev.arbalest.IndexInfo;
import dev.arbalest.IndexRepair;
import dev.arbalest.IndexStats;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.PointSet;
import dev.arbalest.ProgressListener;
import dev.arbalest.RecallMonitor;
import dev.arbalest.SearchParameters;
import dev.arbalest.WriteOptions;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.FieldIndexes;
import dev.arbalest.collections.columns.AttributeColumns;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.CollectionStats;
import dev.arbalest.collections.model.RecallFigures;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The files of a collection: a database of attributes and, from the first point on, an index of
 * vectors beside it. {@link CollectionLifecycle} decides when they are open, and its lock guards
 * opening and closing; any number of threads may use the open files.
 */
final class CollectionFiles {
  private static final System.Logger LOG = System.getLogger("dev.arbalest.collections");

  private static final int TRAINING_ROWS = 4096;
  private static final String INDEX = "index";

  /** Exists while attributes and vectors may disagree after a crash. */
  private static final String RECONCILING = "reconciling";

  private final Path directory;
  private final CollectionOptions options;
  private final ProgressListener loading;
  private final Runnable toCheck;
  private final ClosedCollection whileClosed;
  private volatile @Nullable AttributeStore attributes;
  private volatile @Nullable LiveIndex index;
  private volatile @Nullable AttributeColumns columns;
  private volatile @Nullable FilterSets filterSets;
  private volatile @Nullable RecallMonitor monitor;

  /**
   * Creates it, with all files closed.
   *
   * @param loading told of the progress of opening; ends it by throwing
   * @param toCheck told when {@link #checkRecall} has something to do
   */
  CollectionFiles(
      Path directory, CollectionOptions options, ProgressListener loading, Runnable toCheck) {
    this.directory = directory;
    this.options = options;
    this.loading = loading;
    this.toCheck = toCheck;
    this.whileClosed = new ClosedCollection(directory, directory.resolve(INDEX));
  }

  /** Creates the files of a collection without points, and closes them. */
  static void create(Path directory, CollectionSettings settings) throws IOException {
    try (AttributeStore _ = AttributeStore.create(directory, settings)) {
      // created and closed: the database is complete
    }
  }

  Path directory() {
    return directory;
  }

  /** Whether the files are open. */
  boolean areOpen() {
    return attributes != null;
  }

  /**
   * The database.
   *
   * @throws IllegalStateException if the files are closed
   */
  AttributeStore attributes() {
    AttributeStore present = attributes;
    if (present == null) {
      throw new IllegalStateException("the files of " + directory + " are closed");
    }
    return present;
  }

  /** The index, or null before the first point and while the files are closed. */
  @Nullable LiveIndex index() {
    return index;
  }

  /**
   * The columns of indexed fields.
   *
   * @throws IllegalStateException if there is no index
   */
  AttributeColumns columns() {
    AttributeColumns present = columns;
    if (present == null) {
      throw new IllegalStateException("the collection in " + directory + " has no index");
    }
    return present;
  }

  /** Makes the columns of fields whose index is new, and drops those of fields without one. */
  void fillColumns() throws IOException {
    FilterSets sets = filterSets;
    if (sets != null) {
      sets.forget(); // what a text matches depends on its index
    }
    AttributeColumns present = columns;
    if (present != null) {
      present.fill();
    }
  }

  /**
   * The points that a filter accepts.
   *
   * @throws CollectionException INVALID if a field has no index and the server wants one
   */
  FilterMatches matches(Filter filter) {
    requireIndexedFields(filter);
    return new FilterMatches(filter, attributes(), index, filterSets);
  }

  /**
   * Does nothing unless the server refuses filters on fields without an index.
   *
   * @throws CollectionException INVALID if a field has none and the server wants one
   */
  void requireIndexedFields(@Nullable Filter filter) {
    if (filter != null && options.strictFilters()) {
      requireIndexed(filter);
    }
  }

  private void requireIndexed(Filter filter) {
    if (filter instanceof Filter.Nested) {
      throw CollectionException.invalid(
          "nested conditions never use an index, and this server refuses filters without"
              + " (--strict-filters)");
    }
    Filter.FieldPath field = Filter.fieldOf(filter);
    if (field != null) {
      requireIndexed(field);
    }
    Filter.partsOf(filter).forEach(this::requireIndexed);
  }

  /** Throws unless a field has an index. */
  void requireIndexed(Filter.FieldPath field) {
    if (!attributes().indexes().has(field)) {
      throw CollectionException.invalid(
          "field \""
              + FieldIndexes.nameOf(String.join("[].", field.jsonPaths()))
              + "\" has no index, and "
              + (options.strictFilters()
                  ? "this server refuses filters on such fields (--strict-filters)"
                  : "this needs one")
              + "; create an index of the field first");
    }
  }

  /** Notes a search of the index, whose recall may be checked. */
  void searched(float[] query, SearchParameters parameters, @Nullable PointSet set) {
    RecallMonitor present = monitor;
    if (present != null && present.searched(query, parameters, set)) {
      toCheck.run();
    }
  }

  /** Checks a search that was noted; returns whether there was one. */
  boolean checkRecall() throws IOException {
    RecallMonitor present = monitor;
    return present != null && present.check();
  }

  /** Number of points. */
  int count() {
    LiveIndex present = index;
    return present == null ? 0 : present.count();
  }

  /** What is known of the collection while its files are closed. */
  ClosedCollection whileClosed() {
    return whileClosed;
  }

  /** Memory that the index takes while it is open. */
  long memoryBytes() {
    LiveIndex present = index;
    try {
      if (present == null) {
        return 0;
      }
      IndexStats figures = present.stats();
      return figures.graphBytes() + figures.codesBytes() + columns().bytes();
    } catch (IllegalStateException e) {
      return 0; // it was closed just now
    }
  }

  private boolean hasIndex() {
    return whileClosed.hasIndex();
  }

  /** Opens the files and makes both agree after a crash. */
  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  void open() throws IOException {
    AttributeStore store = openAttributes();
    attributes = store;
    IdType idType = store.settings().idType();
    if (idType != null && !hasIndex() && store.count(null) > 0) {
      throw new IOException(
          directory.resolve(INDEX)
              + " holds no index, though the collection has points: restore a copy of its files");
    }
    if (idType == null && hasIndex()) {
      throw new IOException(
          directory.resolve(AttributeStore.FILE_NAME)
              + " says that the collection never had a point, though it has an index: restore a"
              + " copy of its files");
    }
    if (idType != null && hasIndex()) {
      LiveIndex opened = openIndex();
      index = opened;
      requireSame(store.settings(), opened);
      boolean wasClosed = opened.info().closed();
      Path unfinished = directory.resolve(RECONCILING);
      if (!wasClosed || Files.exists(unfinished) || store.count(null) != opened.count()) {
        if (!Files.exists(unfinished)) { // it may be given up, and the index be closed cleanly
          Files.createFile(unfinished);
          DirectFile.syncDirectory(directory);
        }
        Reconciliation.run(store, opened, loading);
        Files.delete(unfinished);
      }
      openColumns(store, opened);
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  private void openColumns(AttributeStore store, LiveIndex opened) throws IOException {
    AttributeColumns made = AttributeColumns.open(directory, opened, store, loading);
    columns = made;
    filterSets = new FilterSets(store, opened, made);
    monitor = options.recallSample() > 0 ? new RecallMonitor(opened, options.recallSample()) : null;
  }

  /** Throws if database and index are not of one collection. */
  private void requireSame(CollectionSettings settings, LiveIndex opened) throws IOException {
    if (settings.dimension() != opened.dimension()
        || settings.metric() != opened.metric()
        || settings.idType() != opened.idType()) {
      throw new IOException(
          directory
              + ": the database is of vectors of dimension "
              + settings.dimension()
              + ", "
              + settings.metric().label()
              + ", the index of dimension "
              + opened.dimension()
              + ", "
              + opened.metric().label()
              + ", or their ids differ in type: restore a copy of the collection's files");
    }
  }

  /** An index built by the command line becomes a collection by being put in place. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  private AttributeStore openAttributes() throws IOException {
    if (!Files.exists(directory.resolve(AttributeStore.FILE_NAME)) && hasIndex()) {
      try (Index built = Index.open(directory.resolve(INDEX))) {
        return AttributeStore.create(
            directory,
            new CollectionSettings(built.dimension(), built.metric(), built.idType(), null));
      }
    }
    return AttributeStore.open(directory);
  }

  @MustBeClosed
  private LiveIndex openIndex() throws IOException {
    int threads = options.searchThreads() + 1; // of which one checks recall
    OpenOptions opening = OpenOptions.defaults().withSearchThreads(threads);
    WriteOptions writing =
        WriteOptions.defaults()
            .withMemoryBytes(options.memoryBytes())
            .withLinkThreads(options.linkThreads())
            .withSyncMillis(options.syncMillis());
    return LiveIndex.openForWriting(directory.resolve(INDEX), opening, writing, loading);
  }

  /**
   * The index, which is created with the first points; one call at a time.
   *
   * @param type type of the ids
   * @param vectors the first points; the codec is trained on them
   */
  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  LiveIndex openOrCreateIndex(IdType type, F32Rows vectors) throws IOException {
    LiveIndex present = index;
    if (present != null) {
      return present;
    }
    if (!hasIndex()) { // otherwise opening it failed the last time
      F32Rows sample =
          new F32Rows(
              vectors.memory(),
              vectors.offsetBytes(),
              vectors.strideBytes(),
              Math.min(TRAINING_ROWS, vectors.count()),
              vectors.dimension());
      LiveIndex.create(
          directory.resolve(INDEX),
          sample,
          type,
          BuildOptions.builder().metric(attributes().settings().metric()).build());
    }
    LiveIndex created = openIndex();
    openColumns(attributes(), created);
    index = created;
    return created;
  }

  /** The figures of open files. */
  CollectionStats stats() throws IOException {
    AttributeStore store = attributes();
    LiveIndex present = index;
    if (present == null) {
      return CollectionStats.NONE;
    }
    IndexStats figures = present.stats();
    RecallMonitor watched = monitor;
    return new CollectionStats(
        figures.vectors(),
        figures.slots(),
        figures.unlinked(),
        figures.unlinkedLimit(),
        figures.graphBytes(),
        figures.codesBytes(),
        figures.tablesBytes(),
        columns().bytes(),
        figures.logBytes(),
        store.bytes(),
        figures.logSyncs(),
        figures.logSyncNanos(),
        watched == null ? RecallFigures.NONE : RecallFigures.of(watched));
  }

  /** Remembers what {@link #whileClosed} tells. */
  void rememberBeforeClose() throws IOException {
    LiveIndex present = index;
    whileClosed.remember(attributes(), present == null ? null : present.stats());
  }

  /**
   * Rebuilds damaged parts and changes the codec of closed files.
   *
   * @param repair whether to rebuild parts that can be rebuilt
   * @param codec the new codec, or null to keep the present one
   * @throws IllegalArgumentException if the codec does not suit the vectors
   */
  void repair(String name, boolean repair, @Nullable CodecSpec codec) throws IOException {
    Path path = directory.resolve(INDEX);
    int threads = Runtime.getRuntime().availableProcessors();
    if (repair && Files.exists(path)) {
      var remade = IndexRepair.repair(path, threads, ProgressListener.NONE);
      LOG.log(System.Logger.Level.INFO, "repaired collection " + name + ": " + remade);
    }
    if (repair) {
      try (AttributeStore _ = AttributeStore.repair(directory)) {
        LOG.log(System.Logger.Level.INFO, "rebuilt the field indexes of collection " + name);
      }
    }
    if (codec != null && Files.exists(path)) {
      IndexRepair.recode(path, codec.toString(), threads, ProgressListener.NONE);
      LOG.log(System.Logger.Level.INFO, "collection " + name + " now has codec " + codec);
    }
  }

  /** Closes the files, the index with a checkpoint. */
  void close() throws IOException {
    LiveIndex openIndex = index;
    AttributeStore openAttributes = attributes;
    AttributeColumns openColumns = columns;
    index = null;
    filterSets = null;
    monitor = null;
    columns = null;
    attributes = null;
    try (openAttributes;
        openColumns) {
      if (openIndex != null) {
        openIndex.close();
      }
      if (openColumns != null) {
        saveColumns(openColumns);
      }
    }
  }

  /** Without the file the next opening makes the columns of the database. */
  private void saveColumns(AttributeColumns closing) {
    try {
      closing.save(directory, IndexInfo.read(directory.resolve(INDEX)));
    } catch (IOException | BadInputException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "the columns of indexed fields in " + directory + " were not saved",
          e);
    }
  }
}
