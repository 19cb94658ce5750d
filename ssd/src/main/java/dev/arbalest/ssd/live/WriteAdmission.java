// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.BadInputException;
import dev.arbalest.ElementType;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.WriteRefusedException;
import dev.arbalest.ssd.format.RowCheck;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.search.UnlinkedRows;
import dev.arbalest.ssd.store.IdMap;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Decides whether and when a write may proceed: checks it, and waits for room and memory. */
final class WriteAdmission {
  private final LiveState state;
  private final LoadedIndex loaded;
  private final VectorFile geometry;
  private final Metric metric;
  private final UnlinkedRows unlinked;
  private final IdMap map;
  private final FreeNodes free;
  private final MemoryGauge gauge;

  // Guarded by the lock of the state:

  /** Nodes that running inserts will need. */
  private long promised;

  private @Nullable IOException checkpointFailure;
  private long maxLogBytes;

  WriteAdmission(LiveState state, MemoryGauge gauge) {
    this.state = state;
    this.loaded = state.loaded;
    this.geometry = state.geometry;
    this.metric = loaded.manifest().metric();
    this.unlinked = state.unlinked;
    this.map = state.map;
    this.free = state.free;
    this.gauge = gauge;
  }

  /**
   * Throws if ids and vectors cannot be inserted, or if there is no memory for them now.
   *
   * @return the norms of the rows
   */
  double[] check(Ids ids, F32Rows rows) throws IOException {
    if (ids.size() != rows.count()) {
      throw new BadInputException(ids.size() + " ids for " + rows.count() + " vectors");
    }
    if (rows.dimension() != geometry.dimension()) {
      throw new BadInputException(
          "vectors have dimension " + rows.dimension() + ", the index " + geometry.dimension());
    }
    requireType(ids);
    double[] norms = new double[rows.count()];
    float[] scratch = new float[rows.dimension()];
    for (int i = 0; i < norms.length; i++) {
      norms[i] = RowCheck.norm(rows, i, metric, RowCheck::insert);
      if (geometry.type() == ElementType.F16) {
        RowCheck.take(rows, i, metric, norms[i], scratch);
        geometry.type().requireFits(scratch, i);
      }
    }
    state.lock.lock();
    try {
      long _ = requireRoom(ids);
    } finally {
      state.lock.unlock();
    }
    return norms;
  }

  /** Throws if the type of the ids differs from the index's. */
  void requireType(Ids ids) {
    IdType expected = loaded.ids().type();
    if (ids.type() != expected) {
      throw new BadInputException(
          "ids are " + ids.type().label() + ", those of the index " + expected.label());
    }
  }

  /**
   * Refuses a write that does not fit the budget as a whole, so that no half of it is done.
   *
   * @return how many nodes it needs that are not free
   */
  long requireRoom(Ids ids) throws IOException {
    requireUsable();
    long grown = Math.max(0, ids.size() - free.size());
    long textBytes = 0;
    for (int i = 0; i < ids.size() && ids.type() == IdType.UTF8; i++) {
      textBytes += ids.text(i).length;
    }
    long mapGrowth = map.byteSizeWith(ids.size()) - map.byteSize();
    long wanted = grown + promised;
    if (wanted > loaded.graph().capacity() - loaded.graph().nodeCount()
        || !loaded.ids().hasRoom(textBytes)
        || !gauge.allows(wanted, textBytes + mapGrowth)) {
      throw new WriteRefusedException(
          "inserting "
              + ids.size()
              + " vectors needs more than the memory budget of "
              + gauge.budgetBytes()
              + " bytes, of which "
              + gauge.usedBytes()
              + " are used (the heap's "
              + Runtime.getRuntime().maxMemory()
              + " among them); delete some, or open the index with more, or a smaller -Xmx");
    }
    return grown;
  }

  /** Keeps room for nodes until {@link #fulfil}; under the lock. */
  void promise(long nodes) {
    promised += nodes;
  }

  /** Ends a promise; under the lock. */
  void fulfil(long nodes) {
    promised -= nodes;
  }

  /** Waits until the buffer of unlinked rows has room; returns the nanoseconds waited. */
  long awaitRoom(int rows) throws IOException {
    requireUsable();
    if (unlinked.room() >= rows) {
      return 0;
    }
    long start = System.nanoTime();
    while (unlinked.room() < rows) {
      LiveState.await(state.roomForUnlinked);
      requireUsable();
    }
    return System.nanoTime() - start;
  }

  /** Whether writes are being delayed because memory is short. */
  boolean isMemoryShort() {
    return gauge.delayNanos() > 0;
  }

  /** Waits longer the less memory is left; returns the nanoseconds waited. */
  long slowDown() throws IOException {
    long nanos = gauge.delayNanos();
    if (nanos == 0) {
      return 0;
    }
    long start = System.nanoTime();
    long left = nanos;
    while (left > 0) {
      try {
        left = state.roomForUnlinked.awaitNanos(left);
      } catch (InterruptedException e) {
        throw LiveState.interrupted(e);
      }
      requireUsable();
    }
    return System.nanoTime() - start;
  }

  /** Throws if the index accepts no writes; under the lock. */
  void requireUsable() throws IOException {
    if (state.closing) {
      throw new IllegalStateException("the index is closed");
    }
    state.requireNotFailed();
    IOException failed = checkpointFailure;
    if (failed != null && state.log != null && state.log.writtenBytes() > maxLogBytes) {
      throw new WriteRefusedException(
          "the log of "
              + loaded.directory()
              + " is too long and no checkpoint can be made: "
              + failed.getMessage());
    }
  }

  /**
   * Sets why no checkpoint can be made and how long the log may become, or null when one was made.
   */
  void setCheckpointFailure(@Nullable IOException failed, long logBytes) {
    state.lock.lock();
    try {
      checkpointFailure = failed;
      maxLogBytes = logBytes;
    } finally {
      state.lock.unlock();
    }
  }
}
