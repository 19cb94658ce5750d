// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.natives.Workers;
import dev.arbalest.pq.CodeScorer;
import dev.arbalest.pq.Codec;
import dev.arbalest.pq.ScalarQuantizer;
import dev.arbalest.pq.ScalarQuantizerPairs;
import dev.arbalest.vamana.BuildDistances;
import dev.arbalest.vamana.ExactDistances;
import dev.arbalest.vamana.NodeQuery;
import dev.arbalest.vamana.PairDistances;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/**
 * Distances for a build. Searches compare codes, which need a fraction of the memory traffic of
 * vectors. Pruning compares exact distances, or distances of one-byte codes if the vectors do not
 * fit in memory.
 *
 * <p>Queries and pair distances allocate their scratch from the caller's memory; the caller also
 * owns the code tables.
 */
public final class CodedDistances implements BuildDistances {
  /** Most nodes one call scores: beyond any degree with its slack. */
  static final int BATCH = 1024;

  private final int count;

  /** Null if narrow codes stand for the vectors. */
  private final @Nullable ExactDistances exact;

  private final Codec walkCodec;
  private final MemorySegment walkCodes;
  private final @Nullable Narrow narrow;
  private final float @Nullable [] lift;
  private final SegmentAllocator memory;

  /**
   * Codes that stand in for vectors.
   *
   * @param codec trained for L2
   * @param codes its table
   */
  record Narrow(ScalarQuantizer codec, MemorySegment codes) {}

  /**
   * Compares vectors.
   *
   * @param memory for scratch of scorers; must outlive them
   */
  public CodedDistances(
      ExactDistances exact, Codec walkCodec, MemorySegment walkCodes, SegmentAllocator memory) {
    this(exact.count(), exact, exact.lift(), walkCodec, walkCodes, null, memory);
  }

  /**
   * Compares one-byte codes instead of vectors.
   *
   * @param lift of each vector, null but for inner product; see {@link ExactDistances#lift}
   * @param memory for scratch of scorers; must outlive them
   */
  static CodedDistances narrow(
      int count,
      float @Nullable [] lift,
      Codec walkCodec,
      MemorySegment walkCodes,
      Narrow narrow,
      SegmentAllocator memory) {
    return new CodedDistances(count, null, lift, walkCodec, walkCodes, narrow, memory);
  }

  private CodedDistances(
      int count,
      @Nullable ExactDistances exact,
      float @Nullable [] lift,
      Codec walkCodec,
      MemorySegment walkCodes,
      @Nullable Narrow narrow,
      SegmentAllocator memory) {
    this.count = count;
    this.exact = exact;
    this.walkCodec = walkCodec;
    this.walkCodes = walkCodes;
    this.narrow = narrow;
    this.memory = memory;
    this.lift = lift;
  }

  private ExactDistances exact() {
    return java.util.Objects.requireNonNull(exact);
  }

  @Override
  public int count() {
    return count;
  }

  @Override
  public int entryPoint(Workers workers) throws IOException {
    if (narrow == null) {
      return exact().entryPoint(workers);
    }
    // One pass over codes in memory; the vectors would have to be read twice.
    int[] nodes = new int[BATCH];
    float[] distances = new float[BATCH];
    int nearest = 0;
    float least = Float.POSITIVE_INFINITY;
    ScalarQuantizerPairs pairs = newNarrowPairs(narrow);
    pairs.queryMean();
    for (int first = 0; first < count(); first += BATCH) {
      int size = Math.min(BATCH, count() - first);
      for (int i = 0; i < size; i++) {
        nodes[i] = first + i;
      }
      pairs.score(nodes, 0, size, distances);
      for (int i = 0; i < size; i++) {
        if (distances[i] < least) {
          least = distances[i];
          nearest = first + i;
        }
      }
    }
    return nearest;
  }

  @Override
  public PairDistances newPairs() {
    return narrow == null ? exact().newPairs() : new NarrowPairs(narrow);
  }

  @Override
  public NodeQuery newQuery() {
    return new CodeQuery();
  }

  // Synchronized, as the memory is one thread's at a time and workers make theirs side by side:

  private synchronized ScalarQuantizerPairs newNarrowPairs(Narrow codes) {
    return new ScalarQuantizerPairs(codes.codec(), codes.codes(), memory);
  }

  private synchronized CodeScorer newScorer() {
    return walkCodec.newScorer(walkCodes, BATCH, memory);
  }

  private synchronized MemorySegment newVector() {
    return memory.allocate(4L * walkCodec.dimension(), 64);
  }

  /** Distances between decoded one-byte codes. */
  private final class NarrowPairs implements PairDistances {
    private final ScalarQuantizerPairs pairs;
    private float[] scores = new float[BATCH];

    NarrowPairs(Narrow narrow) {
      pairs = newNarrowPairs(narrow);
    }

    @Override
    public void distances(int node, int[] others, int from, int count, float[] out, int outFrom) {
      if (scores.length < count) {
        scores = new float[2 * count];
      }
      pairs.query(node);
      pairs.score(others, from, count, scores);
      for (int i = 0; i < count; i++) {
        float distance = scores[i];
        if (lift != null) {
          float difference = lift[node] - lift[others[from + i]];
          distance += difference * difference;
        }
        out[outFrom + i] = distance;
      }
    }
  }

  /** A node's vector scored against codes. */
  private final class CodeQuery implements NodeQuery {
    private final CodeScorer scorer;
    private final @Nullable ScalarQuantizerPairs decoder;
    private final MemorySegment decoded;
    private int node;

    CodeQuery() {
      scorer = newScorer();
      decoder = narrow == null ? null : newNarrowPairs(narrow);
      decoded = newVector();
    }

    @Override
    public void query(int newNode) {
      node = newNode;
      if (decoder != null) {
        decoder.decode(newNode, decoded);
        scorer.query(decoded);
        return;
      }
      F32Rows rows = exact().rows();
      scorer.query(rows.memory().asSlice(rows.offset(newNode), 4L * rows.dimension()));
    }

    @Override
    public void score(int[] nodes, int count, float limit, float[] distances) {
      scorer.score(nodes, 0, count, distances);
      if (lift != null) {
        // Half the lifted squared distance, without the terms that all nodes share.
        for (int i = 0; i < count; i++) {
          distances[i] -= lift[node] * lift[nodes[i]];
        }
      }
    }
  }
}
