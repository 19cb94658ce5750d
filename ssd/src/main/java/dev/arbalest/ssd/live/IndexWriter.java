// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.Slots;
import dev.arbalest.WriteReceipt;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.cache.VectorCache;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.log.LogRecord;
import dev.arbalest.ssd.log.WriteAheadLog;
import dev.arbalest.ssd.search.TrackedSet;
import dev.arbalest.ssd.search.UnlinkedRows;
import dev.arbalest.ssd.store.IdMap;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.ssd.store.SingleSlotReader;
import dev.arbalest.vamana.NodeSet;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The writing side of an open index. A write is checked, cut into chunks, appended to the log and
 * applied to ids, codes and {@link UnlinkedRows}, where searches find it at once; then it is made
 * durable and acknowledged. Behind it the {@link Linker} writes vectors to their slots and puts
 * nodes into the graph, takes dead ones out, and frees their slots.
 *
 * <p>Writers of several threads take turns chunk by chunk, and share the log's {@code fsync}. They
 * wait while the ring of unlinked rows is full, which bounds its memory and the rows a search
 * scans.
 *
 * <p>When the disk fails behind a write that was acknowledged, all further writes are refused until
 * the index is opened again, which does what the log says; searches go on.
 */
public final class IndexWriter implements AutoCloseable {
  private static final int MAX_IDS_PER_DELETE = 65_536;

  private final LiveState state;
  private final LoadedIndex loaded;
  private final VectorFile geometry;
  private final UnlinkedRows unlinked;
  private final Slots lockedSlots;
  private final IdMap map;
  private final FreeNodes free;
  private final DeadNodes dead;
  private final WriteAdmission admission;
  private final SlotSpace slots;
  private final WriteChunk chunk;
  private final LinkQueue queue;

  /** Vectors the last chunk replaced; guarded by the lock of the state. */
  private int replacedOfChunk;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  IndexWriter(
      LoadedIndex loaded, MemoryGauge gauge, @Nullable VectorCache cache, SlabPool.Lease memory)
      throws IOException {
    this.state = new LiveState(loaded, memory);
    this.loaded = loaded;
    this.geometry = state.geometry;
    this.unlinked = state.unlinked;
    this.map = state.map;
    this.free = state.free;
    this.dead = state.dead;
    try {
      this.admission = new WriteAdmission(state, gauge);
      this.lockedSlots = new LockedSlots(state, admission);
      this.slots = new SlotSpace(state, gauge);
      this.chunk = new WriteChunk(state, memory);
      this.queue = new LinkQueue(state, cache);
    } catch (Throwable e) {
      state.close();
      throw e;
    }
  }

  UnlinkedRows unlinked() {
    return unlinked;
  }

  VectorFile geometry() {
    return geometry;
  }

  /** Decides which writes may proceed. */
  WriteAdmission admission() {
    return admission;
  }

  /** Allocates slots. */
  SlotSpace slots() {
    return slots;
  }

  /** What waits for the linker. */
  LinkQueue queue() {
    return queue;
  }

  /** Number of vectors. */
  public int live() {
    return state.live();
  }

  /** As {@code LiveIndex.check}; returns the norms of the rows. */
  public double[] check(Ids ids, F32Rows rows) throws IOException {
    return admission.check(ids, rows);
  }

  /** Whether writes are delayed because memory is short. */
  public boolean isMemoryShort() {
    return admission.isMemoryShort();
  }

  /** Waits until the graph holds everything inserted and nothing deleted. */
  public void awaitLinked() throws IOException {
    queue.awaitLinked();
  }

  /** The error that ended writing, or null. */
  public @Nullable Throwable failure() {
    return state.failure();
  }

  /** Ends writing. */
  void fail(Throwable cause) {
    state.fail(cause);
  }

  /** Replays a block of the log. */
  void replay(long sequence, MemorySegment block, int bytes, int floatsFrom) throws IOException {
    Ids ids = LogRecord.ids(block, bytes);
    if (ids == null || ids.type() != loaded.ids().type()) {
      throw new CorruptIndexException(
          loaded.directory(), "block " + sequence + " of the log has no ids of this index");
    }
    if (LogRecord.kind(block) == LogRecord.DELETE) {
      state.lock.lock();
      try {
        delete(ids, 0, ids.size());
      } finally {
        state.lock.unlock();
      }
      return;
    }
    int dimension = geometry.dimension();
    if (LogRecord.kind(block) != LogRecord.INSERT
        || LogRecord.dimension(block) != dimension
        || bytes - floatsFrom != 4L * dimension * ids.size()) {
      throw new CorruptIndexException(
          loaded.directory(), "block " + sequence + " of the log is not one of this index");
    }
    F32Rows rows = new F32Rows(block, floatsFrom, 4L * dimension, ids.size(), dimension);
    state.lock.lock();
    try {
      for (int from = 0; from < ids.size(); from += chunk.capacity()) {
        int to = Math.min(ids.size(), from + chunk.capacity());
        admission.awaitRoom(to - from);
        insert(ids, rows, null, from, to, sequence);
      }
    } finally {
      state.lock.unlock();
    }
  }

  /** Appends to a log from now on. */
  void start(WriteAheadLog newLog) {
    state.lock.lock();
    try {
      state.log = newLog;
      chunk.start(newLog);
    } finally {
      state.lock.unlock();
    }
  }

  /** As {@code LiveIndex.insert}, of rows that {@link #check} found fit. */
  WriteReceipt insert(Ids ids, F32Rows rows, double[] norms) throws IOException {
    long delay = 0;
    int replaced = 0;
    long sequence = 0;
    state.lock.lock();
    long promise = 0;
    try {
      promise = admission.requireRoom(ids);
      admission.promise(promise);
      int from = 0;
      while (from < ids.size()) {
        int to = chunk.end(ids, from);
        delay += admission.awaitRoom(to - from);
        delay += admission.slowDown();
        sequence = insert(ids, rows, norms, from, to, 0);
        replaced += replacedOfChunk;
        from = to;
      }
    } finally {
      admission.fulfil(promise);
      state.lock.unlock();
    }
    acknowledge(sequence);
    return new WriteReceipt(ids.size(), replaced, delay);
  }

  /**
   * Applies a chunk.
   *
   * @param norms of the rows, or null if they were not checked
   * @param replayed sequence of the block it is from, 0 to append it to the log
   * @return its sequence
   */
  private long insert(
      Ids ids, F32Rows rows, double @Nullable [] norms, int from, int to, long replayed)
      throws IOException {
    int count = to - from;
    int end = unlinked.end();
    // Behind the append nothing may fail: tables grow before.
    dead.reserve(count);
    map.reserve(count);
    slots.take(chunk.nodes(), count);
    long sequence = replayed;
    try {
      chunk.stageAll(ids, rows, norms, from, to, end);
      if (replayed == 0) {
        sequence = chunk.appendInsert(ids, from, to);
      }
    } catch (Throwable e) {
      slots.giveBack(chunk.nodes(), count);
      throw e;
    }
    try {
      publish(ids, from, count, end, sequence);
    } catch (Throwable e) {
      state.fail(e);
      throw e;
    }
    return sequence;
  }

  /** Publishes a staged chunk. */
  private void publish(Ids ids, int from, int count, int end, long sequence) {
    int next = state.nextOperation();
    int[] nodes = chunk.nodes();
    int replaced = 0;
    for (int i = 0; i < count; i++) {
      int node = nodes[i];
      state.setDeath(node, 0);
      int known = loaded.ids().type() == IdType.UTF8 ? map.find(ids, from + i) : IdMap.NONE;
      if (known == IdMap.NONE) {
        loaded.ids().set(node, ids, from + i);
      } else {
        loaded.ids().share(node, known); // the table has its text already
      }
      int old = map.put(node, ids, from + i);
      if (old != IdMap.NONE) {
        state.setDeath(old, next);
        dead.add(old, end + count);
        replaced++;
      }
      state.sets.placed(node, old);
      unlinked.set(end + i, node, sequence);
    }
    replacedOfChunk = replaced;
    state.setLive(state.live() + count - replaced);
    state.operation = next;
    unlinked.publish(next, end + count);
    state.workToDo.signal();
  }

  private void acknowledge(long sequence) throws IOException {
    if (sequence > 0) {
      Objects.requireNonNull(state.log).acknowledge(sequence);
    }
  }

  /** As {@code LiveIndex.delete}. */
  WriteReceipt delete(Ids ids) throws IOException {
    admission.requireType(ids);
    long sequence = 0;
    int deleted = 0;
    int from = 0;
    while (from < ids.size()) {
      state.lock.lock();
      try {
        admission.requireUsable();
        int to = chunk.deleteEnd(ids, from, MAX_IDS_PER_DELETE);
        dead.reserve(to - from); // behind the append nothing may fail
        sequence = chunk.appendDelete(ids, from, to);
        try {
          deleted += delete(ids, from, to);
        } catch (Throwable e) {
          state.fail(e);
          throw e;
        }
        from = to;
      } finally {
        state.lock.unlock();
      }
    }
    acknowledge(sequence);
    return new WriteReceipt(deleted, 0, 0);
  }

  private int delete(Ids ids, int from, int to) {
    int next = state.nextOperation();
    int deleted = 0;
    for (int i = from; i < to; i++) {
      int node = map.find(ids, i);
      if (node != IdMap.NONE) {
        map.remove(node);
        state.sets.deleted(node);
        state.setDeath(node, next);
        dead.add(node, unlinked.end());
        deleted++;
      }
    }
    state.setLive(state.live() - deleted);
    state.operation = next;
    unlinked.publish(next, unlinked.end());
    state.workToDo.signal();
    return deleted;
  }

  /** Makes a set of nodes out of all living ones, which writes keep right from now on. */
  public TrackedSet track(UnaryOperator<NodeSet> choice) {
    state.lock.lock();
    try {
      return state.sets.track(choice);
    } finally {
      state.lock.unlock();
    }
  }

  /** Calls a listener for every vector that takes a slot, from now on. */
  public void addListener(Slots.Listener listener) {
    state.lock.lock();
    try {
      state.sets.add(listener);
    } finally {
      state.lock.unlock();
    }
  }

  /** Calls a listener no more. */
  public void removeListener(Slots.Listener listener) {
    state.lock.lock();
    try {
      state.sets.remove(listener);
    } finally {
      state.lock.unlock();
    }
  }

  /** Runs an action while nothing is inserted, deleted or moved. */
  public <T extends @Nullable Object> T withSlots(Slots.Action<T> action) {
    state.lock.lock();
    try {
      return action.run(lockedSlots);
    } finally {
      state.lock.unlock();
    }
  }

  /** The node that has an id, or {@link IdMap#NONE}; it may be gone when this returns. */
  public int find(Ids ids, int i) {
    admission.requireType(ids);
    state.lock.lock();
    try {
      return map.find(ids, i);
    } finally {
      state.lock.unlock();
    }
  }

  /**
   * Inserts vectors again under their ids, so that they get lower slots; those that are gone or not
   * in their slots yet are passed over. Slots are read under the lock, so no other vector replaces
   * their content meanwhile.
   *
   * @param nodes at most a chunk of them
   * @param slot reads them
   * @param floats room for one vector
   * @return false if there is no lower slot for one of them
   */
  boolean relocate(int[] nodes, int count, SingleSlotReader slot, MemorySegment floats)
      throws IOException {
    long sequence = 0;
    int dimension = geometry.dimension();
    F32Rows row = new F32Rows(floats, 0, 4L * dimension, 1, dimension);
    state.lock.lock();
    try {
      long _ = admission.awaitRoom(count);
      BitSet isUnlinked = new BitSet();
      for (int position = unlinked.start(); position - unlinked.end() < 0; position++) {
        isUnlinked.set(unlinked.node(position));
      }
      for (int i = 0; i < count; i++) {
        int node = nodes[i];
        if (loaded.isDead(node) || isUnlinked.get(node)) {
          continue;
        }
        if (free.size() == 0 || free.next() >= node) {
          return false;
        }
        slot.read(node, floats, 0);
        sequence = insert(loaded.ids().only(node), row, null, 0, 1, 0);
      }
    } finally {
      state.lock.unlock();
    }
    acknowledge(sequence);
    return true;
  }

  /**
   * Runs something while nothing is written.
   *
   * @throws IOException if a write was half applied or may be
   */
  void withLock(Runnable action) throws IOException {
    state.lock.lock();
    try {
      state.requireNotFailed();
      action.run();
    } finally {
      state.lock.unlock();
    }
  }

  /** Last block of the log whose vectors are all linked; under the lock. */
  long linkedSequence() {
    assert state.lock.isHeldByCurrentThread();
    int head = unlinked.start();
    long last = state.log == null ? 0 : state.log.lastSequence();
    return unlinked.end() == head ? last : unlinked.sequence(head) - 1;
  }

  /** Refuses further writes; the linker ends when it has done the remaining work. */
  void beginClose() {
    state.lock.lock();
    try {
      state.closing = true;
      state.workToDo.signalAll();
      state.roomForUnlinked.signalAll();
    } finally {
      state.lock.unlock();
    }
  }

  @Override
  public void close() {
    try (state) {
      chunk.close();
    }
  }
}
