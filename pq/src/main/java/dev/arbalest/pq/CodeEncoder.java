// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;

/**
 * Turns vectors into codes. Holds scratch memory and so allocates nothing per vector; one per
 * encoding thread, not thread-safe. What it writes depends on vector and codec alone.
 */
@FunctionalInterface
public interface CodeEncoder {
  /**
   * Encodes rows [from, to) of {@code rows} into the codes of nodes [from, to).
   *
   * @param rows vectors of the codec's dimension
   * @param codes code table with room for {@code to} codes
   */
  void encode(F32Rows rows, int from, int to, MemorySegment codes);
}
