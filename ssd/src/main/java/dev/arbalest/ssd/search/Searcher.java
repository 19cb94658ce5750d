// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.OpenOptions;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.SearchParameters;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.cache.VectorCache;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.Ring;
import dev.arbalest.ssd.read.SlotReader;
import dev.arbalest.ssd.read.SlotReaders;
import dev.arbalest.ssd.store.DirectoryLock;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.vamana.CandidateList;
import java.io.IOException;
import java.util.concurrent.ExecutorService;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs searches of a loaded index in any number of threads. Owns the loaded index, its lock, the
 * vector cache, readers and search memory; {@link #close} frees them.
 */
public final class Searcher implements AutoCloseable {
  private final LoadedIndex loaded;
  private final DirectoryLock lock;
  private final ReaderKind reader;
  private final String readerNote;
  private final SearchContextPool contexts;
  private final @Nullable VectorCache cache;
  private final @Nullable FileMapping mapping;
  private final @Nullable ExecutorService preadPool;

  /** Buffers and tables of search contexts. */
  private final SlabPool slabs = new SlabPool();

  private final ReaderPhaser phaser = new ReaderPhaser();
  private @Nullable CacheWarmup cacheWarmup;
  private @Nullable UnlinkedRows unlinked;
  private IntSupplier live;
  private volatile @Nullable SetPlanner planner;
  private volatile ScanPolicy scanPolicy = ScanPolicy.IF_SMALL;
  private volatile double listFactor = 1;
  private volatile double confidence = SearchParameters.DEFAULT_CONFIDENCE;
  private volatile boolean closed;

  private Searcher(
      LoadedIndex loaded,
      DirectoryLock lock,
      OpenOptions options,
      ReaderKind reader,
      String readerNote,
      @Nullable VectorCache cache,
      @Nullable FileMapping mapping) {
    this.loaded = loaded;
    this.lock = lock;
    this.reader = reader;
    this.readerNote = readerNote;
    this.cache = cache;
    this.mapping = mapping;
    this.preadPool = reader == ReaderKind.PREAD ? SlotReaders.newPreadPool() : null;
    this.live = () -> loaded.manifest().live();
    this.contexts = new SearchContextPool(options.searchThreads(), this::newContext);
  }

  /** Makes a searcher that owns the index and the lock, unless it fails. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by the searcher, or closed on failure
  public static Searcher of(LoadedIndex loaded, DirectoryLock lock, OpenOptions options)
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
        cache = new VectorCache(options.cacheBytes(), loaded.geometry().slotBytes());
      }
      if (reader == ReaderKind.MMAP) {
        mapping = FileMapping.of(loaded.vectors());
        mapping.adviseRandom();
      }
      return new Searcher(loaded, lock, options, reader, note, cache, mapping);
    } catch (Throwable e) {
      try (VectorCache _ = cache;
          FileMapping _ = mapping) {
        throw e;
      }
    }
  }

  /** Why io_uring cannot be used here, or the empty string. */
  public static String ringRefusal() {
    try (Ring ring = Ring.open(1, Ring.Sharing.ANY_THREAD)) {
      assert ring.capacity() >= 1;
      return "";
    } catch (IOException e) {
      return String.valueOf(e.getMessage());
    }
  }

  /**
   * Lets searches see what a writer adds. To be called before the first search.
   *
   * @param rows rows that are not in the graph yet
   * @param count how many vectors there are now
   */
  public void follow(UnlinkedRows rows, IntSupplier count) {
    unlinked = rows;
    live = count;
  }

  /** Starts to fill the cache, if there is one. */
  @SuppressWarnings("MustBeClosedChecker") // handed to the warm-up, or closed on failure
  public void startCacheWarmup() throws IOException {
    @Nullable VectorCache present = cache;
    if (present == null) {
      return;
    }
    SlabPool.Lease memory = slabs.lease();
    try {
      CacheWarmup warmup = new CacheWarmup(loaded, phaser, present, newReader(memory), memory);
      cacheWarmup = warmup;
      warmup.start();
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  /** The thread that fills the cache, null if there is no cache. */
  public @Nullable CacheWarmup cacheWarmup() {
    return cacheWarmup;
  }

  /**
   * Finds the nearest neighbours within a set. Waits as {@link #run} does.
   *
   * @param answer given the nearest nodes
   */
  public void runWithin(
      float[] query, SearchParameters parameters, TrackedSet set, SetAnswer answer)
      throws IOException {
    runWithin(query, parameters, set, planner(), answer);
  }

  /** The same by comparing all codes of the set. */
  public void scanWithin(
      float[] query, SearchParameters parameters, TrackedSet set, SetAnswer answer)
      throws IOException {
    runWithin(query, parameters, set, SetPlanner.alwaysScan(), answer);
  }

  private void runWithin(
      float[] query,
      SearchParameters parameters,
      TrackedSet set,
      SetPlanner planning,
      SetAnswer answer)
      throws IOException {
    run(
        query,
        parameters,
        context -> answer.take(context.searchSet(query, parameters, set, planning), context));
  }

  /** Takes the nearest nodes of a search, nearest first. */
  @FunctionalInterface
  public interface SetAnswer {
    void take(CandidateList nearest, SearchContext context);
  }

  /** How much longer lists are that no caller chose. */
  public double listFactor() {
    return listFactor;
  }

  /** Makes lists that no caller chose longer. */
  public void lengthen(double factor) {
    listFactor = factor;
  }

  /** Confidence that searches read with whose caller chose none. */
  public double confidence() {
    return confidence;
  }

  /** Changes the confidence of searches whose caller chose none. */
  public void readWith(double newConfidence) {
    confidence = newConfidence;
  }

  /** When searches of the whole index scan it. */
  public ScanPolicy scanPolicy() {
    return scanPolicy;
  }

  /** Changes when searches of the whole index scan it. */
  public void scan(ScanPolicy policy) {
    scanPolicy = policy;
  }

  /** Has searches within sets plan by other figures than this machine's. */
  void usePlanner(SetPlanner other) {
    planner = other;
  }

  private SetPlanner planner() {
    SetPlanner present = planner;
    if (present == null) {
      long phase = enter();
      try {
        present = new SetPlanner(CodeTimes.measure(loaded, slabs));
      } finally {
        phaser.exit(phase);
      }
      planner = present; // of several threads the last one stays
    }
    return present;
  }

  /** A search, given a context for its duration. */
  @FunctionalInterface
  public interface Search {
    void run(SearchContext context) throws IOException;
  }

  /**
   * Runs a search. Waits while as many run as there are contexts.
   *
   * @throws BadInputException if the query or the parameters do not fit the index
   */
  public void run(float[] query, SearchParameters parameters, Search search) throws IOException {
    requireOpen();
    int dimension = loaded.manifest().dimension();
    if (query.length != dimension) {
      throw new BadInputException(
          "query has dimension " + query.length + ", the index " + dimension);
    }
    int count = live.getAsInt();
    if (parameters.k() > count && unlinked == null) {
      throw new BadInputException(
          "k = " + parameters.k() + " exceeds the " + count + " vectors of the index");
    }
    if (parameters.prefixDimension() > dimension) {
      throw new BadInputException(
          "prefix "
              + parameters.prefixDimension()
              + " is longer than the index's dimension "
              + dimension);
    }
    SearchContext context = contexts.acquire();
    long phase = phaser.enter();
    try {
      try {
        search.run(context);
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
      return new SearchContext(loaded, unlinked, live, cache, newReader(memory), memory);
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  @MustBeClosed
  private SlotReader newReader(SlabPool.Lease memory) throws IOException {
    return SlotReaders.open(
        reader, loaded.vectors(), loaded.geometry(), mapping, preadPool, memory);
  }

  /** Throws if the searcher is closed. */
  public void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the index is closed");
    }
  }

  /** Whether {@link #beginClose} was called. */
  public boolean isClosed() {
    return closed;
  }

  /**
   * Keeps memory and files from being freed until {@link ReaderPhaser#exit} of {@link #phaser}.
   *
   * @return what {@code exit} takes
   */
  public long enter() {
    long phase = phaser.enter();
    if (closed) {
      phaser.exit(phase);
      requireOpen();
    }
    return phase;
  }

  /** The phaser that searches run under. */
  public ReaderPhaser phaser() {
    return phaser;
  }

  /** The index that is searched. */
  public LoadedIndex loaded() {
    return loaded;
  }

  /** The cache of vectors, null if there is none. */
  public @Nullable VectorCache cache() {
    return cache;
  }

  /** Where contexts have their memory. */
  public SlabPool slabs() {
    return slabs;
  }

  /** The reader in use, never {@link ReaderKind#AUTO}. */
  public ReaderKind reader() {
    return reader;
  }

  /** Why {@link ReaderKind#AUTO} chose another reader than io_uring, or the empty string. */
  public String readerNote() {
    return readerNote;
  }

  /** Refuses new searches and waits for those that run. */
  public void beginClose() throws IOException {
    @Nullable CacheWarmup warmup = cacheWarmup;
    if (warmup != null) {
      warmup.close();
    }
    closed = true;
    contexts.close();
    phaser.flip(); // calls that read ids or vectors
  }

  /** Frees memory and files; {@link #beginClose} comes first. */
  @Override
  public void close() throws IOException {
    try (lock;
        loaded;
        VectorCache _ = cache;
        FileMapping _ = mapping;
        ExecutorService _ = preadPool) {
      slabs.close();
    }
  }
}
