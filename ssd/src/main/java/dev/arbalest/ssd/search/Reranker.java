// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.ElementType;
import dev.arbalest.SearchParameters;
import dev.arbalest.cache.VectorCache;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.pq.CodeScorer;
import dev.arbalest.ssd.read.SlotReader;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.vamana.CandidateList;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.ByteBuffer;
import java.util.function.IntPredicate;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Reads full vectors of candidates and computes their exact distances, as few as the answer needs.
 *
 * <p>A candidate is read while, by its estimated distance and the code's error, the probability
 * that it belongs to the k nearest is above {@code 1 - confidence}: reading by probability finds
 * the most neighbours for the fewest reads. The error's scale is corrected by the errors seen in
 * what this query has read so far, which also serves codes that state none.
 *
 * <p>One per search context; not thread-safe. Nothing allocates once lists have grown to size. The
 * file is longer than others, since choosing, reading and comparing share the state of one query.
 */
final class Reranker implements AutoCloseable {
  /** Reads the stated scale of errors weighs as much as. */
  private static final double PRIOR_READS = 10;

  /** Share of the nearest that may be expected among unread candidates, where that is bounded. */
  private static final double EXPECTED_MISSES = 0.01;

  /**
   * The k-th nearest by estimates was chosen for being near, so its true distance is larger: the
   * reach is measured from farther out.
   */
  private static final double TOO_NEAR = 1.25;

  private final LoadedIndex index;
  private final int dimension;
  private final Metric metric;
  private final @Nullable VectorCache cache;
  private final SlotReader reader;
  private final CodeScorer scorer;
  private final MemorySegment query;
  private final ByteBuffer bytes;
  private final CRC32C crc = new CRC32C();

  /** Rows of other than single precision are widened to. */
  private final @Nullable MemorySegment floats;

  private final CandidateList preliminary;
  private final CandidateList nearest;

  // By buffer:
  private final int[] bufferNodes;
  private final int[] bufferRanks;
  private final boolean[] bufferRead;
  private final long[] rowOffsets;
  private final float[] exactDistances;
  private int buffers;
  private int submitted;

  // By rank:
  private int[] nodes;
  private float[] deviations;
  private boolean[] done;

  // Of the query:

  /** Ranks whose nodes and deviations are known. */
  private int taken;

  private boolean boundsMisses;
  private int ahead;
  private int errors;
  private double squaredErrors;

  Reranker(
      LoadedIndex index,
      @Nullable VectorCache cache,
      SlotReader reader,
      CodeScorer scorer,
      MemorySegment query,
      SegmentAllocator memory,
      int listSize) {
    this.index = index;
    this.cache = cache;
    this.dimension = index.manifest().dimension();
    this.metric = index.manifest().metric();
    this.reader = reader;
    this.scorer = scorer;
    this.query = query;
    this.bytes = reader.memory().asByteBuffer();
    this.floats =
        index.geometry().type() == ElementType.F32
            ? null
            : memory.allocate(4L * dimension * reader.capacity(), 64);
    this.preliminary = new CandidateList(listSize);
    this.nearest = new CandidateList(listSize);
    this.bufferNodes = new int[reader.capacity()];
    this.bufferRanks = new int[reader.capacity()];
    this.bufferRead = new boolean[reader.capacity()];
    this.rowOffsets = new long[reader.capacity()];
    this.exactDistances = new float[reader.capacity()];
    this.nodes = new int[listSize];
    this.deviations = new float[listSize];
    this.done = new boolean[listSize];
  }

  /** Has this query read until few of the nearest are expected among the unread candidates. */
  void boundMisses() {
    boundsMisses = true;
  }

  /** Forgets the last query; the next wants {@code k} neighbours. */
  void begin(int k) {
    taken = 0;
    boundsMisses = false;
    nearest.reset(k);
    buffers = 0;
    submitted = 0;
    ahead = 0;
    errors = 0;
    squaredErrors = 0;
  }

  /** Takes a neighbour whose exact distance is known. */
  void offer(int node, float distance) {
    boolean _ = nearest.offer(node, distance);
  }

  /** Whether a neighbour at a distance would be among the nearest known so far. */
  boolean wouldTake(float distance) {
    return distance <= nearest.threshold();
  }

  /** Neighbours whose exact distance is known. */
  int found() {
    return nearest.size();
  }

  /**
   * Starts to read the nearest {@code count} candidates of a walk that has not ended.
   *
   * @param isWanted which may be in the result
   */
  void readAhead(CandidateList candidates, int count, IntPredicate isWanted, SearchCosts costs)
      throws IOException {
    int most = Math.min(Math.min(count, candidates.size()), reader.capacity() / 2);
    for (int rank = 0; rank < most; rank++) {
      if (isWanted.test(candidates.node(rank))) {
        request(candidates.node(rank), -1, dimension, costs);
      }
    }
    ahead = buffers;
    if (submitted > 0) {
      reader.start();
    }
  }

  /**
   * The largest estimated distance at which a vector may still belong to the k nearest, given the
   * estimates of these candidates. A list that ends below it is too short. Negative infinity if the
   * codec states no errors or the parameters fix the number of reads.
   */
  double reach(CandidateList candidates, SearchParameters parameters) {
    int size = candidates.size();
    int k = Math.min(parameters.k(), size);
    boolean isConstant = parameters.confidence() >= 1 || parameters.prefixDimension() > 0;
    if (scorer.confidence() == 0 || isConstant || k == 0) {
      return Double.NEGATIVE_INFINITY;
    }
    takeCandidates(candidates, size);
    float widest = 0;
    for (int rank = 0; rank < size; rank++) {
      widest = Math.max(widest, deviations[rank]);
    }
    double width = NormalQuantile.of(parameters.confidence()) * widest;
    return candidates.distance(k - 1) + TOO_NEAR * width;
  }

  /**
   * Whether vectors behind the end of the list may be among the nearest, judged by the errors of
   * what was read: for codecs that state none. Call after {@link #nearest}.
   */
  boolean endsTooSoon(CandidateList candidates, int listSize, SearchParameters parameters) {
    boolean isConstant = parameters.confidence() >= 1 || parameters.prefixDimension() > 0;
    if (scorer.confidence() > 0 || isConstant || candidates.size() < listSize) {
      return false;
    }
    double limit = nearest.distance(nearest.size() - 1);
    double width = NormalQuantile.of(parameters.confidence()) * errorScale();
    return candidates.distance(candidates.size() - 1) - width < limit;
  }

  /** Finds the nearest of the candidates by exact distance. */
  CandidateList nearest(CandidateList candidates, SearchParameters parameters, SearchCosts costs)
      throws IOException {
    int most = Math.min(parameters.rerank(), candidates.size());
    int prefixDimension = parameters.prefixDimension();
    if (prefixDimension > 0 && prefixDimension < dimension) {
      preliminary.reset(Math.max(1, Math.min(most, parameters.survivors())));
      readAll(candidates, most, prefixDimension, preliminary, costs);
      readAll(preliminary, preliminary.size(), dimension, nearest, costs);
    } else if (parameters.confidence() >= 1) {
      readAll(candidates, most, dimension, nearest, costs);
    } else if (most > 0) {
      readLikely(candidates, most, parameters, costs);
    }
    return nearest;
  }

  /** Reads the first {@code count} candidates. */
  private void readAll(
      CandidateList candidates,
      int count,
      int prefixDimension,
      CandidateList target,
      SearchCosts costs)
      throws IOException {
    for (int from = 0; from < count; from += reader.capacity()) {
      int to = Math.min(count, from + reader.capacity());
      buffers = 0;
      for (int rank = from; rank < to; rank++) {
        request(candidates.node(rank), -1, prefixDimension, costs);
      }
      complete(prefixDimension, target, null, costs);
    }
  }

  /** Reads candidates while they may belong to the nearest. */
  private void readLikely(
      CandidateList candidates, int most, SearchParameters parameters, SearchCosts costs)
      throws IOException {
    int k = Math.min(parameters.k(), most);
    takeCandidates(candidates, most);
    double width = NormalQuantile.of(parameters.confidence());
    int first = firstRound(candidates, most, k, width, costs);
    for (int buffer = 0; buffer < ahead; buffer++) {
      int rank = bufferRanks[buffer];
      if (bufferRead[buffer] && (rank < 0 || rank >= first)) {
        costs.wastedReads++;
      }
    }
    while (buffers > 0) {
      complete(dimension, nearest, candidates, costs);
      double limit = nearest.distance(nearest.size() - 1);
      double scaled = width * errorScale();
      for (int rank = 0; rank < most && buffers < reader.capacity(); rank++) {
        boolean likely = candidates.distance(rank) - scaled * deviations[rank] < limit;
        if (!done[rank] && (likely || nearest.size() < k)) {
          done[rank] = true;
          request(nodes[rank], rank, dimension, costs);
        }
      }
      if (buffers == 0 && boundsMisses && nearest.size() >= k) {
        requestUntilFewMissed(candidates, most, k, limit, costs);
      }
    }
  }

  /**
   * Requests candidates until the unread ones are expected to hold few of the nearest. Where
   * distances lie close together, none of many candidates is likely by itself, but some are.
   */
  private void requestUntilFewMissed(
      CandidateList candidates, int most, int k, double limit, SearchCosts costs)
      throws IOException {
    double scale = errorScale();
    double missed = 0;
    for (int rank = 0; rank < most; rank++) {
      missed += done[rank] ? 0 : missing(candidates, rank, limit, scale);
    }
    for (int rank = 0;
        rank < most && buffers < reader.capacity() && missed > EXPECTED_MISSES * k;
        rank++) {
      if (!done[rank]) {
        missed -= missing(candidates, rank, limit, scale);
        done[rank] = true;
        request(nodes[rank], rank, dimension, costs);
      }
    }
    costs.expectedMisses = missed;
  }

  /** Probability that a candidate is nearer than a limit. */
  private double missing(CandidateList candidates, int rank, double limit, double scale) {
    double deviation = Math.max(Float.MIN_NORMAL, scale * deviations[rank]);
    return NormalQuantile.distribution((limit - candidates.distance(rank)) / deviation);
  }

  /**
   * Requests the candidates that the estimates place among the nearest. Estimates put the k-th a
   * little too near. Returns the rank after the last one requested.
   */
  private int firstRound(CandidateList candidates, int most, int k, double width, SearchCosts costs)
      throws IOException {
    for (int buffer = 0; buffer < ahead; buffer++) {
      int rank = rankOf(bufferNodes[buffer], most);
      bufferRanks[buffer] = rank;
      if (rank >= 0) {
        done[rank] = true;
      }
    }
    double limit = candidates.distance(k - 1);
    int end = scorer.confidence() > 0 ? k : k + k / 2;
    for (int rank = end; rank < most && scorer.confidence() > 0; rank++) {
      if (candidates.distance(rank) - width * deviations[rank] < limit) {
        end = rank + 1;
      }
    }
    end = Math.min(end, most);
    for (int rank = 0; rank < end && buffers < reader.capacity(); rank++) {
      if (!done[rank]) {
        done[rank] = true;
        request(nodes[rank], rank, dimension, costs);
      }
    }
    return end;
  }

  /** Scale of the error deviations: the codec's own, corrected by the errors observed so far. */
  private double errorScale() {
    if (scorer.confidence() > 0) {
      return Math.sqrt((PRIOR_READS + squaredErrors) / (PRIOR_READS + errors));
    }
    return errors == 0 ? 0 : Math.sqrt(squaredErrors / errors);
  }

  private void takeCandidates(CandidateList candidates, int count) {
    if (nodes.length < count) {
      nodes = new int[count];
      deviations = new float[count];
      done = new boolean[count];
      taken = 0;
    }
    java.util.Arrays.fill(done, 0, count, false);
    if (hasTaken(candidates, count)) {
      return; // to see whether the list is long enough
    }
    for (int rank = 0; rank < count; rank++) {
      nodes[rank] = candidates.node(rank);
    }
    taken = count;
    double confidence = scorer.confidence();
    if (confidence == 0) {
      java.util.Arrays.fill(deviations, 0, count, 1);
      return;
    }
    scorer.errorBounds(nodes, 0, count, deviations);
    float perDeviation = (float) (1 / NormalQuantile.of((1 + confidence) / 2));
    for (int rank = 0; rank < count; rank++) {
      // Not 0: an estimate that says it is exact may still be off by rounding.
      deviations[rank] = Math.max(Float.MIN_NORMAL, deviations[rank] * perDeviation);
    }
  }

  /** Whether the deviations of these candidates are known. */
  private boolean hasTaken(CandidateList candidates, int count) {
    boolean isSame = count <= taken;
    for (int rank = 0; rank < count && isSame; rank++) {
      isSame = nodes[rank] == candidates.node(rank);
    }
    return isSame;
  }

  private int rankOf(int node, int count) {
    for (int rank = 0; rank < count; rank++) {
      if (nodes[rank] == node) {
        return rank;
      }
    }
    return -1;
  }

  /** Takes a vector from the cache or submits its read. */
  private void request(int node, int rank, int prefixDimension, SearchCosts costs)
      throws IOException {
    @Nullable VectorCache present = cache;
    int bytesWanted = index.geometry().slotBytes(prefixDimension);
    int buffer = buffers++;
    bufferNodes[buffer] = node;
    bufferRanks[buffer] = rank;
    if (present != null && present.get(node, reader.memory(), reader.offset(buffer))) {
      bufferRead[buffer] = false;
      costs.cacheHits++;
    } else {
      bufferRead[buffer] = true;
      costs.readBytes += reader.submit(node, bytesWanted, buffer);
      costs.reads++;
      submitted++;
    }
  }

  /** Waits for all submitted reads, then offers the exact distances of all buffers. */
  private void complete(
      int prefixDimension,
      CandidateList target,
      @Nullable CandidateList estimates,
      SearchCosts costs)
      throws IOException {
    long start = System.nanoTime();
    if (submitted > 0) {
      reader.await();
      submitted = 0;
    }
    long arrived = System.nanoTime();
    boolean whole = prefixDimension == dimension;
    @Nullable VectorCache present = cache;
    for (int buffer = 0; buffer < buffers; buffer++) {
      rowOffsets[buffer] = reader.offset(buffer);
      if (bufferRead[buffer] && whole) { // a prefix has no checksum; it only chooses
        check(bufferNodes[buffer], rowOffsets[buffer]);
        if (present != null) {
          present.offer(bufferNodes[buffer], reader.memory(), rowOffsets[buffer]);
        }
      }
    }
    MemorySegment rows = floats(prefixDimension);
    F32Distance.stored(
        // Prefixes have not unit norm: the cosine of the whole is nearest to their L2 order.
        whole || metric == Metric.DOT ? metric : Metric.L2,
        query,
        0,
        rows,
        rowOffsets,
        0,
        buffers,
        prefixDimension,
        exactDistances,
        0);
    for (int buffer = 0; buffer < buffers; buffer++) {
      boolean _ = target.offer(bufferNodes[buffer], exactDistances[buffer]);
      int rank = bufferRanks[buffer];
      if (estimates != null && rank >= 0) {
        double error = (exactDistances[buffer] - estimates.distance(rank)) / deviations[rank];
        squaredErrors += error * error;
        errors++;
      }
    }
    buffers = 0;
    ahead = 0;
    costs.waitNanos += arrived - start;
    costs.rerankNanos += System.nanoTime() - arrived;
  }

  /** Where the vectors read lie as floats; sets {@link #rowOffsets} to it. */
  private MemorySegment floats(int prefixDimension) {
    MemorySegment widened = floats;
    if (widened == null) {
      return reader.memory();
    }
    ElementType type = index.geometry().type();
    for (int buffer = 0; buffer < buffers; buffer++) {
      long at = 4L * dimension * buffer;
      type.load(reader.memory(), rowOffsets[buffer], prefixDimension, widened, at);
      rowOffsets[buffer] = at;
    }
    return widened;
  }

  /** Compares a slot just read with its checksum: a damaged vector must not give an answer. */
  private void check(int slot, long offset) throws CorruptIndexException {
    crc.reset();
    bytes.limit((int) offset + index.geometry().slotBytes()).position((int) offset);
    crc.update(bytes);
    index.verifyChecksum(slot, (int) crc.getValue());
  }

  /** Waits for reads in flight. */
  @Override
  public void close() throws IOException {
    reader.close();
  }
}
