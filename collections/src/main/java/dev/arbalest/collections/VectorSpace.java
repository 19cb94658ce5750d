// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.BuildOptions;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.IndexInfo;
import dev.arbalest.IndexStats;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.PointSet;
import dev.arbalest.ProgressListener;
import dev.arbalest.RecallMonitor;
import dev.arbalest.SearchParameters;
import dev.arbalest.WriteOptions;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.StoredVector;
import dev.arbalest.collections.columns.AttributeColumns;
import dev.arbalest.collections.model.CollectionStats;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.RecallFigures;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.collections.sparse.SparseIndex;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The index of one vector that points of a collection have, from its first on, and what searches of
 * it need beside it. {@link CollectionFiles} opens and closes it; any number of threads may use it
 * while it is open.
 */
final class VectorSpace {
  private static final System.Logger LOG = System.getLogger("dev.arbalest.collections");

  private static final int TRAINING_ROWS = 4096;

  private static final int MAX_RECENT = 20_000;

  /** Bits of a part's id that tell it from the other parts of its multivector. */
  private static final int PART_BITS = 12;

  private final VectorSpec spec;
  private final Path directory;
  private final CollectionOptions options;
  private final AttributeStore store;

  /** Next ordinal of a multivector: none is used twice, so that what a crash left is told apart. */
  private final AtomicLong nextOrdinal = new AtomicLong();

  /** Points of multivectors that came or went a moment ago, by ordinal, oldest first. */
  private final Map<Long, PointId> recent = new LinkedHashMap<>();

  private volatile @Nullable LiveIndex index;
  private volatile @Nullable AttributeColumns columns;
  private volatile @Nullable FilterSets filterSets;
  private volatile @Nullable RecallMonitor monitor;
  private volatile @Nullable SparseIndex sparse;

  /**
   * Creates it, closed.
   *
   * @param directory that holds the index and the file of columns
   */
  VectorSpace(VectorSpec spec, Path directory, CollectionOptions options, AttributeStore store) {
    this.spec = spec;
    this.directory = directory;
    this.options = options;
    this.store = store;
  }

  VectorSpec spec() {
    return spec;
  }

  Path directory() {
    return directory;
  }

  /** The index of dense vectors or parts, or null before the first and while it is closed. */
  @Nullable LiveIndex index() {
    return index;
  }

  /** The columns of indexed fields by the slots of a dense vector, or null as the index. */
  @Nullable AttributeColumns columns() {
    return columns;
  }

  /** The sets of filters on a dense vector, or null as the index. */
  @Nullable FilterSets filterSets() {
    return filterSets;
  }

  /** The inverted index of a sparse vector, or null while it is closed or the vector is dense. */
  @Nullable SparseIndex sparse() {
    return sparse;
  }

  boolean hasIndex() {
    return IndexInfo.exists(CollectionPaths.index(directory));
  }

  /** The id of a part in the index. */
  static long partId(long ordinal, int part) {
    return (ordinal << PART_BITS) | part;
  }

  /** The ordinal of the multivector that a part belongs to. */
  static long ordinalOf(long partId) {
    return partId >>> PART_BITS;
  }

  /** The ids of all parts of some multivectors. */
  static Ids partIds(List<StoredVector> vectors) {
    int count = vectors.stream().mapToInt(StoredVector::indexedParts).sum();
    long[] ids = new long[count];
    int next = 0;
    for (StoredVector vector : vectors) {
      for (int part = 0; part < vector.indexedParts(); part++) {
        ids[next++] = partId(vector.ordinal(), part);
      }
    }
    return Ids.of(ids);
  }

  /** The place of a part in its multivector. */
  static int partOf(long partId) {
    return (int) (partId & ((1L << PART_BITS) - 1));
  }

  /** An ordinal for a multivector that is about to be written. */
  long takeOrdinal() {
    return nextOrdinal.getAndIncrement();
  }

  /**
   * Notes a multivector that is about to be written or taken away: a search may find its parts
   * while the database has not got it yet, or has it no more.
   */
  void noteChange(StoredVector vector) {
    synchronized (recent) {
      recent.put(vector.ordinal(), vector.id());
      if (recent.size() > MAX_RECENT) {
        var oldest = recent.entrySet().iterator();
        oldest.next();
        oldest.remove();
      }
    }
  }

  /** The point of a multivector that the database does not know, or null. */
  @Nullable PointId recentPoint(long ordinal) {
    synchronized (recent) {
      return recent.get(ordinal);
    }
  }

  /** Opens the index of dense vectors or parts. */
  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  LiveIndex openIndex(ProgressListener loading) throws IOException {
    LiveIndex opened = openForWriting(loading);
    index = opened;
    requireSame(opened);
    return opened;
  }

  /** Opens what searches need beside the index, which agrees with the database now. */
  void openColumns(ProgressListener loading) throws IOException {
    LiveIndex opened = index;
    if (opened != null) {
      openColumns(opened, loading);
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  private void openColumns(LiveIndex opened, ProgressListener loading) throws IOException {
    if (spec.kind() == VectorSpec.Kind.MULTI) {
      long[] last = {store.lastOrdinal(spec.number())};
      opened.forEachId((part, _) -> last[0] = Math.max(last[0], ordinalOf(part)));
      long _ = nextOrdinal.accumulateAndGet(last[0] + 1, Math::max);
      return;
    }
    AttributeColumns made = AttributeColumns.open(directory, opened, store, loading);
    columns = made;
    filterSets = new FilterSets(store, opened, made);
    monitor = options.recallSample() > 0 ? new RecallMonitor(opened, options.recallSample()) : null;
  }

  /** Makes the inverted index of a sparse vector of what the database has. */
  void openSparse(ProgressListener loading) throws IOException {
    SparseIndex made = new SparseIndex(spec.idf());
    sparse = made;
    store.forEachVector(
        spec.number(),
        vector -> {
          PointVector.Sparse terms = vector.terms();
          made.requireRoom(List.of(terms));
          made.put(vector.id(), terms);
          loading.advanced(1);
        });
  }

  /** Throws if database and index are not of one collection. */
  private void requireSame(LiveIndex opened) throws IOException {
    boolean isMulti = spec.kind() == VectorSpec.Kind.MULTI;
    if (spec.dimension() != opened.dimension()
        || spec.metric() != opened.metric()
        || (isMulti ? IdType.INT64 : store.settings().idType()) != opened.idType()) {
      throw new IOException(
          directory
              + ": the database is of vectors of dimension "
              + spec.dimension()
              + ", "
              + spec.metric().label()
              + ", the index of dimension "
              + opened.dimension()
              + ", "
              + opened.metric().label()
              + ", or their ids differ in type: restore a copy of the collection's files");
    }
  }

  /** With named vectors the database, which is durable, must not know more than the index. */
  private int syncMillis() {
    return store.settings().named() ? 0 : options.syncMillis();
  }

  /** Closes an index and opens it again, as its collection has named vectors now. */
  void reopen(ProgressListener loading) throws IOException {
    if (index != null && options.syncMillis() > 0) {
      close();
      LiveIndex _ = openIndex(loading);
      openColumns(loading);
    }
  }

  @MustBeClosed
  private LiveIndex openForWriting(ProgressListener loading) throws IOException {
    int threads = options.searchThreads() + 1; // of which one checks recall
    OpenOptions opening = OpenOptions.defaults().withSearchThreads(threads);
    WriteOptions writing =
        WriteOptions.defaults()
            .withMemoryBytes(options.memoryBytes())
            .withLinkThreads(options.linkThreads())
            .withSyncMillis(syncMillis());
    return LiveIndex.openForWriting(CollectionPaths.index(directory), opening, writing, loading);
  }

  /**
   * The index, which is created with the first vectors; one call at a time.
   *
   * @param type type of the ids
   * @param vectors the first; the codec is trained on them
   */
  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  LiveIndex openOrCreateIndex(IdType type, F32Rows vectors, ProgressListener loading)
      throws IOException {
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
      Directories.make(directory);
      LiveIndex.create(
          CollectionPaths.index(directory),
          sample,
          type,
          BuildOptions.builder().metric(spec.metric()).build());
    }
    LiveIndex created = openForWriting(loading);
    try {
      requireSame(created);
      openColumns(created, loading);
    } catch (Throwable e) {
      created.close();
      throw e;
    }
    index = created; // searches find it complete
    return created;
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

  /** Notes a search of the index, whose recall may be checked; returns whether it will be. */
  boolean searched(float[] query, SearchParameters parameters, @Nullable PointSet set) {
    RecallMonitor present = monitor;
    return present != null && present.searched(query, parameters, set);
  }

  /** Checks a search that was noted; returns whether there was one. */
  boolean checkRecall() throws IOException {
    RecallMonitor present = monitor;
    return present != null && present.check();
  }

  /** Memory that the index takes while it is open. */
  long memoryBytes() {
    LiveIndex present = index;
    AttributeColumns fields = columns;
    SparseIndex terms = sparse;
    try {
      long bytes = terms == null ? 0 : terms.bytes();
      if (present != null) {
        IndexStats figures = present.stats();
        bytes += figures.graphBytes() + figures.codesBytes();
      }
      return bytes + (fields == null ? 0 : fields.bytes());
    } catch (IllegalStateException e) {
      return 0; // it was closed just now
    }
  }

  /** The figures of an open index, without the number of points. */
  CollectionStats stats() throws IOException {
    LiveIndex present = index;
    SparseIndex terms = sparse;
    if (present == null) {
      return terms == null
          ? CollectionStats.NONE
          : CollectionStats.NONE.withTablesBytes(terms.bytes());
    }
    IndexStats figures = present.stats();
    AttributeColumns fields = columns;
    RecallMonitor watched = monitor;
    return new CollectionStats(
        0,
        figures.slots(),
        figures.unlinked(),
        figures.unlinkedLimit(),
        figures.graphBytes(),
        figures.codesBytes(),
        figures.tablesBytes(),
        fields == null ? 0 : fields.bytes(),
        figures.logBytes(),
        0,
        figures.logSyncs(),
        figures.logSyncNanos(),
        watched == null ? RecallFigures.NONE : RecallFigures.of(watched));
  }

  /** Closes the index with a checkpoint. */
  void close() throws IOException {
    LiveIndex openIndex = index;
    AttributeColumns openColumns = columns;
    SparseIndex openSparse = sparse;
    index = null;
    filterSets = null;
    monitor = null;
    columns = null;
    sparse = null;
    if (openSparse != null) {
      openSparse.close();
    }
    try (openColumns) {
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
      closing.save(directory, IndexInfo.read(CollectionPaths.index(directory)));
    } catch (IOException | BadInputException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "the columns of indexed fields in " + directory + " were not saved",
          e);
    }
  }
}
