package dev.arbalest.ssd;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.cache.VectorCache;
import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.Metric;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Ring;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.Codec;
import dev.arbalest.vamana.Graph;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * An open index. Graph and codes are in memory, full vectors stay in their file and are read as
 * queries need them.
 *
 * <p>Searches may run in any number of threads. {@link #close} waits for those under way; later
 * ones are refused. Memory and files belong to the index and are freed by {@link #close}.
 *
 * <p>An index that was opened by {@link #openForWriting} takes inserts and deletes from any number
 * of threads, too. What those do is visible to every search that begins after they return, and as a
 * whole: a search sees all of a batch or nothing (a quarter of {@link #unlinkedLimit} vectors;
 * larger batches are cut). Searches never wait for writes. Closing loses nothing, nor does a crash
 * of what a call has returned for.
 */
public final class Index implements AutoCloseable {
  private final IndexLoader.Loaded loaded;
  private final VectorFile geometry;
  private final ReaderKind reader;
  private final SearchContextPool contexts;
  private final @Nullable VectorCache cache;
  private final @Nullable FileMapping mapping;
  private final @Nullable ExecutorService preadPool;
  private final String readerNote;

  /** Where search contexts have their buffers and tables. */
  private final SlabPool slabs = new SlabPool();

  private final DirectoryLock lock;
  private final ReaderPhaser phaser = new ReaderPhaser();
  private @Nullable CacheWarmup cacheWarmup;
  private static final int MOST_READ_AMONG = 4096;

  private @Nullable WriteSession session;
  private volatile boolean closed;

  private Index(
      IndexLoader.Loaded loaded,
      DirectoryLock lock,
      OpenOptions options,
      ReaderKind reader,
      String readerNote,
      @Nullable VectorCache cache,
      @Nullable FileMapping mapping) {
    this.loaded = loaded;
    this.lock = lock;
    this.geometry = new VectorFile(loaded.manifest().dimension(), loaded.manifest().storage());
    this.reader = reader;
    this.readerNote = readerNote;
    this.cache = cache;
    this.mapping = mapping;
    this.preadPool = reader == ReaderKind.PREAD ? SlotReaders.newPreadPool() : null;
    this.contexts = new SearchContextPool(options.searchThreads(), this::newContext);
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by the index, or closed on failure
  private static Index assemble(IndexLoader.Loaded loaded, DirectoryLock lock, OpenOptions options)
      throws IOException {
    ReaderKind reader = options.reader();
    String note = "";
    if (reader == ReaderKind.AUTO) {
      String refusal = ringRefusal();
      reader = refusal.isEmpty() ? ReaderKind.URING : ReaderKind.PREAD;
      note = refusal.isEmpty() ? "" : "vectors are read with pread instead of io_uring: " + refusal;
    }
    VectorCache cache = null;
    FileMapping mapping = null;
    try {
      if (options.cacheBytes() > 0) {
        Manifest manifest = loaded.manifest();
        int slotBytes = new VectorFile(manifest.dimension(), manifest.storage()).slotBytes();
        cache = new VectorCache(options.cacheBytes(), slotBytes);
      }
      if (reader == ReaderKind.MMAP) {
        mapping = FileMapping.of(loaded.vectors());
        mapping.adviseRandom();
      }
      return new Index(loaded, lock, options, reader, note, cache, mapping);
    } catch (Throwable e) {
      try (VectorCache _ = cache;
          FileMapping _ = mapping) {
        throw e;
      }
    }
  }

  /** Why io_uring cannot be used here, or the empty string. */
  static String ringRefusal() {
    try (Ring ring = Ring.open(1, Ring.Sharing.ANY_THREAD)) {
      assert ring.capacity() >= 1;
      return "";
    } catch (IOException e) {
      return String.valueOf(e.getMessage());
    }
  }

  /**
   * Builds an index from a file of vectors into a directory, which is created if need be. An index
   * that is there already is replaced when, and only when, the new one is complete.
   *
   * @throws BadInputException if a vector or an option cannot be used
   * @throws dev.arbalest.cache.MemoryBudgetExceededException if the budget is too small
   * @throws IOException if files cannot be written, or another process writes to the directory;
   *     nothing half-written remains
   */
  public static BuildReport build(
      Path directory, VectorInput input, BuildOptions options, ProgressListener listener)
      throws IOException {
    return IndexBuilder.build(
        directory, input, Ids.range(0, input.rows().count()), options, listener);
  }

  /**
   * The same with ids for the vectors, which else are known by their row numbers.
   *
   * @param ids as many as vectors, each once
   * @throws BadInputException also if there are fewer or more ids, or one is there twice
   */
  public static BuildReport build(
      Path directory, VectorInput input, Ids ids, BuildOptions options, ProgressListener listener)
      throws IOException {
    return IndexBuilder.build(directory, input, ids, options, listener);
  }

  /**
   * Makes an index that holds nothing yet, to be opened by {@link #openForWriting}.
   *
   * @param directory new or empty
   * @param sample vectors like those to come, at least one; the codec is trained on them, nothing
   *     else is done with them
   * @param idType what vectors will be known by
   * @param options metric, storage, codec, its dimensions and the graph's parameters count
   * @throws BadInputException if a vector or an option cannot be used, or an index is there already
   * @throws IOException if files cannot be written; nothing half-written remains
   */
  public static void create(Path directory, F32Rows sample, IdType idType, BuildOptions options)
      throws IOException {
    EmptyIndex.create(directory, sample, idType, options);
  }

  /** Opens an index with default options. */
  @MustBeClosed
  public static Index open(Path directory) throws IOException {
    return open(directory, OpenOptions.defaults(), ProgressListener.NONE);
  }

  /**
   * Opens an index to be searched: loads graph and codes, checking every byte of them. One that was
   * written to and not closed is recovered first.
   *
   * @throws BadInputException if the directory does not exist or holds no index
   * @throws CorruptIndexException if a file is damaged, torn, foreign or of another version
   * @throws IOException if it is open for writing, or a file cannot be read
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static Index open(Path directory, OpenOptions options, ProgressListener listener)
      throws IOException {
    recoverIfNeeded(directory, listener);
    DirectoryLock lock = DirectoryLock.take(directory, DirectoryLock.Use.READ);
    try (Workers workers = Workers.start(options.loadThreads());
        SearchWarmup warmUp = new SearchWarmup()) {
      IndexLoader.Loaded loaded = IndexLoader.load(directory, warmUp::start, workers, listener);
      Index index;
      try {
        index = assemble(loaded, lock, options);
      } catch (Throwable e) {
        loaded.close();
        throw e;
      }
      try {
        index.startCacheWarmup();
      } catch (Throwable e) {
        index.close();
        throw e;
      }
      warmUp.await(options.warmUpMillis());
      return index;
    } catch (Throwable e) {
      try (lock) {
        throw e;
      }
    }
  }

  /** Opens and closes an index that was not closed. */
  static void recoverIfNeeded(Path directory, ProgressListener listener) throws IOException {
    if (!IndexLoader.readManifest(directory).checkpoint().clean()) {
      listener.note(directory + " was not closed: recovering what was written to it");
      recover(directory, listener);
    }
  }

  /** Opens and closes an index. */
  static void recover(Path directory, ProgressListener listener) throws IOException {
    try (Index recovered =
        openForWriting(directory, OpenOptions.defaults(), WriteOptions.defaults(), listener)) {
      recovered.awaitLinked();
    }
  }

  /**
   * Opens an index to be searched and written to. What was written before a crash is recovered from
   * the log, with progress as stage {@code recover}.
   *
   * @throws BadInputException if the directory does not exist or holds no index, or if vectors are
   *     to be read by {@code mmap}, which files that change do not allow
   * @throws dev.arbalest.cache.MemoryBudgetExceededException if the budget has no room for it
   * @throws CorruptIndexException if a file is damaged, torn, foreign or of another version
   * @throws IOException if it is open elsewhere, or a file cannot be read or written
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static Index openForWriting(
      Path directory, OpenOptions options, WriteOptions writing, ProgressListener listener)
      throws IOException {
    if (options.reader() == ReaderKind.MMAP) {
      throw new BadInputException(
          "an index that is written to cannot be read by mmap; use auto, uring or pread");
    }
    IndexDirectory held = IndexDirectory.openForUpdate(directory);
    try (Workers workers = Workers.start(options.loadThreads());
        SearchWarmup warmUp = new SearchWarmup()) {
      Manifest manifest = held.committed().orElseThrow();
      LiveSizing sizing = new LiveSizing(writing.memoryBytes());
      IndexLoader.Loaded loaded =
          IndexLoader.load(directory, sizing, warmUp::start, workers, listener);
      Index index;
      try {
        if (!manifest.checkpoint().clean()) {
          loaded.graph().tidy();
        }
        index = assemble(loaded, held.lock(), options);
      } catch (Throwable e) {
        loaded.close();
        throw e;
      }
      try {
        if (manifest.checkpoint().clean()) {
          // From here on files are changed: whoever opens them next must look into the log.
          held.commitCheckpoint(manifest.with(manifest.files(), false));
        }
        index.startCacheWarmup();
        MemoryGauge gauge = new MemoryGauge(writing.memoryBytes(), sizing.bytesPerNode());
        index.session =
            WriteSession.open(
                held, loaded, writing, index.phaser, gauge, index.cache, index.slabs, listener);
      } catch (Throwable e) {
        index.close();
        throw e;
      }
      warmUp.await(options.warmUpMillis());
      return index;
    } catch (Throwable e) {
      try (held) {
        throw e;
      }
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // handed to the warm-up, or closed on failure
  private void startCacheWarmup() throws IOException {
    if (cache == null) {
      return;
    }
    SlabPool.Lease memory = slabs.lease();
    try {
      SlotReader slots =
          SlotReaders.open(reader, loaded.vectors(), geometry, mapping, preadPool, memory);
      cacheWarmup = new CacheWarmup(this, cache, slots, memory);
      cacheWarmup.start();
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  /** What fills the cache, if there is one. */
  @Nullable CacheWarmup cacheWarmup() {
    return cacheWarmup;
  }

  /**
   * Finds the nearest neighbours of a query.
   *
   * @param query {@link #dimension} finite components
   * @throws BadInputException if the query has another dimension, a component that is not finite,
   *     or norm 0 under cosine, or if k exceeds the number of vectors of an index that is open for
   *     reading; one that is written to gives as many as there are
   * @throws CorruptIndexException if a vector read is not what was written
   * @throws IOException if the device fails
   */
  public SearchResult search(float[] query, SearchParameters parameters) throws IOException {
    SearchResult result = new SearchResult();
    search(query, parameters, result);
    return result;
  }

  /** As {@link #search(float[], SearchParameters)}, into a result that is reused. */
  public void search(float[] query, SearchParameters parameters, SearchResult result)
      throws IOException {
    search(query, parameters, SearchContext.NO_NODE, result);
  }

  /** Says which vectors may be found. */
  @FunctionalInterface
  public interface IdFilter {
    /**
     * Whether one may be found.
     *
     * @param id its id, without meaning if ids are text
     * @param text its id, null if ids are numbers
     */
    boolean accepts(long id, @Nullable String text);
  }

  /**
   * Finds the nearest neighbours that a filter accepts among the L candidates a walk ends with:
   * fewer than k if fewer of those are accepted, which a longer list or {@link #searchAmong} may
   * mend. The filter is asked about candidates only.
   */
  public void search(
      float[] query, SearchParameters parameters, IdFilter filter, SearchResult result)
      throws IOException {
    IntPredicate accepted = node -> filter.accepts(numberOf(node), textOf(node));
    run(
        query,
        parameters,
        context -> context.search(query, parameters, SearchContext.NO_NODE, accepted, result));
  }

  /**
   * Finds the nearest neighbours among some vectors of an index opened for writing: all of them are
   * scored by their codes, and of the nearest some thousands as many read as the answer needs.
   *
   * @param ids of the index's type; those that are not there are passed over
   */
  public void searchAmong(float[] query, SearchParameters parameters, Ids ids, SearchResult result)
      throws IOException {
    IndexWriter writer = session().writer();
    run(
        query,
        parameters,
        context -> {
          int[] nodes = new int[ids.size()];
          long[] moment = new long[1];
          int count = writer.findAll(ids, nodes, moment);
          int most = Math.max(Math.min(count, MOST_READ_AMONG), parameters.k());
          SearchParameters all =
              new SearchParameters(parameters.k(), most, most, 0, parameters.confidence());
          context.searchAmong(query, all, nodes, count, moment[0], result);
        });
  }

  /**
   * As if the index did not hold the vector of a node.
   *
   * @param excluded that node, not the entry point, or {@link SearchContext#NO_NODE}
   */
  void search(float[] query, SearchParameters parameters, int excluded, SearchResult result)
      throws IOException {
    run(query, parameters, context -> context.search(query, parameters, excluded, null, result));
  }

  /** What is done with a search context. */
  @FunctionalInterface
  private interface Searching {
    void search(SearchContext context) throws IOException;
  }

  private void run(float[] query, SearchParameters parameters, Searching searching)
      throws IOException {
    requireOpen();
    if (query.length != dimension()) {
      throw new BadInputException(
          "query has dimension " + query.length + ", the index " + dimension());
    }
    if (parameters.k() > count() && session == null) {
      throw new BadInputException(
          "k = " + parameters.k() + " exceeds the " + count() + " vectors of the index");
    }
    if (parameters.prefix() > dimension()) {
      throw new BadInputException(
          "--dimensions " + parameters.prefix() + " is longer than the index's " + dimension());
    }
    SearchContext context = contexts.acquire();
    long phase = phaser.enter();
    try {
      try {
        searching.search(context);
      } finally {
        phaser.exit(phase);
      }
    } catch (BadInputException e) {
      contexts.release(context);
      throw e;
    } catch (Throwable e) {
      contexts.discard(context, e);
      throw e;
    }
    contexts.release(context);
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the pool
  private SearchContext newContext() throws IOException {
    SlabPool.Lease memory = slabs.lease();
    try {
      SlotReader slots =
          SlotReaders.open(reader, loaded.vectors(), geometry, mapping, preadPool, memory);
      return new SearchContext(this, slots, memory);
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  /**
   * Search parameters that reached a recall when the index was tuned ({@link Tuner}).
   *
   * @param k neighbours wanted
   * @param recall wanted, in (0, 1]
   * @throws BadInputException if the index was not tuned for {@code k} or did not reach it
   * @throws CorruptIndexException if what tuning stored is damaged
   */
  public SearchParameters parametersFor(int k, double recall) throws IOException {
    RecallCurve curve =
        RecallCurve.read(loaded.directory(), manifest().checkpoint().base())
            .orElseThrow(() ->
                new BadInputException(
                    loaded.directory()
                        + " was not tuned since it was built; run 'tune --index' first"));
    if (curve.k() != k) {
      throw new BadInputException(
          loaded.directory() + " was tuned for k = " + curve.k() + "; run 'tune --k " + k + "'");
    }
    return curve.parameters(recall);
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the index is closed");
    }
  }

  /** Keeps memory and files from being freed until {@link ReaderPhaser#exit}. */
  private long enter() {
    long phase = phaser.enter();
    if (closed) {
      phaser.exit(phase);
      requireOpen();
    }
    return phase;
  }

  private WriteSession session() {
    requireOpen();
    WriteSession present = session;
    if (present == null) {
      throw new IllegalStateException(
          loaded.directory() + " is open for reading; writes need Index.openForWriting");
    }
    return present;
  }

  /**
   * Inserts vectors, in place of those that have the same ids. When this returns they are found by
   * searches and durable as {@link WriteOptions#syncMillis} says. It waits while many are being
   * inserted, and the longer the less memory is left; {@link WriteReceipt#delayNanos} tells.
   *
   * <p>Should this fail after vectors were checked, some may have been inserted and, unless the
   * failure was a refusal, may or may not be there after a crash. It can be called again with the
   * same.
   *
   * @param ids as many as vectors, of the index's type; if one is there twice the last counts
   * @param vectors of the index's dimension, finite; read during the call
   * @throws BadInputException naming the row if one cannot be indexed; nothing is inserted
   * @throws WriteRefusedException if the memory budget has no room for all; nothing is inserted
   * @throws IOException if the disk fails or is full
   */
  public WriteReceipt insert(Ids ids, F32Rows vectors) throws IOException {
    return session().insert(ids, vectors);
  }

  /**
   * Throws what {@link #insert} would of ids and vectors that cannot be inserted, or if there is no
   * memory for them now.
   */
  public void requireInsertable(Ids ids, F32Rows vectors) throws IOException {
    session().writer().requireInsertable(ids, vectors);
  }

  /** Why a row of vectors cannot be indexed under a metric, or the empty string. */
  public static String problemOf(F32Rows vectors, int row, Metric metric) {
    try {
      double _ = RowCheck.norm(vectors, row, metric, "insert");
      return "";
    } catch (BadInputException e) {
      return String.valueOf(e.getMessage());
    }
  }

  /** As {@link #insert(Ids, F32Rows)}. */
  public WriteReceipt insert(Ids ids, float[]... vectors) throws IOException {
    for (float[] vector : vectors) {
      if (vector.length != dimension()) {
        throw new BadInputException(
            "a vector has dimension " + vector.length + ", the index " + dimension());
      }
    }
    if (vectors.length == 0) {
      return new WriteReceipt(0, 0, 0);
    }
    long rowBytes = 4L * dimension();
    try (NativeMemory memory = NativeMemory.allocate(rowBytes * vectors.length)) {
      for (int i = 0; i < vectors.length; i++) {
        MemorySegment.copy(
            vectors[i], 0, memory.segment(), F32Rows.FLOAT, rowBytes * i, dimension());
      }
      return insert(ids, new F32Rows(memory.segment(), 0, rowBytes, vectors.length, dimension()));
    }
  }

  /**
   * Deletes vectors by their ids; those that are not there are passed over. No search that begins
   * after this returns finds them, and they do not come back after a crash.
   *
   * @throws BadInputException if ids are of another type than the index's
   * @throws IOException if the disk fails or is full
   */
  public WriteReceipt delete(Ids ids) throws IOException {
    return session().delete(ids);
  }

  /**
   * Writes the present state down, so that recovery begins from here. Happens by itself on closing
   * and whenever the log has grown by as much as the checkpoint will have, at the latest by {@link
   * WriteOptions#checkpointBytes}.
   */
  public void checkpoint() throws IOException {
    session().checkpoint();
  }

  /**
   * Gives back the room of what was deleted, until the vector file is as long as its vectors need.
   * Happens by itself when more than an eighth of the slots are free.
   */
  public void compact(ProgressListener listener) throws IOException {
    session().compact(listener);
  }

  /**
   * Has a compaction under way end soon with what it has done so far: for who must wait for its end
   * before {@link #close}, which must follow. No other begins, and no checkpoint is made any more
   * until then.
   */
  public void prepareClose() {
    WriteSession present = session;
    if (present != null) {
      present.prepareClose();
    }
  }

  /** Whether writes are possible: an error behind a step on disk ends them until it is reopened. */
  public boolean isWritable() {
    return session().writer().failure() == null;
  }

  /** Whether inserts are being slowed down because memory is short. */
  public boolean isMemoryShort() {
    return session().writer().isMemoryShort();
  }

  /** Waits until all that was inserted is in the graph and what was deleted has left it. */
  public void awaitLinked() throws IOException {
    session().writer().awaitLinked();
  }

  /** Whether a vector is there under the {@code i}-th of some ids. */
  public boolean contains(Ids ids, int i) {
    long phase = enter();
    try {
      return session().writer().find(ids, i) != IdMap.NONE;
    } finally {
      phaser.exit(phase);
    }
  }

  /**
   * The vector under the {@code i}-th of some ids as it is stored (of unit norm for cosine), or
   * null if there is none.
   *
   * @throws CorruptIndexException if it is not what was written
   * @throws IOException if the device fails
   */
  public float @Nullable [] vector(Ids ids, int i) throws IOException {
    long phase = enter();
    try {
      return session().vector(ids, i);
    } finally {
      phaser.exit(phase);
    }
  }

  /** Takes vectors with their ids. */
  @FunctionalInterface
  public interface VectorVisitor {
    /** Takes one; the array is used again. */
    void visit(String id, float[] vector) throws IOException;
  }

  /**
   * Goes through all vectors of an index that is open for reading, in the order of their slots.
   *
   * @throws CorruptIndexException if one is not what was written
   */
  public void forEachVector(VectorVisitor visitor) throws IOException {
    if (session != null) {
      throw new IllegalStateException(loaded.directory() + " is open for writing");
    }
    float[] vector = new float[dimension()];
    int slots = slots();
    long phase = enter();
    try (StoredRows rows = storedRows()) {
      for (int from = 0; from < slots; from += StoredRows.BLOCK) {
        int to = Math.min(slots, from + StoredRows.BLOCK);
        try (StoredRows.Block block = rows.block(from, to)) {
          for (int slot = from; slot < to; slot++) {
            if (!isDead(slot)) {
              checkSum(slot, rows.checksum(slot));
              long offset = block.offsets()[slot - from];
              MemorySegment.copy(block.memory(), F32Rows.FLOAT, offset, vector, 0, vector.length);
              visitor.visit(loaded.ids().text(slot), vector);
            }
          }
        }
      }
    } finally {
      phaser.exit(phase);
    }
  }

  /** Takes ids. */
  @FunctionalInterface
  public interface IdVisitor {
    /**
     * Takes one.
     *
     * @param id number, without meaning if ids are text
     * @param text null if ids are numbers
     */
    void visit(long id, @Nullable String text) throws IOException;
  }

  /** Goes through the ids of all vectors, while nothing is inserted or deleted. */
  public void forEachId(IdVisitor visitor) throws IOException {
    long phase = enter();
    try {
      int slots = slots();
      for (int node = 0; node < slots; node++) {
        if (!isDead(node)) {
          visitor.visit(numberOf(node), textOf(node));
        }
      }
    } finally {
      phaser.exit(phase);
    }
  }

  /** What vectors are known by. */
  public IdType idType() {
    return loaded.ids().type();
  }

  /** Bytes of log that would have to be replayed after a crash; 0 when open for reading. */
  public long logBytes() {
    requireOpen();
    WriteSession present = session;
    return present == null ? 0 : present.logBytes();
  }

  /** Times the log was made durable since the index was opened; 0 when open for reading. */
  public long logSyncs() {
    requireOpen();
    WriteSession present = session;
    return present == null ? 0 : present.log().syncs();
  }

  /** Nanoseconds that took. */
  public long logSyncNanos() {
    requireOpen();
    WriteSession present = session;
    return present == null ? 0 : present.log().syncNanos();
  }

  /** What was inserted and is not in the graph yet; 0 when open for reading. */
  public int unlinked() {
    requireOpen();
    Tail present = tail();
    return present == null ? 0 : present.pending();
  }

  /** Most that can be unlinked at a time; 0 when open for reading. */
  public int unlinkedLimit() {
    requireOpen();
    Tail present = tail();
    return present == null ? 0 : present.capacity();
  }

  /** Slots of the vector file, used or free. */
  public int slots() {
    requireOpen();
    return loaded.graph().nodeCount();
  }

  @Nullable Tail tail() {
    WriteSession present = session;
    return present == null ? null : present.tail();
  }

  ReaderPhaser phaser() {
    return phaser;
  }

  /** Whether a search that sees operations up to one sees the vector of a node. */
  boolean isVisible(int node, int operation) {
    int death = loaded.deaths().segment().getAtIndex(FileHeader.INT, node);
    return death == 0 || death - operation > 0;
  }

  /** Adds a node to a result. */
  void addTo(SearchResult result, int node, float distance) {
    result.add(numberOf(node), textOf(node), distance);
  }

  private long numberOf(int node) {
    return loaded.ids().type() == IdType.UTF8 ? 0 : loaded.ids().number(node);
  }

  private @Nullable String textOf(int node) {
    return loaded.ids().type() == IdType.UTF8 ? loaded.ids().text(node) : null;
  }

  /** Whether a result has a node's vector at a rank. */
  boolean isAt(SearchResult result, int rank, int node) {
    return loaded.ids().type() == IdType.UTF8
        ? loaded.ids().text(node).equals(result.text(rank))
        : loaded.ids().number(node) == result.id(rank);
  }

  /** Whether a node holds no vector. */
  boolean isDead(int node) {
    return loaded.isDead(node);
  }

  /** The full vectors, to go through from front to back. */
  @MustBeClosed
  StoredRows storedRows() throws IOException {
    return new StoredRows(loaded.vectors(), geometry);
  }

  /** Number of vectors. */
  public int count() {
    requireOpen();
    WriteSession present = session;
    return present == null ? loaded.manifest().live() : present.writer().live();
  }

  /** Components per vector. */
  public int dimension() {
    return loaded.manifest().dimension();
  }

  /** Distance. */
  public Metric metric() {
    return loaded.manifest().metric();
  }

  /** What the index consists of. */
  public Manifest manifest() {
    return loaded.manifest();
  }

  /** The reader in use, never {@link ReaderKind#AUTO}. */
  public ReaderKind reader() {
    return reader;
  }

  /** Why {@code auto} chose another reader than io_uring, or the empty string. */
  public String readerNote() {
    return readerNote;
  }

  /** Memory the graph takes. */
  public long graphBytes() {
    requireOpen();
    return loaded.graph().segment().byteSize();
  }

  /** Memory the codes take. */
  public long codesBytes() {
    requireOpen();
    return (long) loaded.graph().nodeCount() * loaded.codec().codeBytes();
  }

  /** Memory the vector cache takes. */
  public long cacheBytes() {
    requireOpen();
    return cache == null ? 0 : cache.byteSize();
  }

  /** The graph, to look at: it must not be changed, and is gone when this is closed. */
  public Graph graph() {
    requireOpen();
    return loaded.graph();
  }

  Codec codec() {
    return loaded.codec();
  }

  MemorySegment codes() {
    return loaded.codes().segment();
  }

  VectorFile geometry() {
    return geometry;
  }

  @Nullable VectorCache cache() {
    return cache;
  }

  void checkSum(int slot, int found) throws CorruptIndexException {
    loaded.checkSum(slot, found);
  }

  /** Waits for searches under way, then frees memory and files. A second close does nothing. */
  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    @Nullable CacheWarmup warmUp = cacheWarmup;
    if (warmUp != null) {
      warmUp.close();
    }
    closed = true;
    try (lock;
        loaded;
        VectorCache _ = cache;
        FileMapping _ = mapping;
        ExecutorService _ = preadPool;
        slabs;
        WriteSession _ = session) {
      contexts.close();
      phaser.flip(); // calls that read ids or vectors
    }
  }

  /** Memory that external ids and slot checksums take. */
  public long tablesBytes() {
    requireOpen();
    return loaded.ids().byteSize(slots()) + 4L * slots();
  }
}
