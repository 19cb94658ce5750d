// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.build.IndexBuilder;
import dev.arbalest.ssd.format.ProductVersion;
import dev.arbalest.ssd.search.CacheWarmup;
import dev.arbalest.ssd.search.ScanPolicy;
import dev.arbalest.ssd.search.SearchContext;
import dev.arbalest.ssd.search.SearchWarmup;
import dev.arbalest.ssd.search.Searcher;
import dev.arbalest.ssd.search.TrackedSet;
import dev.arbalest.ssd.store.DirectoryLock;
import dev.arbalest.ssd.store.IdMap;
import dev.arbalest.ssd.store.IndexLoader;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.ssd.store.SingleSlotReader;
import dev.arbalest.ssd.store.StoredRows;
import dev.arbalest.vamana.CandidateList;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.NodeSet;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * An index that is open for searches. Graph and codes are in memory; full-precision vectors stay on
 * the SSD and are read as queries need them.
 *
 * <p>Safe for any number of threads. Memory and files belong to the index; {@link #close} waits for
 * running calls and frees them. Later calls throw {@link IllegalStateException}.
 *
 * @see LiveIndex
 */
public sealed class Index implements AutoCloseable permits LiveIndex {
  /** Neighbours that {@link #searchWithin} looks for first. */
  private static final int FIRST_WITHIN = 16;

  final Searcher searcher;
  final LoadedIndex loaded;

  /**
   * From ids to nodes, made when first asked for; the writer of a {@link LiveIndex} has its own.
   */
  private @Nullable IdMap map;

  /** Made with the first set; never changes, as this index does not. */
  private volatile @Nullable NodeSet living;

  /** Not the index itself, which {@link #close} holds while it waits for those that look up ids. */
  private final Object mapLock = new Object();

  Index(Searcher searcher) {
    this.searcher = searcher;
    this.loaded = searcher.loaded();
  }

  /**
   * Builds an index from a source of vectors into a directory, which is created if it does not
   * exist. An existing index is replaced when, and only when, the new one is complete. Row numbers
   * are the ids.
   *
   * @throws BadInputException if a vector or an option cannot be used
   * @throws MemoryBudgetExceededException if the budget is too small
   * @throws IOException if files cannot be written, or another process writes to the directory;
   *     nothing half-written remains
   */
  public static BuildReport build(
      Path directory, VectorSource input, BuildOptions options, ProgressListener listener)
      throws IOException {
    return build(directory, input, Ids.range(0, input.count()), options, listener);
  }

  /**
   * Builds an index whose vectors have explicit ids.
   *
   * @param ids as many as vectors, each once
   * @throws BadInputException also if there are fewer or more ids, or one occurs twice
   * @see #build(Path, VectorSource, BuildOptions, ProgressListener)
   */
  public static BuildReport build(
      Path directory, VectorSource input, Ids ids, BuildOptions options, ProgressListener listener)
      throws IOException {
    IndexBuilder.Outcome outcome = IndexBuilder.build(directory, input, ids, options, listener);
    long start = System.nanoTime();
    Optional<RecallCurve> recall = Tuner.measureBuilt(directory, options.threads(), listener);
    double seconds = (System.nanoTime() - start) / 1e9;
    Map<String, Double> stages = new LinkedHashMap<>(outcome.stageSeconds());
    stages.put("recall", seconds);
    return new BuildReport(
        IndexInfo.of(outcome.manifest()), outcome.seconds() + seconds, stages, recall);
  }

  /** Opens an index with default options. */
  @MustBeClosed
  public static Index open(Path directory) throws IOException {
    return open(directory, OpenOptions.defaults(), ProgressListener.NONE);
  }

  /**
   * Opens an index for searches: loads graph and codes and checks every byte of them. An index that
   * was written to and not closed is recovered first.
   *
   * @throws BadInputException if the directory does not exist or holds no index
   * @throws CorruptIndexException if a file is damaged, torn, foreign or of another version
   * @throws IOException if it is open for writing, or a file cannot be read
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static Index open(Path directory, OpenOptions options, ProgressListener listener)
      throws IOException {
    LiveIndex.recoverIfNeeded(directory, listener);
    DirectoryLock lock = DirectoryLock.take(directory, DirectoryLock.Use.READ);
    try (Workers workers = Workers.start(options.loadThreads());
        SearchWarmup warmUp = new SearchWarmup()) {
      LoadedIndex loaded = IndexLoader.load(directory, warmUp::start, workers, listener);
      Searcher searcher = searcher(loaded, lock, options, listener);
      Index index = new Index(searcher);
      try {
        searcher.startCacheWarmup();
      } catch (Throwable e) {
        try (index) {
          throw e;
        }
      }
      warmUp.await(options.warmUpMillis());
      return index;
    } catch (Throwable e) {
      try (lock) {
        throw e;
      }
    }
  }

  /** Makes a searcher, or closes the index that was loaded. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  static Searcher searcher(
      LoadedIndex loaded, DirectoryLock lock, OpenOptions options, ProgressListener listener)
      throws IOException {
    try {
      Optional<RecallCurve> recall = recallOf(loaded, listener);
      Searcher searcher = Searcher.of(loaded, lock, options);
      recall.ifPresent(curve -> {
        searcher.lengthen(curve.listFactor());
        searcher.readWith(curve.defaults().confidence());
        searcher.scan(curve.defaults().scan() ? ScanPolicy.ALWAYS : ScanPolicy.IF_SMALL);
      });
      return searcher;
    } catch (Throwable e) {
      loaded.close();
      throw e;
    }
  }

  /** What was measured; if that is damaged, an index still answers, with common defaults. */
  private static Optional<RecallCurve> recallOf(LoadedIndex loaded, ProgressListener listener)
      throws IOException {
    try {
      return RecallCurve.read(loaded.directory(), loaded.manifest().checkpoint().base());
    } catch (CorruptIndexException e) {
      listener.note(e.getMessage() + "; searches take common defaults, 'tune' measures again");
      return Optional.empty();
    }
  }

  /**
   * Finds the nearest neighbours of a query.
   *
   * @param query {@link #dimension} finite components
   * @throws BadInputException if the query has another dimension, a component that is not finite,
   *     or norm 0 under cosine, or if k exceeds the number of vectors; a {@link LiveIndex} returns
   *     as many as it holds
   * @throws CorruptIndexException if a vector read is not the one that was written
   * @throws IOException if the device fails
   */
  public SearchResult search(float[] query, SearchParameters parameters) throws IOException {
    SearchResult result = new SearchResult();
    search(query, parameters, result);
    return result;
  }

  /**
   * As {@link #search(float[], SearchParameters)}, into a result that is reused; it is empty if the
   * search fails.
   */
  public void search(float[] query, SearchParameters parameters, SearchResult result)
      throws IOException {
    search(query, parameters, SearchContext.NO_NODE, result);
  }

  /**
   * Finds the vectors within a distance of a query, nearest first: it searches for more and more
   * neighbours until one is farther. It misses as few as {@link #search(float[], SearchParameters)}
   * with default parameters does.
   *
   * @param maxDistance on the scale of the index's metric, inclusive
   * @param limit most vectors returned, in [1, 100,000]; with as many there may be more of them
   * @throws IllegalArgumentException if the limit is out of its range
   * @see #search(float[], SearchParameters)
   */
  public SearchResult searchWithin(float[] query, float maxDistance, int limit) throws IOException {
    int most = SearchParameters.forK(limit).k();
    SearchResult result = new SearchResult();
    int k = Math.min(FIRST_WITHIN, most);
    while (true) {
      int wanted = Math.min(k, count());
      if (wanted == 0) {
        result.reset(0);
        return result;
      }
      search(query, SearchParameters.forK(wanted), result);
      boolean isWhole =
          result.size() < wanted
              || wanted < k
              || k == most
              || result.distance(result.size() - 1) > maxDistance;
      if (isWhole) {
        result.cutBeyond(maxDistance);
        return result;
      }
      k = (int) Math.min(most, 4L * k);
    }
  }

  /** Decides which vectors belong to a {@link PointSet}. */
  @FunctionalInterface
  public interface IdFilter {
    /**
     * Whether a vector belongs to the set.
     *
     * @param id its id, 0 if ids are text
     * @param text its id, null if ids are numbers
     */
    boolean accepts(long id, @Nullable String text);
  }

  /**
   * Finds the nearest neighbours within a set of vectors: min(k, {@link PointSet#count}) of them,
   * whatever the set. It compares the codes of the whole set or traverses the graph inside it,
   * whichever is expected to take less time; {@link SearchResult#plan} says which.
   *
   * @throws IllegalArgumentException if the set belongs to another index
   * @see #search(float[], SearchParameters)
   */
  public void search(float[] query, SearchParameters wanted, PointSet set, SearchResult result)
      throws IOException {
    SearchParameters parameters = adapted(wanted);
    result.reset(parameters.k());
    searcher.runWithin(
        query,
        parameters,
        set.trackedBy(this),
        (nearest, context) -> take(nearest, context, result));
  }

  /**
   * The vectors with some ids; ids that do not exist are ignored.
   *
   * @throws BadInputException if ids are of another type than the index's
   */
  public PointSet pointSet(Ids ids) {
    return newSet(_ -> {
      NodeSet nodes = new NodeSet(loaded.graph().nodeCount());
      forEachNode(ids, nodes::add);
      return nodes;
    });
  }

  /** Visits the nodes with some ids; within a read section. */
  final void forEachNode(Ids ids, IntConsumer visitor) {
    for (int i = 0; i < ids.size(); i++) {
      int node = find(ids, i);
      if (node != IdMap.NONE) {
        visitor.accept(node);
      }
    }
  }

  /** The vectors whose ids a filter accepts; writes wait until it was asked about all of them. */
  public PointSet pointSet(IdFilter filter) {
    return newSet(all -> {
      NodeSet nodes = new NodeSet(loaded.graph().nodeCount());
      for (int node = 0; node < loaded.graph().nodeCount(); node++) {
        if (all.contains(node) && filter.accepts(loaded.number(node), loaded.text(node))) {
          nodes.add(node);
        }
      }
      return nodes;
    });
  }

  /** The ids of the first vectors of a set. */
  Ids idsOf(TrackedSet set, int limit) {
    long phase = searcher.enter();
    try {
      return idsOf(set, living(), limit);
    } finally {
      searcher.phaser().exit(phase);
    }
  }

  /** The same; within a read section, and while nothing is written. */
  final Ids idsOf(TrackedSet set, NodeSet all, int limit) {
    boolean isText = idType() == IdType.UTF8;
    List<String> texts = new ArrayList<>();
    long[] numbers = new long[isText ? 0 : Math.min(limit, set.count())];
    int count = 0;
    long[] words = set.nodes().and(all).words();
    for (int word = 0; word < words.length; word++) {
      for (long bits = words[word]; bits != 0 && count < limit; bits &= bits - 1) {
        int node = 64 * word + Long.numberOfTrailingZeros(bits);
        if (isText) {
          texts.add(loaded.ids().text(node));
        } else {
          numbers[count] = loaded.number(node);
        }
        count++;
      }
    }
    return isText ? Ids.of(texts) : Ids.of(Arrays.copyOf(numbers, count));
  }

  /** Makes a set out of the set of all vectors. */
  final PointSet newSet(UnaryOperator<NodeSet> choice) {
    long phase = searcher.enter();
    try {
      return new PointSet(this, track(choice));
    } finally {
      searcher.phaser().exit(phase);
    }
  }

  /** Makes a set that follows all writes; call within a read section. */
  TrackedSet track(UnaryOperator<NodeSet> choice) {
    NodeSet all = living();
    NodeSet chosen = choice.apply(all);
    return new TrackedSet(chosen, chosen.sizeOfIntersection(all));
  }

  private NodeSet living() {
    NodeSet all = living;
    if (all == null) {
      all = loaded.livingNodes();
      living = all;
    }
    return all;
  }

  /**
   * Searches as if the index did not hold the vector of a node.
   *
   * @param excluded that node, not the entry point, or {@link SearchContext#NO_NODE}
   */
  void search(float[] query, SearchParameters wanted, int excluded, SearchResult result)
      throws IOException {
    SearchParameters parameters = adapted(wanted);
    run(
        query,
        parameters,
        result,
        context -> context.search(query, parameters, excluded, searcher.scanPolicy()));
  }

  /** The nodes nearest to a query, nearest first. */
  int[] nearestNodes(float[] query, SearchParameters parameters) throws IOException {
    int[][] nodes = new int[1][];
    searcher.run(
        query,
        parameters,
        context -> {
          CandidateList nearest =
              context.search(query, parameters, SearchContext.NO_NODE, searcher.scanPolicy());
          nodes[0] = new int[nearest.size()];
          Arrays.setAll(nodes[0], nearest::node);
        });
    return nodes[0];
  }

  /**
   * Finds the nearest neighbours by comparing all codes, whatever the graph and the set.
   *
   * @param set whose vectors may be found, or null for all
   * @param excluded as above; without a set
   */
  void searchAll(
      float[] query,
      SearchParameters parameters,
      @Nullable PointSet set,
      int excluded,
      SearchResult result)
      throws IOException {
    if (set == null) {
      run(
          query,
          parameters,
          result,
          context -> context.search(query, parameters, excluded, ScanPolicy.ALWAYS));
      return;
    }
    result.reset(parameters.k());
    searcher.scanWithin(
        query,
        parameters,
        set.trackedBy(this),
        (nearest, context) -> take(nearest, context, result));
  }

  /**
   * Reads the vector of a node that a search may exclude.
   *
   * @return false if it is the entry point, holds no vector, or is not part of the graph yet
   */
  boolean readLinked(int node, float[] target) throws IOException {
    long phase = searcher.enter();
    try (NativeMemory floats = NativeMemory.allocate(4L * target.length);
        SingleSlotReader slot = new SingleSlotReader(loaded, loaded.geometry())) {
      if (loaded.isDead(node)
          || node == loaded.graph().entryPoint()
          || loaded.graph().neighbor(node, 0) == Graph.NONE) {
        return false;
      }
      slot.read(node, floats.segment(), 0);
      MemorySegment.copy(floats.segment(), F32Rows.FLOAT, 0, target, 0, target.length);
      return true;
    } finally {
      searcher.phaser().exit(phase);
    }
  }

  /** A search that returns the nearest nodes. */
  @FunctionalInterface
  private interface NodeSearch {
    CandidateList run(SearchContext context) throws IOException;
  }

  /** Runs a search into a result, which is empty if it fails. */
  private void run(
      float[] query, SearchParameters parameters, SearchResult result, NodeSearch search)
      throws IOException {
    result.reset(parameters.k());
    searcher.run(
        query,
        parameters,
        context -> {
          take(search.run(context), context, result);
        });
  }

  private void take(CandidateList nearest, SearchContext context, SearchResult result) {
    result.setCosts(context.costs());
    for (int rank = 0; rank < nearest.size(); rank++) {
      int node = nearest.node(rank);
      result.add(loaded.number(node), loaded.text(node), nearest.distance(rank));
    }
  }

  /**
   * Search parameters that reached a recall when the index was built, or tuned since ({@link
   * Tuner}). An index of fewer than 1,000 vectors reaches any.
   *
   * @param k neighbours wanted
   * @param recall wanted, in (0, 1]
   * @throws BadInputException if the index was not measured for {@code k} or did not reach it
   * @throws CorruptIndexException if what was stored is damaged
   */
  public SearchParameters parametersFor(int k, double recall) throws IOException {
    if (count() < Tuner.MIN_MEASURED && recall > 0 && recall <= 1) {
      // All codes are compared: reading is all that can miss.
      return SearchParameters.forK(k).withConfidence(recall > 0.99 ? 1 : 0.99);
    }
    Optional<RecallCurve> measured =
        RecallCurve.read(loaded.directory(), loaded.manifest().checkpoint().base());
    RecallCurve curve =
        measured.orElseThrow(() ->
            new BadInputException(loaded.directory() + " has no measured recall; tune it first"));
    if (curve.k() != k) {
      throw new BadInputException(
          loaded.directory() + " was measured for k = " + curve.k() + "; tune it for k = " + k);
    }
    return curve.parameters(recall);
  }

  /**
   * Default parameters for some k, with the list and the confidence that this index takes for them.
   */
  public SearchParameters defaultParameters(int k) {
    return adapted(SearchParameters.forK(k));
  }

  /** Parameters with what this index takes where the caller chose nothing. */
  private SearchParameters adapted(SearchParameters wanted) {
    return wanted.adapted(searcher.listFactor(), searcher.confidence());
  }

  /** Whether a vector with the {@code i}-th of some ids exists. */
  public boolean contains(Ids ids, int i) {
    long phase = searcher.enter();
    try {
      return find(ids, i) != IdMap.NONE;
    } finally {
      searcher.phaser().exit(phase);
    }
  }

  /**
   * The vector with the {@code i}-th of some ids as it is stored (of unit norm for cosine), or null
   * if there is none. For more than one use {@link #vectors}.
   *
   * @throws CorruptIndexException if it is not the one that was written
   * @throws IOException if the device fails
   */
  public float @Nullable [] vector(Ids ids, int i) throws IOException {
    float[] vector = new float[dimension()];
    long phase = searcher.enter();
    try (NativeMemory floats = NativeMemory.allocate(4L * vector.length);
        SingleSlotReader slot = new SingleSlotReader(loaded, loaded.geometry())) {
      return read(ids, i, slot, floats.segment(), vector) ? vector : null;
    } finally {
      searcher.phaser().exit(phase);
    }
  }

  /** Receives vectors with their ids. */
  @FunctionalInterface
  public interface VectorVisitor {
    /**
     * Receives one vector.
     *
     * @param id its id as text
     * @param vector its components; the array is reused for the next one
     */
    void visit(String id, float[] vector) throws IOException;
  }

  /**
   * Reads vectors by their ids, in the order of the ids. Ids that do not exist are passed over.
   *
   * @throws BadInputException if ids are of another type than the index's
   * @throws CorruptIndexException if a vector is not the one that was written
   * @throws IOException if the device fails
   */
  public void vectors(Ids ids, VectorVisitor visitor) throws IOException {
    float[] vector = new float[dimension()];
    try (NativeMemory floats = NativeMemory.allocate(4L * vector.length);
        SingleSlotReader slot = new SingleSlotReader(loaded, loaded.geometry())) {
      for (int i = 0; i < ids.size(); i++) {
        boolean found;
        long phase = searcher.enter();
        try {
          found = read(ids, i, slot, floats.segment(), vector);
        } finally {
          searcher.phaser().exit(phase);
        }
        if (found) {
          visitor.visit(ids.describe(i), vector);
        }
      }
    }
  }

  /**
   * Visits all vectors, in the order of their slots.
   *
   * @throws IllegalStateException if the index is open for writing
   * @throws CorruptIndexException if a vector is not the one that was written
   */
  public void forEachVector(VectorVisitor visitor) throws IOException {
    float[] vector = new float[dimension()];
    int slots = loaded.graph().nodeCount();
    long phase = searcher.enter();
    try (StoredRows rows = storedRows()) {
      for (int from = 0; from < slots; from += StoredRows.BLOCK) {
        int to = Math.min(slots, from + StoredRows.BLOCK);
        try (StoredRows.Block block = rows.block(from, to)) {
          for (int slot = from; slot < to; slot++) {
            if (!loaded.isDead(slot)) {
              loaded.verifyChecksum(slot, rows.checksum(slot));
              long offset = block.offsets()[slot - from];
              MemorySegment.copy(block.memory(), F32Rows.FLOAT, offset, vector, 0, vector.length);
              visitor.visit(loaded.ids().text(slot), vector);
            }
          }
        }
      }
    } finally {
      searcher.phaser().exit(phase);
    }
  }

  /** Receives ids. */
  @FunctionalInterface
  public interface IdVisitor {
    /**
     * Receives one id.
     *
     * @param id number, 0 if ids are text
     * @param text null if ids are numbers
     */
    void visit(long id, @Nullable String text) throws IOException;
  }

  /** Goes through the ids of all vectors, while nothing is inserted or deleted. */
  public void forEachId(IdVisitor visitor) throws IOException {
    long phase = searcher.enter();
    try {
      int slots = loaded.graph().nodeCount();
      for (int node = 0; node < slots; node++) {
        if (!loaded.isDead(node)) {
          visitor.visit(loaded.number(node), loaded.text(node));
        }
      }
    } finally {
      searcher.phaser().exit(phase);
    }
  }

  /** The node with an id, or {@link IdMap#NONE}; within a read section. */
  int find(Ids ids, int i) {
    IdType type = loaded.ids().type();
    if (ids.type() != type) {
      throw new BadInputException(
          "ids are " + ids.type().label() + ", those of the index " + type.label());
    }
    return map().find(ids, i);
  }

  private IdMap map() {
    synchronized (mapLock) {
      IdMap present = map;
      if (present == null) {
        present = newMap();
        map = present;
      }
      return present;
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  private IdMap newMap() {
    IdMap made = new IdMap(loaded.ids(), loaded.manifest().live());
    for (int node = 0; node < loaded.graph().nodeCount(); node++) {
      if (!loaded.isDead(node)) {
        boolean _ = made.add(node);
      }
    }
    return made;
  }

  /** Reads the vector with an id into an array; false if there is none; within a read section. */
  boolean read(Ids ids, int i, SingleSlotReader slot, MemorySegment scratch, float[] target)
      throws IOException {
    int node = find(ids, i);
    if (node == IdMap.NONE) {
      return false;
    }
    slot.read(node, scratch, 0);
    MemorySegment.copy(scratch, F32Rows.FLOAT, 0, target, 0, target.length);
    return true;
  }

  /** The version of this library, such as {@code 0.1.0}. */
  public static String version() {
    return ProductVersion.text();
  }

  /** Number of vectors. */
  public int count() {
    searcher.requireOpen();
    return loaded.manifest().live();
  }

  /** Components per vector. */
  public int dimension() {
    return loaded.manifest().dimension();
  }

  /** Distance. */
  public Metric metric() {
    return loaded.manifest().metric();
  }

  /** Type of the ids. */
  public IdType idType() {
    return loaded.ids().type();
  }

  /** The facts of the index as of its last checkpoint. */
  public IndexInfo info() {
    return IndexInfo.of(loaded.manifest());
  }

  /** The figures of the open index. */
  public IndexStats stats() {
    searcher.requireOpen();
    return statsBuilder().build();
  }

  IndexStats.Builder statsBuilder() {
    int slots = loaded.graph().nodeCount();
    IndexStats.Builder stats = new IndexStats.Builder();
    stats.vectors = count();
    stats.slots = slots;
    stats.graphBytes = loaded.graph().segment().byteSize();
    stats.codesBytes = (long) slots * loaded.codec().codeBytes();
    stats.cacheBytes = searcher.cache() == null ? 0 : searcher.cache().byteSize();
    stats.tablesBytes = loaded.ids().byteSize(slots) + 4L * slots;
    stats.reader = searcher.reader();
    stats.readerNote = searcher.readerNote();
    return stats;
  }

  // For tools of this package:

  /** The graph, to look at. */
  Graph graph() {
    searcher.requireOpen();
    return loaded.graph();
  }

  /** The thread that fills the cache, null if there is no cache. */
  @Nullable CacheWarmup cacheWarmup() {
    return searcher.cacheWarmup();
  }

  /** Whether a node holds no vector. */
  boolean isDead(int node) {
    return loaded.isDead(node);
  }

  /** The full-precision vectors, to go through from front to back. */
  @MustBeClosed
  StoredRows storedRows() throws IOException {
    return new StoredRows(loaded.vectors(), loaded.geometry());
  }

  /** Waits for running calls, then frees memory and files. A second close does nothing. */
  @Override
  public synchronized void close() throws IOException {
    if (searcher.isClosed()) {
      return;
    }
    try (searcher) {
      searcher.beginClose();
      synchronized (mapLock) {
        try (IdMap _ = map) {
          map = null;
        }
      }
    }
  }
}
