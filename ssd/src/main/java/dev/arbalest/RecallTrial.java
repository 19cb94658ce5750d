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
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** Queries with their exact answers, and the recall of search parameters on them. */
final class RecallTrial {
  static final int MIN_QUERIES = 20;

  /** A squared distance is next to nothing if it is this small beside others. */
  private static final double NEAR = 1e-3;

  /** Distances that differ by less, relative to themselves, are equal. */
  private static final double RELATIVE_TIE = 1e-5;

  /** Error of an inner product relative to the product of both norms. */
  private static final double ROUNDING = 3e-7;

  private static final double COSINE_ROUNDING = 1e-6;

  private final Index index;
  private final int k;
  private final boolean leaveOut;
  private final F32Rows queries;
  private final int[] queryNodes;
  private final Workers workers;
  private final ProgressListener listener;
  private float @Nullable [] limits;
  private int nearDuplicates;

  private RecallTrial(
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

  /** What is done with a trial. */
  @FunctionalInterface
  interface Measuring<T> {
    T measure(RecallTrial trial) throws IOException;
  }

  /**
   * Takes queries and does something with them.
   *
   * @param given queries, or null to take vectors of the index
   * @param nodes rows or nodes of the queries
   * @param policy when searches scan the index; the list of defaults is as nobody measured it
   */
  static <T> T run(
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
      index.searcher.readWith(SearchParameters.DEFAULT_CONFIDENCE);
      return measuring.measure(
          new RecallTrial(index, k, given == null, rows, nodes, workers, listener));
    }
  }

  /** Rows or nodes of the queries; throws if there are too few, or of another dimension. */
  static int[] checkedQueries(Index index, @Nullable VectorInput given, int k, int sample) {
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
          given.name()
              + ": queries have dimension "
              + given.rows().dimension()
              + ", the index "
              + index.dimension());
    }
    return queryNodes(index, count, available, leaveOut);
  }

  /** Nodes or rows at even distances; of nodes, those that can be left out. */
  static int[] queryNodes(Index index, int count, int available, boolean leaveOut) {
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

  /** Reads all vectors for the exact answers, with progress as stage {@code compare}. */
  void compare() throws IOException {
    float[] known = limits();
    assert known.length == queries.count();
  }

  /** The index. */
  Index index() {
    return index;
  }

  /** Neighbours asked for. */
  int k() {
    return k;
  }

  /** Number of queries. */
  int queries() {
    return queries.count();
  }

  /** Told of progress. */
  ProgressListener listener() {
    return listener;
  }

  /** What {@link #truth} found, computed once: it reads all vectors. */
  private float[] limits() throws IOException {
    float[] known = limits;
    if (known == null) {
      known = truth();
      limits = known;
    }
    return known;
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
      double kth = kth(nearest[i], leaveOut ? queryNodes[i] : SearchContext.NO_NODE);
      nearDuplicates += leaveOut && isNearDuplicate(i, query, kth) ? 1 : 0;
      limits[i] = limit(nearest[i], kth, query);
    }
    return limits;
  }

  /** The distance of the k-th neighbour as the comparison has it: squared, under cosine, too. */
  private double kth(CandidateList nearest, int own) {
    double kth = 0;
    int rank = 0;
    for (int i = 0; i < nearest.size() && rank < k; i++) {
      if (nearest.node(i) != own) {
        kth = nearest.distance(i);
        rank++;
      }
    }
    return kth;
  }

  /** Whether the k-th neighbour of a query is next to it, compared with another query. */
  private boolean isNearDuplicate(int i, float[] query, double kth) {
    int other = (i + queries.count() / 2) % queries.count();
    double dot = 0;
    double squares = 0;
    for (int j = 0; j < query.length; j++) {
      double component = queries.get(other, j);
      dot += query[j] * component;
      squares += (query[j] - component) * (query[j] - component);
    }
    boolean isDot = index.metric() == Metric.DOT;
    double scale = isDot ? squaredNorm(query) - dot : squares;
    double gap = isDot ? Math.abs(squaredNorm(query) + kth) : kth;
    return scale > 0 && gap <= NEAR * scale;
  }

  /** Share of the queries whose k neighbours are all next to them; 0 if queries were given. */
  double nearDuplicates() throws IOException {
    return limits().length == 0 ? 0 : nearDuplicates / (double) queries.count();
  }

  private static double squaredNorm(float[] query) {
    double sum = 0;
    for (float component : query) {
      sum += (double) component * component;
    }
    return sum;
  }

  /** The k-th distance, and what rounding may add to it. */
  private float limit(CandidateList nearest, double kth, float[] query) throws IOException {
    if (index.metric() != Metric.DOT || nearest.size() == 0) {
      // Under cosine the comparison took squared distances of unit vectors.
      return limit(index.metric(), index.metric() == Metric.COSINE ? kth / 2 : kth, 0);
    }
    float[] row = new float[query.length];
    try (StoredRows stored = index.storedRows()) {
      stored.copyRow(nearest.node(nearest.size() - 1), row);
    }
    return limit(Metric.DOT, kth, Math.sqrt(squaredNorm(query) * squaredNorm(row)));
  }

  /**
   * What counts as no farther than a distance that was computed in another order. Squared distances
   * are sums of squared differences, however far from 0 the vectors are; inner products cancel.
   *
   * @param product of the norms of both vectors, for inner products
   */
  static float limit(Metric metric, double distance, double product) {
    double rounding =
        switch (metric) {
          case L2 -> RELATIVE_TIE * distance;
          case DOT -> ROUNDING * product;
          case COSINE -> COSINE_ROUNDING;
        };
    return (float) (distance + rounding);
  }

  /**
   * Searches for every query.
   *
   * @return what these parameters find and cost
   */
  RecallCurve.Point measure(int list, double confidence) throws IOException {
    float[] limits = limits();
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
