// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.Slots;
import dev.arbalest.ssd.search.TrackedSet;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.vamana.NodeSet;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Everything that follows vectors from slot to slot: the point sets in use, the set of all live
 * vectors, and listeners. Every write updates them. Guarded by the lock of {@link LiveState}. Sets
 * that the caller dropped are removed.
 */
final class TrackedSets {
  private static final int MIN_FORGET = 64;

  private final LoadedIndex loaded;
  private final List<WeakReference<TrackedSet>> sets = new ArrayList<>();

  /** Dropped sets are removed once this many are tracked. */
  private int forgetAt = MIN_FORGET;

  private final List<Slots.Listener> listeners = new ArrayList<>();

  /** Made when first asked for. */
  private @Nullable NodeSet living;

  TrackedSets(LoadedIndex loaded) {
    this.loaded = loaded;
  }

  void add(Slots.Listener listener) {
    listeners.add(listener);
  }

  void remove(Slots.Listener listener) {
    listeners.remove(listener);
  }

  /** The nodes that hold a vector. */
  NodeSet living() {
    NodeSet all = living;
    if (all == null) {
      all = loaded.livingNodes();
      living = all;
    }
    return all;
  }

  /** Makes a set out of all living nodes, and tracks it. */
  TrackedSet track(UnaryOperator<NodeSet> choice) {
    NodeSet all = living();
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
    for (Slots.Listener listener : listeners) {
      listener.placed(node, former);
    }
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
