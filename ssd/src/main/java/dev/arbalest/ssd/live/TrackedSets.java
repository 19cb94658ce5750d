// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.ssd.search.TrackedSet;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.vamana.NodeSet;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The point sets in use, which every write updates, and the set of all live vectors. Guarded by the
 * lock of {@link LiveState}. Sets that the caller dropped are removed.
 */
final class TrackedSets {
  private static final int MIN_FORGET = 64;

  private final LoadedIndex loaded;
  private final List<WeakReference<TrackedSet>> sets = new ArrayList<>();

  /** Dropped sets are removed once this many are tracked. */
  private int forgetAt = MIN_FORGET;

  /** Made with the first set. */
  private @Nullable NodeSet living;

  TrackedSets(LoadedIndex loaded) {
    this.loaded = loaded;
  }

  /** Makes a set out of all living nodes, and tracks it. */
  TrackedSet track(UnaryOperator<NodeSet> choice) {
    NodeSet all = living;
    if (all == null) {
      all = loaded.livingNodes();
      living = all;
    }
    if (sets.size() >= forgetAt) {
      forgetGone();
      forgetAt = Math.max(MIN_FORGET, 2 * sets.size());
    }
    NodeSet chosen = choice.apply(all);
    TrackedSet set = new TrackedSet(chosen, chosen.sizeOfIntersection(all));
    sets.add(new WeakReference<>(set));
    return set;
  }

  /** A vector takes a slot, perhaps in place of another; before that is published. */
  void placed(int node, int former) {
    NodeSet all = living;
    if (all == null) {
      return;
    }
    all.add(node);
    if (former >= 0) {
      all.remove(former);
    }
    boolean isAnyGone = false;
    for (WeakReference<TrackedSet> reference : sets) {
      TrackedSet set = reference.get();
      if (set == null) {
        isAnyGone = true;
      } else {
        set.placed(node, former);
      }
    }
    if (isAnyGone) {
      forgetGone();
    }
  }

  private void forgetGone() {
    sets.removeIf(reference -> reference.get() == null);
  }

  /** A vector is deleted; before that is published. */
  void deleted(int node) {
    NodeSet all = living;
    if (all == null) {
      return;
    }
    all.remove(node);
    for (WeakReference<TrackedSet> reference : sets) {
      TrackedSet set = reference.get();
      if (set != null) {
        set.deleted(node);
      }
    }
  }
}
