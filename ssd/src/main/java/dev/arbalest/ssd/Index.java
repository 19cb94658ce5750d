package dev.arbalest.ssd;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.cache.VectorCache;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.Metric;
import dev.arbalest.natives.Ring;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.Codec;
import dev.arbalest.vamana.Graph;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * An open index. Graph and codes are in memory, full vectors stay in their file and are read as
 * queries need them.
 *
 * <p>Searches may run in any number of threads. {@link #close} waits for those under way; later
 * ones are refused. Memory and files belong to the index and are freed by {@link #close}.
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

  private @Nullable CacheWarmup cacheWarmup;
  private boolean closed;

  private Index(
      IndexLoader.Loaded loaded,
      OpenOptions options,
      ReaderKind reader,
      String readerNote,
      @Nullable VectorCache cache,
      @Nullable FileMapping mapping) {
    this.loaded = loaded;
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
  private static Index assemble(IndexLoader.Loaded loaded, OpenOptions options) throws IOException {
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
      return new Index(loaded, options, reader, note, cache, mapping);
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
    return IndexBuilder.build(directory, input, options, listener);
  }

  /** Opens an index with default options. */
  @MustBeClosed
  public static Index open(Path directory) throws IOException {
    return open(directory, OpenOptions.defaults(), ProgressListener.NONE);
  }

  /**
   * Opens an index: loads graph and codes, checking every byte of them.
   *
   * @throws BadInputException if the directory does not exist or holds no index
   * @throws CorruptIndexException if a file is damaged, torn, foreign or of another version
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static Index open(Path directory, OpenOptions options, ProgressListener listener)
      throws IOException {
    try (Workers workers = Workers.start(options.loadThreads());
        SearchWarmup warmUp = new SearchWarmup()) {
      IndexLoader.Loaded loaded = IndexLoader.load(directory, warmUp::start, workers, listener);
      Index index;
      try {
        index = assemble(loaded, options);
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
   *     or norm 0 under cosine, or if k exceeds the number of vectors
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

  /**
   * As if the index did not hold the vector of a node.
   *
   * @param excluded that node, not the entry point, or {@link SearchContext#NO_NODE}
   */
  void search(float[] query, SearchParameters parameters, int excluded, SearchResult result)
      throws IOException {
    if (query.length != dimension()) {
      throw new BadInputException(
          "query has dimension " + query.length + ", the index " + dimension());
    }
    if (parameters.k() > count()) {
      throw new BadInputException(
          "k = " + parameters.k() + " exceeds the " + count() + " vectors of the index");
    }
    if (parameters.prefix() > dimension()) {
      throw new BadInputException(
          "--dimensions " + parameters.prefix() + " is longer than the index's " + dimension());
    }
    SearchContext context = contexts.acquire();
    try {
      context.search(query, parameters, excluded, result);
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
        RecallCurve.read(loaded.directory(), manifest().generation())
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

  /** The full vectors, to go through from front to back. */
  @MustBeClosed
  StoredRows storedRows() throws IOException {
    return new StoredRows(loaded.vectors(), geometry);
  }

  /** Number of vectors. */
  public int count() {
    return loaded.manifest().count();
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
    return loaded.graph().segment().byteSize();
  }

  /** Memory the codes take. */
  public long codesBytes() {
    return loaded.codes().byteSize();
  }

  /** Memory the vector cache takes. */
  public long cacheBytes() {
    return cache == null ? 0 : cache.byteSize();
  }

  /** The graph, to look at: it must not be changed, and is gone when this is closed. */
  public Graph graph() {
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

  long externalId(int node) {
    return loaded.ids().segment().getAtIndex(FileHeader.LONG, node);
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
    closed = true;
    @Nullable CacheWarmup warmUp = cacheWarmup;
    if (warmUp != null) {
      warmUp.close();
    }
    try (loaded;
        VectorCache _ = cache;
        FileMapping _ = mapping;
        ExecutorService _ = preadPool;
        slabs) {
      contexts.close();
    }
  }

  /** Memory that external ids and slot checksums take. */
  public long tablesBytes() {
    return loaded.ids().byteSize() + loaded.sums().byteSize();
  }
}
