// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.natives.SystemCallException;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.store.LoadedIndex;
import java.io.IOException;

/** Allocates nodes and their slots: free ones first, then new ones at the end of the file. */
final class SlotSpace {
  private static final long MIN_GROWTH_BYTES = 1 << 20;
  private static final long MAX_GROWTH_BYTES = 64 << 20;

  private final LiveState state;
  private final LoadedIndex loaded;
  private final VectorFile geometry;
  private final FreeNodes free;
  private final MemoryGauge gauge;

  /** Bytes of the file that are allocated; guarded by the lock of the state. */
  private long reservedBytes;

  SlotSpace(LiveState state, MemoryGauge gauge) throws IOException {
    this.state = state;
    this.loaded = state.loaded;
    this.geometry = state.geometry;
    this.free = state.free;
    this.gauge = gauge;
    this.reservedBytes = loaded.vectors().size();
  }

  /** Allocates nodes for a chunk: free ones first, then new ones. Under the lock. */
  void take(int[] nodes, int count) throws IOException {
    int present = loaded.graph().nodeCount();
    int grown = Math.max(0, count - free.size());
    free.reserve(grown); // should they have to be given back
    if (grown > 0) {
      reserve(present + grown);
      loaded.use(present + grown);
      loaded.graph().extend(present + grown);
      gauge.grew(grown);
      for (int node = present; node < present + grown; node++) {
        state.setDeath(node, 1); // until it holds a vector
      }
    }
    for (int i = 0; i < count; i++) {
      nodes[i] = i < count - grown ? free.take() : present + i - (count - grown);
    }
  }

  /** Gives back nodes that were taken and not used; under the lock. */
  void giveBack(int[] nodes, int count) {
    for (int i = 0; i < count; i++) {
      free.add(nodes[i]);
    }
  }

  /** Makes room in the vector file: a full disk must show before anything is written. */
  private void reserve(int nodes) throws IOException {
    long needed = geometry.fileBytes(nodes);
    if (needed <= reservedBytes) {
      return;
    }
    long growth = Math.clamp(reservedBytes / 16, MIN_GROWTH_BYTES, MAX_GROWTH_BYTES);
    long wanted = Math.max(needed, reservedBytes + growth);
    try {
      loaded.vectors().reserve(wanted);
    } catch (SystemCallException e) {
      wanted = needed; // perhaps there is room for just this
      loaded.vectors().reserve(wanted);
    }
    reservedBytes = wanted;
  }

  /** The first slot that is not needed if the highest vectors move to free slots. */
  int firstSuperfluous() {
    return state.live();
  }

  /** Drops free slots behind the last used one; no node may be leaving the graph. */
  void shrink() {
    state.lock.lock();
    try {
      loaded.graph().shrink(free.trim(loaded.graph().nodeCount()));
    } finally {
      state.lock.unlock();
    }
  }

  /** Free slots. */
  int freeSlots() {
    state.lock.lock();
    try {
      return free.size();
    } finally {
      state.lock.unlock();
    }
  }

  /** Truncates the file to the length its slots need. */
  void truncate() throws IOException {
    state.lock.lock();
    try {
      long bytes = geometry.fileBytes(loaded.graph().nodeCount());
      loaded.vectors().truncate(bytes);
      reservedBytes = bytes;
    } finally {
      state.lock.unlock();
    }
  }
}
