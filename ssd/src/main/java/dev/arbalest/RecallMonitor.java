// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.ssd.search.SearchContext;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Watches the recall of an index while it is searched. The application tells it of every search; it
 * keeps a sample, and {@link #check} answers one of them again by comparing all codes. With each it
 * checks the search for a stored vector, left out of its own answer. If searches find less and
 * stored vectors do not, the queries are unlike the vectors; if both do, the graph or the codes are
 * worse than they were.
 *
 * <p>Builds choose the list of default parameters by what they measure; of a {@link LiveIndex} a
 * monitor changes it as the vectors do, by every hundred checks, and stores what it found as {@link
 * RecallCurve}.
 *
 * <p>A vector that the codes misplace by more than their errors allow is missed by both answers, so
 * an estimate may be a little too high. Safe for any number of threads.
 */
public final class RecallMonitor {
  /** Rank of the neighbour whose distance shows how far queries are from the vectors. */
  static final int DEPTH = 10;

  /** Few: they keep their sets in memory. */
  private static final int MAX_PENDING = 2;

  /** Searches for more neighbours are not checked: they read thousands of vectors. */
  private static final int MAX_K = 100;

  private static final double CONFIDENCE = 0.999;

  /** Nodes tried until one holds a vector that can be left out. */
  private static final int MAX_TRIES = 64;

  /** What recall is estimated of. */
  public enum Kind {
    /** Searches without a set. */
    SEARCH,
    /** Searches within a {@link PointSet}. */
    FILTERED_SEARCH,
    /** Searches with default parameters for stored vectors. */
    STORED_VECTOR;

    /** The name in lower case, as metrics show it. */
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** A search to check. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Sample(float[] query, SearchParameters parameters, @Nullable PointSet set) {}

  private final Index index;
  private final int oneIn;
  private final LongSupplier clock;

  /** Of an index that is written to. */
  private final @Nullable DefaultList defaultList;

  private final AtomicLong searches = new AtomicLong();
  private final AtomicLong filteredSearches = new AtomicLong();
  private final Deque<Sample> pending = new ArrayDeque<>();
  private final RecallWindow plain = new RecallWindow();
  private final RecallWindow filtered = new RecallWindow();
  private final RecallWindow stored = new RecallWindow();
  private final SplittableRandom random = new SplittableRandom(1);

  /**
   * Watches an index.
   *
   * @param index which must be open as long as {@link #check} is called
   * @param oneIn of how many searches one may be checked, at least 1
   */
  public RecallMonitor(Index index, int oneIn) {
    this(index, oneIn, System::nanoTime);
  }

  RecallMonitor(Index index, int oneIn, LongSupplier clock) {
    if (oneIn < 1) {
      throw new IllegalArgumentException("oneIn must be at least 1: " + oneIn);
    }
    this.index = index;
    this.oneIn = oneIn;
    this.clock = clock;
    this.defaultList = index instanceof LiveIndex ? new DefaultList(index) : null;
  }

  /**
   * Notes a search; costs next to nothing unless it is kept. Of those kept the oldest go when no
   * check takes them.
   *
   * @param query which is copied
   * @param set whose vectors could be found, or null for all
   * @return whether it was kept, so that {@link #check} has something to do
   */
  public boolean searched(float[] query, SearchParameters parameters, @Nullable PointSet set) {
    if (parameters.k() > MAX_K) {
      return false;
    }
    AtomicLong counter = set == null ? searches : filteredSearches; // clients may alternate
    if (counter.incrementAndGet() % oneIn != 0) {
      return false;
    }
    Sample sample = new Sample(query.clone(), parameters, set);
    synchronized (pending) {
      if (pending.size() == MAX_PENDING) {
        Sample _ = pending.removeFirst();
      }
      pending.addLast(sample);
    }
    return true;
  }

  /**
   * Checks one of the searches noted, and one for a stored vector: takes about as long as comparing
   * all codes twice, in one of the index's search contexts.
   *
   * @return whether there was a search to check
   * @throws CorruptIndexException if a vector read is not the one that was written
   * @throws IOException if the device fails
   */
  public boolean check() throws IOException {
    Sample sample;
    synchronized (pending) {
      sample = pending.pollFirst();
    }
    if (sample == null) {
      return false;
    }
    PointSet set = sample.set();
    Kind kind = set == null ? Kind.SEARCH : Kind.FILTERED_SEARCH;
    check(kind, sample.query(), sample.parameters(), set, SearchContext.NO_NODE);
    checkStoredVector();
    return true;
  }

  private void checkStoredVector() throws IOException {
    float[] vector = new float[index.dimension()];
    for (int i = 0; i < MAX_TRIES && index.count() > 1; i++) {
      int node;
      synchronized (random) {
        node = random.nextInt(index.loaded.graph().nodeCount());
      }
      if (index.readLinked(node, vector)) {
        int k = Math.min(DEPTH, index.count() - 1);
        check(Kind.STORED_VECTOR, vector, SearchParameters.forK(k), null, node);
        return;
      }
    }
  }

  private void check(
      Kind kind, float[] query, SearchParameters parameters, @Nullable PointSet set, int excluded)
      throws IOException {
    int count = set == null ? index.count() : set.count();
    SearchResult found = new SearchResult();
    if (set == null) {
      index.search(query, parameters, excluded, found);
    } else {
      index.search(query, parameters, set, found);
    }
    int deep = Math.max(1, Math.min(count, Math.max(DEPTH, parameters.k())));
    SearchResult exact = new SearchResult();
    SearchParameters careful = SearchParameters.forK(deep).withConfidence(CONFIDENCE);
    index.searchAll(query, careful, set, excluded, exact);
    int wanted = Math.min(parameters.k(), exact.size());
    if (wanted == 0) {
      return;
    }
    double squaredNorm = squaredNorm(query);
    double kth = exact.distance(wanted - 1); // of both answers by the same kernel
    float limit = RecallTrial.limit(index.metric(), kth, Math.abs(kth));
    double recall = Math.min(1, RecallTrial.hits(found, limit) / (double) wanted);
    double far = exact.distance(Math.min(DEPTH, exact.size()) - 1);
    window(kind).add(clock.getAsLong(), recall, wanted, distance(far, squaredNorm));
    DefaultList list = defaultList;
    if (list != null && kind == Kind.STORED_VECTOR && parameters.k() == DEPTH) {
      list.checked(recall, found);
    }
  }

  /** A distance that grows as vectors do; under inner product the negative length along a query. */
  private double distance(double distance, double squaredNorm) {
    return switch (index.metric()) {
      case L2 -> Math.sqrt(Math.max(0, distance));
      case DOT -> squaredNorm == 0 ? 0 : distance / Math.sqrt(squaredNorm);
      case COSINE -> distance;
    };
  }

  private static double squaredNorm(float[] query) {
    double sum = 0;
    for (float component : query) {
      sum += (double) component * component;
    }
    return sum;
  }

  /**
   * The recall of the last five minutes, at least of the last 30 checks; empty before the first.
   */
  public Optional<RecallCurve.Estimate> estimate(Kind kind) {
    return window(kind).estimate(clock.getAsLong());
  }

  /**
   * How many times farther the tenth neighbour of a search without a set is than that of a stored
   * vector, both at the median: 1 if queries are like the vectors. Under inner product it compares
   * how long the neighbours are along the query. Empty before there were 30 checks.
   */
  public OptionalDouble distanceRatio() {
    long now = clock.getAsLong();
    OptionalDouble queries = plain.medianDistance(now);
    OptionalDouble vectors = stored.medianDistance(now);
    if (queries.isEmpty() || vectors.isEmpty()) {
      return OptionalDouble.empty();
    }
    boolean isDot = index.metric() == Metric.DOT;
    double numerator = isDot ? -vectors.getAsDouble() : queries.getAsDouble();
    double denominator = isDot ? -queries.getAsDouble() : vectors.getAsDouble();
    return numerator > 0 && denominator > 0
        ? OptionalDouble.of(numerator / denominator)
        : OptionalDouble.empty();
  }

  private RecallWindow window(Kind kind) {
    return switch (kind) {
      case SEARCH -> plain;
      case FILTERED_SEARCH -> filtered;
      case STORED_VECTOR -> stored;
    };
  }
}
