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
   * Decides anew which vectors with some ids belong to this set: the accepted ones, and no other.
   * Ids that do not exist are ignored. Searches that run meanwhile see some of the changes or all.
   *
   * @throws BadInputException if ids are of another type than the index's
   * @throws IllegalStateException if the index is not open for writing
   */
  public void update(Ids ids, Ids accepted) {
    live()
        .withSlots(slots -> {
          putAll(slots, ids, false);
          putAll(slots, accepted, true);
          return null;
        });
  }

  private void putAll(Slots slots, Ids ids, boolean isMember) {
    for (int i = 0; i < ids.size(); i++) {
      int slot = slots.find(ids, i);
      if (slot != Slots.NONE) {
        tracked.put(slot, isMember);
      }
    }
  }

  /**
   * Replaces all vectors of this set. Searches that run meanwhile see the old set or the new one.
   *
   * @throws IllegalStateException if the index is not open for writing
   */
  public void replace(Slots.Selection selection) {
    live()
        .withSlots(slots -> {
          long[] words = selection.select(slots);
          tracked.replace(words, NodeSet.of(words).sizeOfIntersection(NodeSet.of(slots.live())));
          return null;
        });
  }

  /**
   * The ids of the first vectors of this set in the order of their slots, at most {@code limit}.
   */
  public Ids ids(int limit) {
    return index.idsOf(tracked, limit);
  }

  private LiveIndex live() {
    if (index instanceof LiveIndex open) {
      return open;
    }
    throw new IllegalStateException(index.loaded.directory() + " is not open for writing");
  }

  /**
   * The set as a bitmap, as {@link Slots#live} has it; slots without a vector may be set. It
   * belongs to the set: not to be changed, and of an index that is open for writing valid within
   * {@link LiveIndex#withSlots} only.
   */
  public long[] words() {
    return tracked.nodes().words();
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
