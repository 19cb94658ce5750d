// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.ssd.search.TrackedSet;
import dev.arbalest.ssd.store.IdMap;
import dev.arbalest.vamana.NodeSet;

/**
 * Some vectors of an index, for searches within them: one bit per slot, and an exact count. {@link
 * Index#pointSet} makes sets, {@link #and}, {@link #or} and {@link #not} combine them.
 *
 * <p>A set stays right while the index is written to: a vector that is inserted again under its id
 * stays in the set, a deleted one leaves it, and a vector with a new id does not enter it.
 * Thread-safe; it may be used until the index is closed.
 */
public final class PointSet {
  private final Index index;
  private final TrackedSet tracked;

  PointSet(Index index, TrackedSet tracked) {
    this.index = index;
    this.tracked = tracked;
  }

  /** Number of vectors in the set. */
  public int count() {
    return tracked.count();
  }

  /** Whether the set has the vector with the {@code i}-th of some ids. */
  public boolean contains(Ids ids, int i) {
    long phase = index.searcher.enter();
    try {
      int node = index.find(ids, i);
      return node != IdMap.NONE && tracked.nodes().contains(node);
    } finally {
      index.searcher.phaser().exit(phase);
    }
  }

  /**
   * The vectors that are in this set and in another.
   *
   * @throws IllegalArgumentException if that is a set of another index
   */
  public PointSet and(PointSet other) {
    other.trackedBy(index);
    return index.newSet(_ -> tracked.nodes().and(other.tracked.nodes()));
  }

  /**
   * The vectors that are in this set or in another.
   *
   * @throws IllegalArgumentException if that is a set of another index
   */
  public PointSet or(PointSet other) {
    other.trackedBy(index);
    return index.newSet(_ -> tracked.nodes().or(other.tracked.nodes()));
  }

  /**
   * The vectors that are in this set and not in another.
   *
   * @throws IllegalArgumentException if that is a set of another index
   */
  public PointSet without(PointSet other) {
    other.trackedBy(index);
    return index.newSet(_ -> tracked.nodes().without(other.tracked.nodes()));
  }

  /**
   * This set, but of some ids only the accepted ones belong to it. Ids that do not exist are
   * ignored.
   *
   * @throws BadInputException if ids are of another type than the index's
   */
  public PointSet updated(Ids ids, Ids accepted) {
    return index.newSet(_ -> {
      NodeSet nodes = tracked.nodes().copy();
      index.forEachNode(ids, nodes::remove);
      index.forEachNode(accepted, nodes::add);
      return nodes;
    });
  }

  /** The vectors of the index that are not in this set. */
  public PointSet not() {
    return index.newSet(all -> all.without(tracked.nodes()));
  }

  /** The bitmap, for a search of the index it belongs to. */
  TrackedSet trackedBy(Index expected) {
    if (expected != index) {
      throw new IllegalArgumentException(
          "the set belongs to the index in "
              + index.loaded.directory()
              + ", not to the one in "
              + expected.loaded.directory());
    }
    return tracked;
  }
}
