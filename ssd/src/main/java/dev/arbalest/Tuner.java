// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.search.ScanPolicy;
import dev.arbalest.ssd.search.SearchContext;
import dev.arbalest.ssd.store.StoredRows;
import dev.arbalest.ssd.trial.ExactSearch;
import dev.arbalest.vamana.CandidateList;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Measures the recall of search parameters and stores the cheapest for each. Queries are given, or
 * taken from the index itself; such a vector is left out of its own answer.
 */
public final class Tuner {
  static final int MIN_QUERIES = 20;
  private static final int LARGEST_LIST = 1000;
  private static final double LIST_GROWTH = 1.12;
  private static final double[] CONFIDENCES = {0.5, 0.8, 0.95, 0.99, 0.999};

  /** Recall above which longer lists are not tried. */
  private static final double ENOUGH = 0.9995;

  /** Fewer vectors than this are not measured when an index is built. */
  static final int MIN_MEASURED = 1000;

  /** Vectors taken as queries when an index is built: a fiftieth, between these. */
  private static final int FEWEST_QUERIES = 50;

  private static final int MOST_QUERIES = 200;

  /** Lists measured when an index is built; those behind the default only while they are needed. */
  private static final int[] BUILD_LISTS = {20, 32, 64, 128, 256, 512, 1000};

  /** Distances that differ by less, relative to themselves, are equal. */
  private static final double RELATIVE_TIE = 1e-6;

  /** Error of a distance relative to the square of the query's norm. */
  private static final double ROUNDING = 1e-6;

  private static final double CAREFUL_CONFIDENCE = 0.99;

  /** Recall that comparing all codes must add. */
  private static final double MIN_SCAN_GAIN = 0.01;

  /** Codes scored in about the time in which a disk reads a vector. */
  private static final double SCORED_PER_READ = 150;

  private final Index index;
  private final int k;
  private final boolean leaveOut;
  private final F32Rows queries;
  private final int[] queryNodes;
  private final Workers workers;
  private final ProgressListener listener;

  private Tuner(
      Index index,
      int k,
      boolean leaveOut,
      F32Rows queries,
      int[] queryNodes,
      Workers workers,
      ProgressListener listener) {
    this.index = index;
    this.k = k;
    this.leaveOut = leaveOut;
    this.queries = queries;
    this.queryNodes = queryNodes;
    this.workers = workers;
    this.listener = listener;
  }

  /**
   * Tunes an index: reads all its vectors once for the exact answers, searches with every pair of
   * list and confidence tried, and replaces what tuning stored before. The result does not depend
   * on {@code threads}. May run beside searches; a build that replaces the index meanwhile makes
   * the result void.
   *
   * @param given queries like those to come, or null to take vectors of the index
   * @param k neighbours asked for, at least 1 and fewer than there are vectors
   * @param sample most queries used, at least 20
   * @param threads workers, in [1, 1024]
   * @throws BadInputException if there are too few queries or vectors, or queries of another
   *     dimension
   * @throws CorruptIndexException if the index is damaged
   * @throws IOException if a file cannot be read or written; an earlier result remains
   */
  public static RecallCurve tune(
      Path directory,
      @Nullable VectorInput given,
      int k,
      int sample,
      int threads,
      ProgressListener listener)
      throws IOException {
    OpenOptions options = OpenOptions.defaults().withSearchThreads(threads);
    try (Index index = Index.open(directory, options, listener);
        Workers workers = Workers.start(threads)) {
      int[] nodes = checkedQueries(index, given, k, sample);
      RecallCurve curve =
          withQueries(
              index, given, nodes, k, workers, listener, ScanPolicy.IF_SMALL, Tuner::measure);
      curve.write(directory);
      return curve;
    }
  }

  /**
   * Measures the recall of searches with default parameters as the index is now. Stores nothing.
   *
   * @param given queries, or null to take vectors of the index, each left out of its own answer
   * @param k neighbours asked for, at least 1 and fewer than there are vectors
   * @param sample most queries used, at least 20
   * @param threads workers, in [1, 1024]
   * @throws BadInputException if there are too few queries or vectors, or queries of another
   *     dimension
   * @throws IOException if a file cannot be read
   * @see #tune
   */
  public static RecallCurve.Point recall(
      Path directory,
      @Nullable VectorInput given,
      int k,
      int sample,
      int threads,
      ProgressListener listener)
      throws IOException {
    OpenOptions options = OpenOptions.defaults().withSearchThreads(threads);
    try (Index index = Index.open(directory, options, listener);
        Workers workers = Workers.start(threads)) {
      int[] nodes = checkedQueries(index, given, k, sample);
      int list = index.defaultParameters(k).searchListSize();
      return withQueries(
          index,
          given,
          nodes,
          k,
          workers,
          listener,
          index.searcher.scanPolicy(),
          tuner -> {
            float[] limits = tuner.truth();
            listener.stage("recall", nodes.length);
            return tuner.measure(list, SearchParameters.DEFAULT_CONFIDENCE, limits);
          });
    }
  }

  /**
   * Measures an index that was just built with a few of its vectors as queries, chooses what
   * searches with default parameters do, and stores both. Empty if there are too few vectors, or if
   * somebody has opened the index for writing since.
   */
  static Optional<RecallCurve> measureBuilt(Path directory, int threads, ProgressListener listener)
      throws IOException {
    OpenOptions options = OpenOptions.defaults().withSearchThreads(threads);
    try (Index index = Index.open(directory, options, ProgressListener.NONE);
        Workers workers = Workers.start(threads)) {
      if (index.count() < MIN_MEASURED) {
        return Optional.empty();
      }
      int k = SearchParameters.defaults().k();
      int count = Math.clamp(index.count() / 50, FEWEST_QUERIES, MOST_QUERIES);
      int[] nodes = queryNodes(index, count, index.stats().slots(), true);
      RecallCurve curve =
          withQueries(
              index, null, nodes, k, workers, listener, ScanPolicy.IF_SMALL, Tuner::measureFew);
      curve.write(directory);
      return Optional.of(curve);
    } catch (CorruptIndexException e) {
      throw e;
    } catch (IOException e) {
      // The index is committed: it shall not seem to have failed.
      listener.note("recall was not measured: " + e.getMessage() + "; 'tune' measures it");
      return Optional.empty();
    }
  }

  /** Recall@k of default parameters and the graph on an index with more vectors than k. */
  static double recallOfDefaults(
      Path directory, int k, int sample, int threads, ProgressListener listener)
      throws IOException {
    OpenOptions options = OpenOptions.defaults().withSearchThreads(threads);
    try (Index index = Index.open(directory, options, listener);
        Workers workers = Workers.start(threads)) {
      int[] nodes = queryNodes(index, Math.min(sample, index.count()), index.stats().slots(), true);
      SearchParameters defaults = SearchParameters.forK(k);
      return withQueries(
          index,
          null,
          nodes,
          k,
          workers,
          listener,
          ScanPolicy.NEVER,
          tuner ->
              tuner
                  .measure(defaults.searchListSize(), defaults.confidence(), tuner.truth())
                  .recall());
    }
  }

  /** What is done with a tuner. */
  @FunctionalInterface
  private interface Measuring<T> {
    T measure(Tuner tuner) throws IOException;
  }

  private static <T> T withQueries(
      Index index,
      @Nullable VectorInput given,
      int[] nodes,
      int k,
      Workers workers,
      ProgressListener listener,
      ScanPolicy policy,
      Measuring<T> measuring)
      throws IOException {
    long stride = 4L * index.dimension();
    try (NativeMemory memory = NativeMemory.allocate(stride * nodes.length)) {
      F32Rows rows = new F32Rows(memory.segment(), 0, stride, nodes.length, index.dimension());
      takeQueries(index, given, nodes, rows);
      // What an earlier measurement chose shall not decide this one.
      index.searcher.scan(policy);
      index.searcher.lengthen(1);
      return measuring.measure(new Tuner(index, k, given == null, rows, nodes, workers, listener));
    }
  }

  /** Rows or nodes of the queries; throws if there are too few, or of another dimension. */
  private static int[] checkedQueries(Index index, @Nullable VectorInput given, int k, int sample) {
    int available = given == null ? index.stats().slots() : given.rows().count();
    int count = Math.min(sample, given == null ? index.count() : available);
    boolean leaveOut = given == null;
    if (count < MIN_QUERIES || k < 1 || k + (leaveOut ? 1 : 0) > index.count()) {
      throw new BadInputException(
          "measuring recall for k = "
              + k
              + " needs at least "
              + MIN_QUERIES
              + " queries and more vectors than k; found "
              + count
              + " queries and "
              + index.count()
              + " vectors");
    }
    if (given != null && given.rows().dimension() != index.dimension()) {
      throw new BadInputException(
          given.path()
              + ": queries have dimension "
              + given.rows().dimension()
              + ", the index "
              + index.dimension());
    }
    return queryNodes(index, count, available, leaveOut);
  }

  private static int[] queryNodes(Index index, int count, int available, boolean leaveOut) {
    int[] nodes = new int[count];
    java.util.Arrays.setAll(nodes, i -> (int) ((long) i * available / count));
    for (int i = 0; i < count && leaveOut; i++) {
      while (nodes[i] == index.graph().entryPoint() || index.isDead(nodes[i])) {
        nodes[i] = (nodes[i] + 1) % available; // a walk cannot do without its entry point
      }
    }
    return nodes;
  }

  private static void takeQueries(
      Index index, @Nullable VectorInput given, int[] nodes, F32Rows rows) throws IOException {
    float[] row = new float[rows.dimension()];
    try (StoredRows stored = index.storedRows()) {
      for (int i = 0; i < nodes.length; i++) {
        if (given == null) {
          stored.copyRow(nodes[i], row);
        } else {
          double norm = given.checkRow(nodes[i], index.metric());
          given.rows().copyRow(nodes[i], row);
          for (int j = 0; j < row.length && index.metric() == Metric.COSINE; j++) {
            row[j] = (float) (row[j] / norm);
          }
        }
        MemorySegment.copy(row, 0, rows.memory(), F32Rows.FLOAT, rows.offset(i), row.length);
      }
    }
  }

  private RecallCurve measure() throws IOException {
    float[] limits = truth();
    List<Integer> lists = new ArrayList<>();
    int longest = Math.min(LARGEST_LIST, index.count());
    for (int list = k + 1; list < longest; list = (int) Math.max(list + 1, list * LIST_GROWTH)) {
      lists.add(list);
    }
    lists.add(Math.max(longest, k));
    listener.stage("tune", (long) lists.size() * CONFIDENCES.length * queries.count());
    List<RecallCurve.Point> all = new ArrayList<>();
    for (int list : lists) {
      double best = 0;
      for (double confidence : CONFIDENCES) {
        RecallCurve.Point point = measure(list, confidence, limits);
        all.add(point);
        best = point.recall();
      }
      if (best >= ENOUGH) {
        break;
      }
    }
    return curve(all, defaults(all, limits));
  }

  private RecallCurve curve(List<RecallCurve.Point> all, RecallCurve.Point defaults) {
    long generation = index.loaded.manifest().checkpoint().base();
    if (!all.contains(defaults)) {
      all.add(defaults);
    }
    return new RecallCurve(generation, k, queries.count(), cheapest(all), defaults);
  }

  /** Short lists, and longer ones until default parameters find enough. */
  private RecallCurve measureFew() throws IOException {
    float[] limits = truth();
    listener.stage("recall", (long) BUILD_LISTS.length * queries.count());
    double confidence = SearchParameters.DEFAULT_CONFIDENCE;
    int defaultList = SearchParameters.forK(k).searchListSize();
    List<RecallCurve.Point> all = new ArrayList<>();
    for (int list : BUILD_LISTS) {
      RecallCurve.Point point = measure(list, confidence, limits);
      all.add(point);
      if (list >= defaultList && point.recall() >= RecallCurve.WANTED) {
        all.add(measure(list, CAREFUL_CONFIDENCE, limits));
        break;
      }
    }
    return curve(all, defaults(all, limits));
  }

  /**
   * What default parameters do: the cheapest of the points that finds enough without reading less
   * carefully or keeping fewer candidates than any index does; if none does, a scan of all codes
   * where that finds more.
   */
  private RecallCurve.Point defaults(List<RecallCurve.Point> all, float[] limits)
      throws IOException {
    int least = SearchParameters.forK(k).searchListSize();
    double confidence = SearchParameters.DEFAULT_CONFIDENCE;
    RecallCurve.Point best = null;
    for (RecallCurve.Point point : all) {
      if (point.searchListSize() >= least && point.confidence() == confidence) {
        if (point.recall() >= RecallCurve.WANTED) {
          return point;
        }
        best = best == null || point.recall() > best.recall() ? point : best;
      }
    }
    if (best == null) { // shorter lists found nearly all
      return measure(least, confidence, limits);
    }
    index.searcher.scan(ScanPolicy.ALWAYS);
    try {
      RecallCurve.Point scanned = measure(least, confidence, limits);
      return scanned.recall() > best.recall() + MIN_SCAN_GAIN ? scanned : best;
    } finally {
      index.searcher.scan(ScanPolicy.IF_SMALL);
    }
  }

  /** Points that no other beats in both recall and cost, by rising recall. */
  private static List<RecallCurve.Point> cheapest(List<RecallCurve.Point> all) {
    List<RecallCurve.Point> byCost = new ArrayList<>(all);
    byCost.sort(Comparator.comparingDouble(p -> p.reads() + p.scored() / SCORED_PER_READ));
    List<RecallCurve.Point> kept = new ArrayList<>();
    double best = 0;
    for (RecallCurve.Point point : byCost) {
      if (point.recall() > best) {
        kept.add(point);
        best = point.recall();
      }
    }
    return kept;
  }

  /**
   * How far the k-th nearest neighbour of every query is, its own node left out: a vector as near
   * counts as found, whichever of equal vectors it is.
   */
  private float[] truth() throws IOException {
    int wanted = leaveOut ? k + 1 : k;
    ExactSearch search =
        new ExactSearch(
            queries, index.metric(), wanted, workers.size(), node -> !index.isDead(node));
    listener.stage("compare", index.stats().slots());
    try (StoredRows stored = index.storedRows()) {
      workers.forRanges(
          index.stats().slots(),
          StoredRows.BLOCK,
          (worker, from, to) -> {
            try (StoredRows.Block block = stored.block(from, to)) {
              search.offer(worker, block.memory(), block.offsets(), from);
            }
            synchronized (listener) {
              listener.advanced(to - from);
            }
          });
    }
    CandidateList[] nearest = search.nearest();
    float[] limits = new float[nearest.length];
    float[] query = new float[index.dimension()];
    for (int i = 0; i < nearest.length; i++) {
      queries.copyRow(i, query);
      limits[i] = limit(nearest[i], leaveOut ? queryNodes[i] : SearchContext.NO_NODE, query);
    }
    return limits;
  }

  /** The distance of the k-th neighbour, and what rounding may add to it. */
  private float limit(CandidateList nearest, int own, float[] query) {
    double kth = 0;
    int rank = 0;
    for (int i = 0; i < nearest.size() && rank < k; i++) {
      if (nearest.node(i) != own) {
        kth = nearest.distance(i);
        rank++;
      }
    }
    if (index.metric() == Metric.COSINE) {
      kth /= 2; // the search compared squared distances of unit vectors
    }
    double squaredNorm = 0;
    for (float component : query) {
      squaredNorm += (double) component * component;
    }
    return limit(kth, squaredNorm);
  }

  /** What counts as no farther than a distance that was computed in another order. */
  static float limit(double distance, double squaredNorm) {
    return (float) (distance + RELATIVE_TIE * Math.abs(distance) + ROUNDING * squaredNorm);
  }

  private RecallCurve.Point measure(int list, double confidence, float[] limits)
      throws IOException {
    SearchParameters parameters = RecallCurve.parameters(k, Math.max(list, k), confidence);
    LongAdder hits = new LongAdder();
    LongAdder squaredHits = new LongAdder();
    LongAdder reads = new LongAdder();
    LongAdder scored = new LongAdder();
    workers.forRanges(
        queries.count(),
        8,
        (worker, from, to) -> {
          SearchResult result = new SearchResult();
          float[] query = new float[index.dimension()];
          for (int i = from; i < to; i++) {
            queries.copyRow(i, query);
            // A vector of the index would lead the walk to itself, and so to its neighbours.
            int own = leaveOut ? queryNodes[i] : SearchContext.NO_NODE;
            index.search(query, parameters, own, result);
            int found = hits(result, limits[i]);
            hits.add(found);
            squaredHits.add((long) found * found);
            reads.add(result.reads());
            scored.add(result.scored());
          }
          synchronized (listener) {
            listener.advanced(to - from);
          }
        });
    double count = queries.count();
    double mean = hits.sum() / count;
    double variance = Math.max(0, squaredHits.sum() / count - mean * mean);
    return new RecallCurve.Point(
        list,
        confidence,
        index.searcher.scanPolicy() == ScanPolicy.ALWAYS,
        mean / k,
        Math.sqrt(variance / count) / k,
        reads.sum() / count,
        scored.sum() / count);
  }

  /** Neighbours found no farther than a limit. */
  static int hits(SearchResult result, float limit) {
    int hits = 0;
    for (int rank = 0; rank < result.size(); rank++) {
      hits += result.distance(rank) <= limit ? 1 : 0;
    }
    return hits;
  }
}
