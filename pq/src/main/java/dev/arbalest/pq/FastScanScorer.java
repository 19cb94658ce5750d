// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.kernels.FastScan;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;

/**
 * Scores 4-bit codes with tables rounded to bytes: each subspace's smallest entry is taken out, all
 * are divided by one step. Gives no error bound.
 */
final class FastScanScorer implements CodeScorer {
  private final ProductQuantizer codec;
  private final MemorySegment codes;
  private final float[] table;
  private final float[] vector;
  private final int[] sums;
  private final FastScan scan;
  private float constant;
  private float step;

  FastScanScorer(
      ProductQuantizer codec, MemorySegment codes, int batchSize, SegmentAllocator memory) {
    this.codec = codec;
    this.codes = codes;
    this.table = new float[codec.subspaces() * FastScan.CENTROIDS];
    this.vector = new float[codec.paddedDimension()];
    this.sums = new int[batchSize];
    this.scan = new FastScan(codec.codeBytes(), memory);
  }

  @Override
  public void query(MemorySegment query) {
    double sum = codec.fillTable(query, vector, table);
    float widest = 0;
    for (int m = 0; m < codec.subspaces(); m++) {
      float lowest = Float.POSITIVE_INFINITY;
      float highest = Float.NEGATIVE_INFINITY;
      for (int c = m * FastScan.CENTROIDS; c < (m + 1) * FastScan.CENTROIDS; c++) {
        lowest = Math.min(lowest, table[c]);
        highest = Math.max(highest, table[c]);
      }
      for (int c = m * FastScan.CENTROIDS; c < (m + 1) * FastScan.CENTROIDS; c++) {
        table[c] -= lowest;
      }
      sum += lowest;
      widest = Math.max(widest, highest - lowest);
    }
    constant = (float) sum;
    step = widest / scan.maxEntry();
    float inverse = step > 0 ? 1 / step : 0;
    for (int c = 0; c < table.length; c++) {
      int entry = Math.min(scan.maxEntry(), Math.round(table[c] * inverse));
      scan.tables().set(ValueLayout.JAVA_BYTE, c, (byte) entry);
    }
  }

  @Override
  public void score(int[] nodes, int from, int count, float[] distances) {
    scan.score(codes, 0, codec.codeBytes(), nodes, from, count, sums);
    for (int i = 0; i < count; i++) {
      distances[i] = constant + step * sums[i];
    }
  }

  @Override
  public void errorBounds(int[] nodes, int from, int count, float[] bounds) {
    java.util.Arrays.fill(bounds, 0, count, Float.NaN);
  }

  @Override
  public double confidence() {
    return 0;
  }
}
