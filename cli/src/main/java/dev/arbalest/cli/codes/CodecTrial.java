// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.codes;

import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.pq.CodeEncoder;
import dev.arbalest.pq.CodeScorer;
import dev.arbalest.pq.Codec;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.util.Arrays;

/** Measures codecs on one set of vectors by exhaustive scans. */
public final class CodecTrial {
  /** Long enough for the compiler to have replaced every loop. */
  private static final long WARM_UP_NANOS = 500_000_000L;

  private static final int BATCH = 64;
  private static final int NEIGHBORS = 10;
  private static final int MAX_RANK = 100;

  /** Distance between the base rows that each query examines closely. */
  private static final int ERROR_SAMPLES = 200;

  private final CodecTrialData data;
  private final F32Rows base;
  private final F32Rows queries;
  private final long seed;
  private final Workers workers;

  public CodecTrial(CodecTrialData data, CodecTrialData.Prefix cut, long seed, Workers workers) {
    this.data = data;
    this.base = cut.base();
    this.queries = cut.queries();
    this.seed = seed;
    this.workers = workers;
  }

  /**
   * What was measured of one codec. Errors are differences of approximate and exact distances in
   * units of the mean distance from queries to random vectors; bound and clipping are NaN where the
   * codec has none.
   */
  public static final class Result {
    public final String codec;
    public final int dimensions;
    public final int bytesPerVector;
    public double trainSeconds;
    public double encodePerSecond;
    public double nanosPerCandidate;
    public double bias;
    public double boundCoverage = Double.NaN;
    public double boundConfidence = Double.NaN;
    public double clippedShare = Double.NaN;
    public double[] within = new double[MAX_RANK + 1];
    private double[] sortedErrors = new double[0];

    Result(String codec, int dimensions, int bytesPerVector) {
      this.codec = codec;
      this.dimensions = dimensions;
      this.bytesPerVector = bytesPerVector;
    }

    public String codec() {
      return codec;
    }

    public int dimensions() {
      return dimensions;
    }

    public int bytesPerVector() {
      return bytesPerVector;
    }

    public double trainSeconds() {
      return trainSeconds;
    }

    public double encodePerSecond() {
      return encodePerSecond;
    }

    public double nanosPerCandidate() {
      return nanosPerCandidate;
    }

    /** Share of the true 10 nearest that are within the best {@code rank} by code. */
    public double within(int rank) {
      return within[rank];
    }

    public double bias() {
      return bias;
    }

    public double errorQuantile(double quantile) {
      return sortedErrors[(int) Math.round(quantile * (sortedErrors.length - 1))];
    }

    public double boundCoverage() {
      return boundCoverage;
    }

    public double boundConfidence() {
      return boundConfidence;
    }

    public double clippedShare() {
      return clippedShare;
    }
  }

  /** Scores all base rows for a query. */
  private interface Scan {
    void score(int query, float[] distances);
  }

  /** The floats themselves. */
  public Result floats() {
    Result result = new Result("f32", base.dimension(), 4 * base.dimension());
    measure(result, this::exact);
    return result;
  }

  private void exact(int query, float[] distances) {
    long[] offsets = new long[BATCH];
    for (int row = 0; row < base.count(); row += BATCH) {
      int count = Math.min(BATCH, base.count() - row);
      for (int i = 0; i < count; i++) {
        offsets[i] = base.offset(row + i);
      }
      F32Distance.stored(
          data.metric(),
          queries.memory(),
          queries.offset(query),
          base.memory(),
          offsets,
          0,
          count,
          base.dimension(),
          distances,
          row);
    }
  }

  /** Trains, encodes and scans. */
  public Result run(CodecSpec spec) throws IOException {
    long start = System.nanoTime();
    Codec codec = Codec.train(spec, data.metric(), base, seed, workers);
    long trained = System.nanoTime();
    Result result = new Result(spec.toString(), base.dimension(), codec.codeBytes());
    result.trainSeconds = (trained - start) / 1e9;
    try (NativeMemory codes = NativeMemory.allocate((long) codec.codeBytes() * base.count());
        SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease()) {
      // Once to compile the path and to touch the memory, once to measure.
      int warm = Math.min(base.count(), 512);
      CodeEncoder warming = codec.newEncoder(memory);
      for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end; ) {
        warming.encode(base, 0, warm, codes.segment());
      }
      codes.segment().fill((byte) 0);
      CodeEncoder[] encoders = new CodeEncoder[workers.size()];
      Arrays.setAll(encoders, worker -> codec.newEncoder(memory));
      long began = System.nanoTime();
      workers.forRanges(
          base.count(),
          256,
          (worker, from, to) -> encoders[worker].encode(base, from, to, codes.segment()));
      result.encodePerSecond = base.count() / ((System.nanoTime() - began) / 1e9);
      result.clippedShare = codec.clippedShare(base);
      CodeScorer scorer = codec.newScorer(codes.segment(), BATCH, memory);
      ScorerScan scan = new ScorerScan(scorer);
      measure(result, scan);
      if (scorer.confidence() > 0) {
        result.boundConfidence = scorer.confidence();
        result.boundCoverage = coverage(scan, scorer);
      }
    }
    return result;
  }

  private final class ScorerScan implements Scan {
    private final CodeScorer scorer;
    private final int[] nodes = new int[BATCH];
    private final float[] batch = new float[BATCH];

    ScorerScan(CodeScorer scorer) {
      this.scorer = scorer;
    }

    void prepare(int query) {
      scorer.query(queries.memory().asSlice(queries.offset(query), 4L * queries.dimension()));
    }

    @Override
    public void score(int query, float[] distances) {
      prepare(query);
      for (int row = 0; row < base.count(); row += BATCH) {
        int count = Math.min(BATCH, base.count() - row);
        for (int i = 0; i < count; i++) {
          nodes[i] = row + i;
        }
        scorer.score(nodes, 0, count, batch);
        System.arraycopy(batch, 0, distances, row, count);
      }
    }
  }

  private void measure(Result result, Scan scan) {
    float[] distances = new float[base.count()];
    long warmEnd = System.nanoTime() + WARM_UP_NANOS;
    for (int warm = 0; System.nanoTime() < warmEnd; warm++) {
      scan.score(warm % queries.count(), distances);
    }
    long[] ranks = new long[MAX_RANK + 1];
    double[] errors = new double[queries.count() * (ERROR_SAMPLES + NEIGHBORS)];
    int errorCount = 0;
    double bias = 0;
    double scale = 0;
    long scaleCount = 0;
    long nanos = 0;
    for (int query = 0; query < queries.count(); query++) {
      long start = System.nanoTime();
      scan.score(query, distances);
      nanos += System.nanoTime() - start;
      int[] truth = data.truth(query);
      int neighbors = Math.min(NEIGHBORS, truth.length);
      for (int i = 0; i < neighbors; i++) {
        int rank = rank(distances, truth[i]);
        if (rank <= MAX_RANK) {
          ranks[rank]++;
        }
        double error = distances[truth[i]] - exact(query, truth[i]);
        errors[errorCount++] = Math.abs(error);
      }
      int step = Math.max(1, base.count() / ERROR_SAMPLES);
      for (int i = 0; i < ERROR_SAMPLES && i * step < base.count(); i++) {
        double exact = exact(query, i * step);
        double error = distances[i * step] - exact;
        errors[errorCount++] = Math.abs(error);
        bias += error;
        scale += Math.abs(exact);
        scaleCount++;
      }
    }
    double unit = scale / scaleCount;
    result.nanosPerCandidate = (double) nanos / ((long) queries.count() * base.count());
    result.bias = bias / scaleCount / unit;
    double[] sorted = Arrays.copyOf(errors, errorCount);
    for (int i = 0; i < errorCount; i++) {
      sorted[i] /= unit;
    }
    Arrays.sort(sorted);
    result.sortedErrors = sorted;
    long total = (long) queries.count() * Math.min(NEIGHBORS, data.truth(0).length);
    long below = 0;
    for (int rank = 1; rank <= MAX_RANK; rank++) {
      below += ranks[rank];
      result.within[rank] = (double) below / total;
    }
  }

  /** Place of a row in the order of distances, 1 being the nearest; ties go to lower rows. */
  private static int rank(float[] distances, int row) {
    float distance = distances[row];
    int rank = 1;
    for (int other = 0; other < distances.length; other++) {
      boolean before = distances[other] < distance || (distances[other] == distance && other < row);
      rank += before ? 1 : 0;
    }
    return rank;
  }

  private double exact(int query, int row) {
    double sum = 0;
    for (int i = 0; i < base.dimension(); i++) {
      double q = queries.get(query, i);
      double x = base.get(row, i);
      sum += data.metric() == Metric.L2 ? (q - x) * (q - x) : q * x;
    }
    return switch (data.metric()) {
      case L2 -> sum;
      case DOT -> -sum;
      case COSINE -> 1 - sum;
    };
  }

  /** Share of true neighbours and sampled rows whose exact distance lies within its bound. */
  private double coverage(ScorerScan scan, CodeScorer scorer) {
    int[] nodes = new int[1];
    float[] distance = new float[1];
    float[] bound = new float[1];
    long inside = 0;
    long total = 0;
    for (int query = 0; query < queries.count(); query++) {
      scan.prepare(query);
      int[] truth = data.truth(query);
      int step = Math.max(1, base.count() / ERROR_SAMPLES);
      for (int i = 0; i < truth.length + ERROR_SAMPLES; i++) {
        long row = i < truth.length ? truth[i] : (long) (i - truth.length) * step;
        if (row >= base.count()) {
          break;
        }
        nodes[0] = (int) row;
        scorer.score(nodes, 0, 1, distance);
        scorer.errorBounds(nodes, 0, 1, bound);
        inside += Math.abs(distance[0] - exact(query, nodes[0])) <= bound[0] ? 1 : 0;
        total++;
      }
    }
    return (double) inside / total;
  }
}
