// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Asymmetric distance computation over 8-bit product-quantizer codes (Jégou, Douze and Schmid, PAMI
 * 2011): a code is {@code subspaces} bytes, a query a table of {@code subspaces x 256} partial
 * distances, a distance the sum of one entry per subspace. Stateless and thread-safe; nothing
 * allocates.
 */
public final class AdcDistance {
  /** Centroids per subspace, so table entries per subspace. */
  public static final int CENTROIDS = 256;

  private AdcDistance() {}

  /**
   * Sums table entries of {@code count} codes: {@code out[outFrom + i]} belongs to node {@code
   * nodes[from + i]}, whose code starts at {@code codesOffsetBytes + node * strideBytes}.
   *
   * @param adcTable {@code subspaces * 256} partial distances, subspace after subspace
   * @param indexScratch at least {@code subspaces} ints the call may overwrite
   * @throws IndexOutOfBoundsException if a code lies outside its segment or an array is too short
   */
  public static void sum(
      float[] adcTable,
      int subspaces,
      MemorySegment codes,
      long codesOffsetBytes,
      long strideBytes,
      int[] nodes,
      int from,
      int count,
      float[] out,
      int outFrom,
      int[] indexScratch) {
    Objects.checkFromIndexSize(0, subspaces * CENTROIDS, adcTable.length);
    Objects.checkFromIndexSize(0, subspaces, indexScratch.length);
    Objects.checkFromIndexSize(from, count, nodes.length);
    Objects.checkFromIndexSize(outFrom, count, out.length);
    for (int i = 0; i < count; i++) {
      long code =
          AddressSpace.address(codes, codesOffsetBytes + nodes[from + i] * strideBytes, subspaces);
      out[outFrom + i] = AdcVectorKernels.sum(adcTable, subspaces, code, indexScratch);
    }
  }
}
