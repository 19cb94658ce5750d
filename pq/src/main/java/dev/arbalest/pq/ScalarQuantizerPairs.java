// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.kernels.NarrowDistance;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/**
 * Squared Euclidean distances between vectors known by their {@code sq8} codes alone: the distances
 * of their decoded values. Holds scratch; not thread-safe, one per thread. Nothing allocates after
 * construction, except for batches larger than any before.
 */
public final class ScalarQuantizerPairs {
  private final ScalarQuantizer codec;
  private final MemorySegment codes;
  private final MemorySegment squaredUnits;
  private final MemorySegment query;
  private float querySquaredNorm;
  private float queryScale;

  /**
   * Makes a scorer.
   *
   * @param codec trained for {@link dev.arbalest.vector.Metric#L2}
   * @param codes its code table, which must outlive this
   * @param memory where the scratch goes; must outlive this
   */
  public ScalarQuantizerPairs(ScalarQuantizer codec, MemorySegment codes, SegmentAllocator memory) {
    if (codec.metric() != dev.arbalest.vector.Metric.L2) {
      throw new IllegalArgumentException("pairs need codes for l2, found " + codec.metric());
    }
    this.codec = codec;
    this.codes = codes;
    this.squaredUnits = memory.allocate(4L * codec.dimension(), 64);
    this.query = memory.allocate(4L * codec.dimension(), 64);
    for (int i = 0; i < codec.dimension(); i++) {
      float unit = codec.units()[i];
      squaredUnits.setAtIndex(F32Rows.FLOAT, i, unit * unit);
    }
  }

  /** Takes the vector of {@code node} as the query. */
  public void query(int node) {
    long code = (long) node * codec.codeBytes();
    NarrowDistance.widen(codes, code, squaredUnits, codec.dimension(), query);
    querySquaredNorm = codes.get(RaBitQ.FLOAT, code + codec.paddedBytes());
    queryScale = codes.get(RaBitQ.FLOAT, code + codec.paddedBytes() + 4);
  }

  /** Writes the decoded vector of {@code node} to the start of {@code target}. */
  public void decode(int node, MemorySegment target) {
    long code = (long) node * codec.codeBytes();
    float scale = codes.get(RaBitQ.FLOAT, code + codec.paddedBytes() + 4);
    for (int i = 0; i < codec.dimension(); i++) {
      float level = codes.get(java.lang.foreign.ValueLayout.JAVA_BYTE, code + i);
      target.setAtIndex(F32Rows.FLOAT, i, codec.means()[i] + codec.units()[i] * scale * level);
    }
  }

  /** Takes the mean of the training vectors as the query. */
  public void queryMean() {
    query.fill((byte) 0);
    querySquaredNorm = 0;
    queryScale = 0;
  }

  /** Sets {@code distances[i]} to the distance of the query to {@code nodes[from + i]}. */
  public void score(int[] nodes, int from, int count, float[] distances) {
    int stride = codec.codeBytes();
    NarrowDistance.dotByte(
        query, codes, 0, stride, codec.dimension(), nodes, from, count, distances);
    for (int i = 0; i < count; i++) {
      long factors = (long) nodes[from + i] * stride + codec.paddedBytes();
      float squaredNorm = codes.get(RaBitQ.FLOAT, factors);
      float scale = codes.get(RaBitQ.FLOAT, factors + 4);
      float product = queryScale * scale * distances[i];
      distances[i] = Math.max(0, querySquaredNorm + squaredNorm - 2 * product);
    }
  }
}
