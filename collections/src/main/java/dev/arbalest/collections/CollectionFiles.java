// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.IdType;
import dev.arbalest.Index;
import dev.arbalest.IndexInfo;
import dev.arbalest.IndexRepair;
import dev.arbalest.LiveIndex;
import dev.arbalest.PointSet;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.columns.AttributeColumns;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.CollectionStats;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The files of a collection: a database of attributes and, from the first point on, an index of
 * each vector beside it. Which files there are, and whether they agree, is one matter, and so this
 * is longer than other files. {@link CollectionLifecycle} decides when they are open, and its lock
 * guards opening and closing; any number of threads may use the open files.
 */
final class CollectionFiles {
  private static final System.Logger LOG = System.getLogger("dev.arbalest.collections");

  /** Exists while attributes and vectors may disagree after a crash. */
  private static final String RECONCILING = "reconciling";

  private final Path directory;
  private final CollectionOptions options;
  private final ProgressListener loading;
  private final Runnable toCheck;
  private final ClosedCollection whileClosed;
  private volatile @Nullable AttributeStore attributes;

  /** The vectors of the collection, in the order of its settings; none while it is closed. */
  private volatile List<VectorSpace> spaces = List.of();

  /** Number of points with named vectors as of a change of the database. */
  private record RowCount(long change, long rows) {}

  private volatile @Nullable RowCount rowCount;

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
    this.whileClosed = new ClosedCollection(directory);
  }

  /** Creates the files of a collection without points, and closes them. */
  static void create(Path directory, CollectionSettings settings) throws IOException {
    if (settings.named()) {
      Directories.make(CollectionPaths.vectors(directory));
    }
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

  /** Whether points may have some of several vectors. */
  boolean isNamed() {
    return attributes().settings().named();
  }

  /** The vectors of the collection; none while the files are closed. */
  List<VectorSpace> spaces() {
    return spaces;
  }

  /**
   * One of the vectors.
   *
   * @throws CollectionException INVALID if there is none of that name
   */
  VectorSpace space(String name) {
    VectorSpec spec = attributes().settings().vector(name);
    for (VectorSpace space : spaces) {
      if (space.spec().equals(spec)) {
        return space;
      }
    }
    throw new IllegalStateException("vector " + name + " of " + directory + " is closed");
  }

  /**
   * The one vector of a collection without named ones.
   *
   * @throws IllegalStateException if vectors are named, or the files are closed
   */
  VectorSpace only() {
    List<VectorSpace> present = spaces;
    if (present.size() != 1 || isNamed()) {
      throw new IllegalStateException(directory + " has named vectors, or is closed");
    }
    return present.getFirst();
  }

  /** The indexes that are open. */
  List<LiveIndex> indexes() {
    return spaces.stream().map(VectorSpace::index).filter(Objects::nonNull).toList();
  }

  /** Whether memory is too short for an index to grow at full speed. */
  boolean isMemoryShort() {
    return indexes().stream().anyMatch(LiveIndex::isMemoryShort);
  }

  /** Has compactions end early. */
  void interruptMaintenance() {
    indexes().forEach(LiveIndex::interruptMaintenance);
  }

  /** Whether an index does not take writes until it is opened again. */
  boolean hasEndedWriting() {
    return !indexes().stream().allMatch(LiveIndex::isWritable);
  }

  /** The columns of indexed fields, of a vector that has an index, or null. */
  @Nullable AttributeColumns columns() {
    for (VectorSpace space : spaces) {
      AttributeColumns columns = space.columns();
      if (columns != null) {
        return columns;
      }
    }
    return null;
  }

  /** Makes the columns of fields whose index is new, and drops those of fields without one. */
  void fillColumns() throws IOException {
    for (VectorSpace space : spaces) {
      space.fillColumns();
    }
  }

  /**
   * The points that a filter accepts.
   *
   * @throws CollectionException INVALID if a field has no index and the server wants one
   */
  FilterMatches matches(Filter filter) {
    requireIndexedFields(filter);
    // Points may lack any one of several vectors, so that no index has all of them.
    VectorSpace all = isNamed() ? null : only();
    return new FilterMatches(
        filter,
        attributes(),
        all == null ? null : all.index(),
        all == null ? null : all.filterSets());
  }

  /** The same among those with a dense vector. */
  FilterMatches matches(Filter filter, VectorSpace space) {
    requireIndexedFields(filter);
    return new FilterMatches(filter, attributes(), space.index(), space.filterSets());
  }

  /**
   * Does nothing unless the server refuses filters on fields without an index.
   *
   * @throws CollectionException INVALID if a field has none and the server wants one
   */
  void requireIndexedFields(@Nullable Filter filter) {
    if (filter != null && options.strictFilters()) {
      StrictFilters.require(filter, attributes().indexes());
    }
  }

  /** Throws unless a field has an index. */
  void requireIndexed(Filter.FieldPath field) {
    StrictFilters.require(field, attributes().indexes(), options.strictFilters());
  }

  /** Notes a search of an index, whose recall may be checked. */
  void searched(
      VectorSpace space, float[] query, SearchParameters parameters, @Nullable PointSet set) {
    if (space.searched(query, parameters, set)) {
      toCheck.run();
    }
  }

  /** Checks a search that was noted; returns whether there was one. */
  boolean checkRecall() throws IOException {
    for (VectorSpace space : spaces) {
      if (space.checkRecall()) {
        return true;
      }
    }
    return false;
  }

  /** Number of points. */
  int count() throws IOException {
    AttributeStore store = attributes();
    if (!store.settings().named()) {
      LiveIndex present = only().index();
      return present == null ? 0 : present.count();
    }
    RowCount known = rowCount;
    long change = store.changeNumber();
    if (known == null || known.change() != change) {
      known = new RowCount(change, store.count(null));
      rowCount = known;
    }
    return (int) known.rows();
  }

  /** What is known of the collection while its files are closed. */
  ClosedCollection whileClosed() {
    return whileClosed;
  }

  /** Memory that the indexes take while they are open. */
  long memoryBytes() {
    return spaces.stream().mapToLong(VectorSpace::memoryBytes).sum();
  }

  /** Opens the files and makes all agree after a crash. */
  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  void open() throws IOException {
    AttributeStore store = openAttributes();
    attributes = store;
    List<VectorSpace> all = new ArrayList<>();
    for (VectorSpec spec : store.settings().vectors()) {
      all.add(
          new VectorSpace(spec, CollectionPaths.vector(directory, spec.name()), options, store));
    }
    spaces = List.copyOf(all);
    if (store.settings().named()) {
      openNamed(store);
    } else {
      openOnly(store, all.getFirst());
    }
  }

  private void openOnly(AttributeStore store, VectorSpace space) throws IOException {
    IdType idType = store.settings().idType();
    boolean hasIndex = space.hasIndex();
    if (idType != null && !hasIndex && store.count(null) > 0) {
      throw noIndex(space);
    }
    if (idType == null && hasIndex) {
      throw new IOException(
          directory.resolve(AttributeStore.FILE_NAME)
              + " says that the collection never had a point, though it has an index: restore a"
              + " copy of its files");
    }
    if (idType != null && hasIndex) {
      LiveIndex opened = space.openIndex(loading);
      boolean wasClosed = opened.info().closed();
      if (!wasClosed || isReconciling() || store.count(null) != opened.count()) {
        beginReconciling(); // it may be given up, and the index be closed cleanly
        Reconciliation.run(store, opened, loading);
        endReconciling();
      }
      space.openColumns(loading);
    }
  }

  private void openNamed(AttributeStore store) throws IOException {
    removeUnknownVectors();
    boolean mayDiffer = isReconciling();
    for (VectorSpace space : spaces) {
      if (space.spec().kind() == VectorSpec.Kind.SPARSE) {
        continue;
      }
      if (space.hasIndex()) {
        LiveIndex opened = space.openIndex(loading);
        mayDiffer |= !opened.info().closed() || NamedReconciliation.differ(store, space, opened);
      } else if (store.countVectors(space.spec().number()) > 0) {
        throw noIndex(space);
      }
    }
    if (mayDiffer) {
      beginReconciling();
      for (VectorSpace space : spaces) {
        LiveIndex opened = space.index();
        if (opened != null) {
          NamedReconciliation.run(store, space, opened, loading);
        }
      }
      endReconciling();
    }
    for (VectorSpace space : spaces) {
      if (space.spec().kind() == VectorSpec.Kind.SPARSE) {
        space.openSparse(loading);
      } else {
        space.openColumns(loading);
      }
    }
  }

  private static IOException noIndex(VectorSpace space) {
    return new IOException(
        CollectionPaths.index(space.directory())
            + " holds no index, though the collection has points: restore a copy of its files");
  }

  private boolean isReconciling() {
    return Files.exists(directory.resolve(RECONCILING));
  }

  /** Has the next opening make database and indexes agree, unless {@link #endReconciling} runs. */
  void beginReconciling() throws IOException {
    if (!isReconciling()) {
      Files.createFile(directory.resolve(RECONCILING));
      DirectFile.syncDirectory(directory);
    }
  }

  private void endReconciling() throws IOException {
    Files.delete(directory.resolve(RECONCILING));
  }

  /** Removes the folders of vectors that were removed before a crash, or never added. */
  private void removeUnknownVectors() throws IOException {
    if (attributes().settings().find("") == null) {
      removeUnnamed();
    }
    Path all = CollectionPaths.vectors(directory);
    if (!Files.isDirectory(all)) {
      return;
    }
    List<Path> known = spaces.stream().map(VectorSpace::directory).toList();
    try (DirectoryStream<Path> folders = Files.newDirectoryStream(all)) {
      for (Path folder : folders) {
        if (!known.contains(folder)) {
          Directories.remove(folder);
        }
      }
    }
  }

  /**
   * Adds a vector that no point has yet. No other request runs meanwhile.
   *
   * @throws CollectionException INVALID if it cannot be added
   */
  void addVector(VectorSpec added) throws IOException {
    AttributeStore store = attributes();
    CollectionSettings changed = store.settings().withVector(added);
    VectorSpec spec = changed.vector(added.name());
    Path folder = CollectionPaths.vector(directory, spec.name());
    Directories.make(CollectionPaths.vectors(directory));
    // What a crash left when one of that name was removed.
    if (spec.name().isEmpty()) {
      removeUnnamed();
    } else {
      Directories.remove(folder);
    }
    VectorSpace space = new VectorSpace(spec, folder, options, store);
    boolean wasNamed = isNamed();
    store.addVector(changed);
    if (!wasNamed) {
      spaces.getFirst().reopen(loading);
    }
    if (spec.kind() == VectorSpec.Kind.SPARSE) {
      space.openSparse(loading);
    }
    List<VectorSpace> all = new ArrayList<>(spaces);
    all.add(space);
    spaces = List.copyOf(all);
    forgetFilters();
  }

  /** Has filters evaluated anew, as they may be on vectors. */
  private void forgetFilters() {
    for (VectorSpace space : spaces) {
      FilterSets sets = space.filterSets();
      if (sets != null) {
        sets.forget();
      }
    }
  }

  /**
   * Removes a vector from all points. No other request runs meanwhile.
   *
   * @throws CollectionException INVALID if it is the only one
   */
  void removeVector(String name) throws IOException {
    VectorSpace removed = space(name);
    AttributeStore store = attributes();
    store.removeVector(store.settings().withoutVector(name), removed.spec());
    spaces = spaces.stream().filter(space -> space != removed).toList();
    forgetFilters();
    removed.close();
    if (name.isEmpty()) {
      removeUnnamed();
    } else {
      Directories.remove(removed.directory());
    }
  }

  /** Removes the files of the vector without a name, which are among those of the collection. */
  private void removeUnnamed() throws IOException {
    Directories.remove(CollectionPaths.index(directory));
    AttributeColumns.deleteSaved(directory);
  }

  /** An index built by the command line becomes a collection by being put in place. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  private AttributeStore openAttributes() throws IOException {
    Path index = CollectionPaths.index(directory);
    if (!Files.exists(directory.resolve(AttributeStore.FILE_NAME)) && IndexInfo.exists(index)) {
      try (Index built = Index.open(index)) {
        return AttributeStore.create(
            directory,
            new CollectionSettings(built.dimension(), built.metric(), built.idType(), null));
      }
    }
    return AttributeStore.open(directory);
  }

  /** As {@link VectorSpace#openOrCreateIndex}. */
  LiveIndex openOrCreateIndex(VectorSpace space, IdType type, F32Rows vectors) throws IOException {
    return space.openOrCreateIndex(type, vectors, loading);
  }

  /** The figures of open files. */
  CollectionStats stats() throws IOException {
    CollectionStats sum = CollectionStats.NONE;
    for (VectorSpace space : spaces) {
      sum = sum.plus(space.stats());
    }
    return indexes().isEmpty() && !isNamed() ? sum : sum.withPoints(count(), attributes().bytes());
  }

  /** Remembers what {@link #whileClosed} tells. */
  void rememberBeforeClose() throws IOException {
    whileClosed.remember(attributes(), stats(), memoryBytes());
  }

  /**
   * Rebuilds damaged parts and changes the codec of closed files.
   *
   * @param repair whether to rebuild parts that can be rebuilt
   * @param codec the new codec, or null to keep the present one
   * @throws IllegalArgumentException if the codec does not suit the vectors
   */
  void repair(String name, boolean repair, @Nullable CodecSpec codec) throws IOException {
    int threads = Runtime.getRuntime().availableProcessors();
    List<Path> indexes = whileClosed.indexes();
    if (repair) {
      for (Path index : indexes) {
        var remade = IndexRepair.repair(index, threads, ProgressListener.NONE);
        LOG.log(System.Logger.Level.INFO, "repaired collection " + name + ": " + remade);
      }
      try (AttributeStore _ = AttributeStore.repair(directory)) {
        LOG.log(System.Logger.Level.INFO, "rebuilt the field indexes of collection " + name);
      }
    }
    if (codec != null) {
      for (Path index : indexes) {
        IndexRepair.recode(index, codec.toString(), threads, ProgressListener.NONE);
      }
      LOG.log(System.Logger.Level.INFO, "collection " + name + " now has codec " + codec);
    }
  }

  /** Closes the files, the indexes with a checkpoint. */
  void close() throws IOException {
    AttributeStore openAttributes = attributes;
    List<VectorSpace> openSpaces = spaces;
    spaces = List.of();
    attributes = null;
    rowCount = null;
    try (openAttributes) {
      IOException failure = null;
      for (VectorSpace space : openSpaces) {
        try {
          space.close();
        } catch (IOException e) {
          if (failure == null) {
            failure = e;
          } else {
            failure.addSuppressed(e);
          }
        }
      }
      if (failure != null) {
        throw failure;
      }
    }
  }
}
