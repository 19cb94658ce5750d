// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import java.lang.foreign.MemorySegment;

/**
 * Turns codes back into vectors to compare with each other: {@code |a - b|^2} is estimated by
 * {@code |a|^2 + |b|^2 - 2 <a', b'>} with the norms that are returned and the floats that are
 * written. Those may be of more components than the vectors, in other coordinates and longer than
 * what they stand for, so that products are right on average. One per thread, not thread-safe;
 * allocates nothing per code.
 */
public interface CodeDecoder {
  /** Floats a code becomes. */
  int length();

  /**
   * Decodes the code of a node.
   *
   * @param target receives {@link #length} floats from {@code offset}
   * @return the squared norm that goes with it
   */
  float decode(MemorySegment codes, int node, MemorySegment target, long offset);

  /**
   * Squared length of the vector decoded last, from the origin; meant for inner products, whose
   * order depends on it.
   */
  float squaredLength();
}
