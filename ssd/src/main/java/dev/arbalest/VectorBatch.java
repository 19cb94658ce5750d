// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.vector.F32Rows;

/**
 * Ids and vectors that {@link LiveIndex#check} found fit to insert, with what it computed of them,
 * so that {@link LiveIndex#insert(VectorBatch)} does not check again.
 *
 * <p>It refers to the memory of the vectors: neither free nor change that before the insert
 * returns. Thread-safe.
 */
public final class VectorBatch {
  private final Object index;
  private final Ids ids;
  private final F32Rows vectors;
  private final double[] norms;

  VectorBatch(Object index, Ids ids, F32Rows vectors, double[] norms) {
    this.index = index;
    this.ids = ids;
    this.vectors = vectors;
    this.norms = norms;
  }

  /** The ids, one per vector. */
  public Ids ids() {
    return ids;
  }

  /** The vectors as they were given. */
  public F32Rows vectors() {
    return vectors;
  }

  /** Number of vectors. */
  public int size() {
    return ids.size();
  }

  /** The norms of the vectors; only for an insert into the index that computed them. */
  double[] normsFor(Object target) {
    if (!target.equals(index)) { // identity: indexes define no other
      throw new IllegalArgumentException("the batch was checked by another index; check it again");
    }
    return norms;
  }
}
