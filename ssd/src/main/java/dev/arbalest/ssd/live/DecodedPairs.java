// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.pq.CodeDecoder;
import dev.arbalest.pq.Codec;
import dev.arbalest.vamana.PairDistances;
import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/**
 * Distances between vectors as their codes tell them, for graphs whose vectors are not in memory.
 * Codes are decoded once for as long as there is room: pruning asks for the same few again and
 * again. Under inner product vectors are lifted as in {@link dev.arbalest.vamana.ExactDistances},
 * by the largest length seen.
 *
 * <p>Not thread-safe: one per worker. Allocates nothing after construction.
 */
public final class DecodedPairs implements PairDistances {
  /** Decoded codes kept. */
  private static final int ROWS = 256;

  private static final int PLACES = 1024;
  private static final int EMPTY = -1;

  private final CodeDecoder decoder;
  private final MemorySegment codes;
  private final boolean lifted;
  private final int length;
  private final MemorySegment rows;
  private final int[] rowNodes = new int[ROWS];
  private final float[] norms = new float[ROWS];
  private final float[] lengths = new float[ROWS];
  private final int[] places = new int[PLACES];
  private final int[] rowOf = new int[ROWS];
  private final long[] offsets = new long[ROWS];
  private float longest;

  private int used;

  /**
   * Creates it.
   *
   * @param longest squared length no vector exceeds as far as is known, for inner product
   * @param memory for decoded codes; must outlive this
   */
  public DecodedPairs(Codec codec, MemorySegment codes, float longest, SegmentAllocator memory) {
    this.decoder = codec.newDecoder();
    this.codes = codes;
    this.lifted = codec.metric() == Metric.DOT;
    this.length = decoder.length();
    this.rows = memory.allocate(byteSize(length), 64);
    this.longest = longest;
    java.util.Arrays.fill(places, EMPTY);
  }

  /** Memory in bytes for decoded codes of some length in floats. */
  static long byteSize(int length) {
    return 4L * length * ROWS;
  }

  /** Forgets what it decoded: nodes have got other codes. */
  void forget() {
    java.util.Arrays.fill(places, EMPTY);
    used = 0;
  }

  private static int place(int node) {
    return (node * 0x9E3779B9) >>> 22;
  }

  /** The row of a node, decoded if need be; {@link #EMPTY} if there is no room. */
  private int row(int node) {
    int place = place(node);
    while (places[place] != EMPTY) {
      if (rowNodes[places[place]] == node) {
        return places[place];
      }
      place = (place + 1) & (PLACES - 1);
    }
    if (used == ROWS) {
      return EMPTY;
    }
    norms[used] = decoder.decode(codes, node, rows, 4L * length * used);
    if (lifted) {
      lengths[used] = decoder.squaredLength();
      longest = Math.max(longest, lengths[used]);
    }
    rowNodes[used] = node;
    places[place] = used;
    return used++;
  }

  @Override
  public void distances(int node, int[] others, int from, int count, float[] out, int outFrom) {
    int done = 0;
    while (done < count) {
      int own = row(node);
      if (own == EMPTY) {
        forget();
        own = row(node);
      }
      int size = 0;
      while (done + size < count && size < ROWS - 1) {
        int row = row(others[from + done + size]);
        if (row == EMPTY) {
          break;
        }
        rowOf[size] = row;
        offsets[size] = 4L * length * row;
        size++;
      }
      if (size == 0) {
        forget();
        continue;
      }
      compare(own, size, out, outFrom + done);
      done += size;
    }
  }

  private void compare(int own, int count, float[] out, int outFrom) {
    F32Distance.dot(rows, 4L * length * own, rows, offsets, 0, count, length, out, outFrom);
    for (int i = 0; i < count; i++) {
      int row = rowOf[i];
      float distance = Math.max(0, norms[own] + norms[row] - 2 * out[outFrom + i]);
      if (lifted) {
        double difference =
            Math.sqrt(Math.max(0, longest - lengths[own]))
                - Math.sqrt(Math.max(0, longest - lengths[row]));
        distance += (float) (difference * difference);
      }
      // Codes may be equal where vectors are not: only the same node is no distance away.
      out[outFrom + i] = row == own ? 0 : Math.max(distance, Float.MIN_NORMAL);
    }
  }
}
