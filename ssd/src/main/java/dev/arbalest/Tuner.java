// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
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
      int available = given == null ? index.stats().slots() : given.rows().count();
      int count = Math.min(sample, given == null ? index.count() : available);
      boolean leaveOut = given == null;
      if (count < MIN_QUERIES || k < 1 || k + (leaveOut ? 1 : 0) > index.count()) {
        throw new BadInputException(
            "tuning for k = "
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
      int[] nodes = queryNodes(index, count, available, leaveOut);
      RecallCurve curve = withQueries(index, given, nodes, k, workers, listener, Tuner::measure);
      curve.write(directory);
      return curve;
    }
  }

  /** Recall@k of default parameters on vectors of an index with more of them than k. */
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
      Measuring<T> measuring)
      throws IOException {
    long stride = 4L * index.dimension();
    try (NativeMemory memory = NativeMemory.allocate(stride * nodes.length)) {
      F32Rows rows = new F32Rows(memory.segment(), 0, stride, nodes.length, index.dimension());
      takeQueries(index, given, nodes, rows);
      return measuring.measure(new Tuner(index, k, given == null, rows, nodes, workers, listener));
    }
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
    int[][] truth = truth();
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
        RecallCurve.Point point = measure(list, confidence, truth);
        all.add(point);
        best = point.recall();
      }
      if (best >= ENOUGH) {
        break;
      }
    }
    return new RecallCurve(
        index.loaded.manifest().checkpoint().base(), k, queries.count(), cheapest(all));
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

  /** True neighbours of every query, its own node left out. */
  private int[][] truth() throws IOException {
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
    int[][] truth = new int[nearest.length][k];
    for (int query = 0; query < nearest.length; query++) {
      int rank = 0;
      for (int i = 0; i < nearest[query].size() && rank < k; i++) {
        int node = nearest[query].node(i);
        if (!leaveOut || node != queryNodes[query]) {
          truth[query][rank++] = node;
        }
      }
    }
    return truth;
  }

  private RecallCurve.Point measure(int list, double confidence, int[][] truth) throws IOException {
    int length = Math.max(list, k);
    SearchParameters parameters =
        SearchParameters.forK(k).withList(length).withConfidence(confidence);
    LongAdder hits = new LongAdder();
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
            hits.add(hits(result, truth[i]));
            reads.add(result.reads());
            scored.add(result.scored());
          }
          synchronized (listener) {
            listener.advanced(to - from);
          }
        });
    double count = queries.count();
    return new RecallCurve.Point(
        list, confidence, hits.sum() / count / k, reads.sum() / count, scored.sum() / count);
  }

  private int hits(SearchResult result, int[] truth) {
    int hits = 0;
    for (int rank = 0; rank < result.size(); rank++) {
      for (int expected : truth) {
        if (index.isAt(result, rank, expected)) {
          hits++;
          break;
        }
      }
    }
    return hits;
  }
}
