// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.BadInputException;
import dev.arbalest.Index;
import dev.arbalest.PointSet;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchPlan;
import dev.arbalest.SearchResult;
import dev.arbalest.VectorInput;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.trial.GroundTruth;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/** All queries of a file against one index, in parallel, with what they cost. */
final class QueryRun {
  /** The JVM compiles the search path within this time on slow machines. */
  private static final long WARM_UP_NANOS = 1_500_000_000L;

  private static final int WARM_UP_SEARCHES = 5_000;
  private static final int DIGITS = 3;
  private static final int MAX_RESULTS = 20_000_000;

  private final Index index;
  private final VectorInput vectors;
  private final @Nullable GroundTruth truth;
  private final SearchParameters parameters;
  private final @Nullable PointSet set;
  private final int queries;

  /**
   * Creates it.
   *
   * @param set what searches are within, or null for the whole index
   */
  QueryRun(
      Index index,
      VectorInput vectors,
      @Nullable GroundTruth truth,
      SearchParameters parameters,
      @Nullable PointSet set) {
    this.index = index;
    this.vectors = vectors;
    this.truth = truth;
    this.parameters = parameters;
    this.set = set;
    this.queries = vectors.rows().count();
  }

  /** What a measured run found. */
  record Totals(
      int queries,
      long searches,
      double seconds,
      double recall,
      Histogram nanos,
      long hops,
      long scored,
      long reads,
      long readBytes,
      long wastedReads,
      long cacheHits,
      long prepareNanos,
      long walkNanos,
      long waitNanos,
      long rerankNanos,
      long lookedThrough,
      long scans,
      double expectedNanos,
      String idsDigest) {}

  private void search(float[] query, SearchResult result) throws IOException {
    PointSet within = set;
    if (within == null) {
      index.search(query, parameters, result);
    } else {
      index.search(query, parameters, within, result);
    }
  }

  /** Checks queries and ground truth against the index. */
  void check() {
    F32Rows rows = vectors.rows();
    if (rows.dimension() != index.dimension()) {
      throw new BadInputException(
          vectors.name()
              + ": queries have dimension "
              + rows.dimension()
              + ", the index "
              + index.dimension());
    }
    if (parameters.k() > index.count()) {
      throw new BadInputException(
          "k = " + parameters.k() + " exceeds the " + index.count() + " vectors of the index");
    }
    if ((long) queries * parameters.k() > MAX_RESULTS) {
      throw new BadInputException(
          queries
              + " queries with k = "
              + parameters.k()
              + " are over "
              + MAX_RESULTS
              + " results");
    }
    for (int query = 0; query < queries; query++) {
      double unused = vectors.checkRow(query, index.metric());
      assert unused >= 0;
    }
    if (truth != null && (truth.queries() != queries || truth.k() < parameters.k())) {
      throw new BadInputException(
          "the ground truth has "
              + truth.k()
              + " neighbours of "
              + truth.queries()
              + " queries, needed are "
              + parameters.k()
              + " of "
              + queries);
    }
  }

  /** Runs the first query; returns its milliseconds. */
  double first() throws IOException {
    float[] query = new float[index.dimension()];
    vectors.rows().copyRow(0, query);
    long start = System.nanoTime();
    search(query, new SearchResult());
    return (System.nanoTime() - start) / 1e6;
  }

  /** Searches until the JVM has compiled the path, without measuring. */
  void warmUp(int threads) throws IOException {
    AtomicInteger next = new AtomicInteger();
    long end = System.nanoTime() + WARM_UP_NANOS;
    try (Workers workers = Workers.start(threads)) {
      workers.forRanges(
          threads,
          1,
          (worker, from, to) -> {
            SearchResult result = new SearchResult();
            float[] query = new float[index.dimension()];
            for (int i = next.getAndIncrement();
                i < WARM_UP_SEARCHES && System.nanoTime() < end;
                i = next.getAndIncrement()) {
              vectors.rows().copyRow(i % queries, query);
              search(query, result);
            }
          });
    }
  }

  /** Runs every query once, on this thread, and says how it came to its answer. */
  List<ObjectNode> explain() throws IOException {
    List<ObjectNode> explanations = new ArrayList<>();
    SearchResult result = new SearchResult();
    float[] query = new float[index.dimension()];
    for (int number = 0; number < queries; number++) {
      vectors.rows().copyRow(number, query);
      long start = System.nanoTime();
      search(query, result);
      long nanos = System.nanoTime() - start;
      explanations.add(
          CommonOptions.newObject()
              .put("query", number)
              .put("plan", result.plan().name().toLowerCase(Locale.ROOT))
              .put("expected_us", result.expectedNanos() / 1e3)
              .put("us", nanos / 1e3)
              .put("list", result.list())
              .put("hops", result.hops())
              .put("looked_through", result.lookedThrough())
              .put("scored", result.scored())
              .put("reads", result.reads())
              .put("wasted_reads", result.wastedReads())
              .put("expected_misses", result.expectedMisses())
              .put("walk_us", result.walkNanos() / 1e3)
              .put("wait_us", result.waitNanos() / 1e3));
    }
    return explanations;
  }

  /** Runs every query {@code repeat} times and measures each. */
  Totals measure(int threads, int repeat) throws IOException {
    long searches = (long) queries * repeat;
    long[] ids = new long[queries * parameters.k()];
    Arrays.fill(ids, -1); // searches within a set may find fewer
    Tally[] tallies = new Tally[threads];
    AtomicLong next = new AtomicLong();
    long start = System.nanoTime();
    try (Workers workers = Workers.start(threads)) {
      workers.forRanges(
          threads,
          1,
          (worker, from, to) -> {
            Tally tally = new Tally();
            tallies[from] = tally;
            SearchResult result = new SearchResult();
            float[] query = new float[index.dimension()];

            for (long i = next.getAndIncrement(); i < searches; i = next.getAndIncrement()) {
              int number = (int) (i % queries);
              vectors.rows().copyRow(number, query);
              long before = System.nanoTime();
              search(query, result);
              tally.add(result, System.nanoTime() - before);
              if (i < queries) {
                result.copyIds(ids, number * parameters.k());
              }
            }
          });
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    Tally all = new Tally();
    for (Tally tally : tallies) {
      all.add(tally);
    }
    return new Totals(
        queries,
        searches,
        seconds,
        recall(ids),
        all.nanos,
        all.hops,
        all.scored,
        all.reads,
        all.readBytes,
        all.wastedReads,
        all.cacheHits,
        all.prepareNanos,
        all.walkNanos,
        all.waitNanos,
        all.rerankNanos,
        all.lookedThrough,
        all.scans,
        all.expectedNanos,
        digest(ids));
  }

  /** Mean share of the true neighbours found, or -1 without a ground truth. */
  private double recall(long[] ids) {
    if (truth == null) {
      return -1;
    }
    int k = parameters.k();
    long hits = 0;
    for (int query = 0; query < queries; query++) {
      hits += truth.hits(query, Arrays.copyOfRange(ids, query * k, (query + 1) * k), k);
    }
    return (double) hits / queries / k;
  }

  /** SHA-256 of all ids found, query after query, to compare runs. */
  private static String digest(long[] ids) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      ByteBuffer bytes = ByteBuffer.allocate(8);
      for (long id : ids) {
        sha.update(bytes.putLong(0, id).array());
      }
      return HexFormat.of().formatHex(sha.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  /** Sums of one thread. */
  private static final class Tally {
    private final Histogram nanos = new Histogram(DIGITS);

    private long hops;
    private long scored;
    private long reads;
    private long readBytes;
    private long wastedReads;
    private long cacheHits;
    private long prepareNanos;
    private long walkNanos;
    private long waitNanos;
    private long rerankNanos;
    private long lookedThrough;
    private long scans;
    private double expectedNanos;

    void add(SearchResult result, long elapsed) {
      nanos.recordValue(elapsed);
      hops += result.hops();
      scored += result.scored();
      reads += result.reads();
      readBytes += result.readBytes();
      wastedReads += result.wastedReads();
      cacheHits += result.cacheHits();
      prepareNanos += result.prepareNanos();
      walkNanos += result.walkNanos();
      waitNanos += result.waitNanos();
      rerankNanos += result.rerankNanos();
      lookedThrough += result.lookedThrough();
      scans += result.plan() == SearchPlan.SET_SCAN ? 1 : 0;
      expectedNanos += result.expectedNanos();
    }

    void add(Tally other) {
      nanos.add(other.nanos);

      hops += other.hops;
      scored += other.scored;
      reads += other.reads;
      readBytes += other.readBytes;
      wastedReads += other.wastedReads;
      cacheHits += other.cacheHits;
      prepareNanos += other.prepareNanos;
      walkNanos += other.walkNanos;
      waitNanos += other.waitNanos;
      rerankNanos += other.rerankNanos;
      lookedThrough += other.lookedThrough;
      scans += other.scans;
      expectedNanos += other.expectedNanos;
    }
  }
}
