// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.kernels.AdcDistance;
import java.lang.foreign.MemorySegment;

/** Scores product-quantizer codes by table look-ups; gives no error bound. */
final class ProductQuantizerScorer implements CodeScorer {
  private final ProductQuantizer codec;
  private final MemorySegment codes;
  private final float[] adcTable;
  private final float[] vector;
  private final int[] index;
  private float constant;

  ProductQuantizerScorer(ProductQuantizer codec, MemorySegment codes) {
    this.codec = codec;
    this.codes = codes;
    this.adcTable = new float[codec.subspaces() * AdcDistance.CENTROIDS];
    this.vector = new float[codec.paddedDimension()];
    this.index = new int[codec.subspaces()];
  }

  @Override
  public void query(MemorySegment query) {
    constant = codec.fillTable(query, vector, adcTable);
  }

  @Override
  public void score(int[] nodes, int from, int count, float[] distances) {
    AdcDistance.sum(
        adcTable,
        codec.subspaces(),
        codes,
        0,
        codec.codeBytes(),
        nodes,
        from,
        count,
        distances,
        0,
        index);
    if (constant != 0) {
      for (int i = 0; i < count; i++) {
        distances[i] += constant;
      }
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
