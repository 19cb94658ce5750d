package dev.arbalest.ssd.live;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.ElementType;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.WriteReceipt;
import dev.arbalest.WriteRefusedException;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.cache.VectorCache;
import dev.arbalest.natives.SystemCallException;
import dev.arbalest.pq.CodeEncoder;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.RowCheck;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.log.LogAppender;
import dev.arbalest.ssd.log.LogRecord;
import dev.arbalest.ssd.log.WriteAheadLog;
import dev.arbalest.ssd.search.UnlinkedRows;
import dev.arbalest.ssd.store.IdMap;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.ssd.store.SingleSlotReader;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The writing side of an open index. A write is checked, cut into chunks, appended to the log and
 * applied to ids, codes and {@link UnlinkedRows}, where searches find it at once; then it is made
 * durable and acknowledged. Behind it the {@link Linker} writes vectors to their slots and puts
 * nodes into the graph, takes dead ones out, and frees their slots.
 *
 * <p>Writers of several threads take turns chunk by chunk, and share the log's {@code fsync}. They
 * wait while the tail is full: that is what bounds memory and what searches look through.
 *
 * <p>When the disk fails behind a write that was acknowledged, all further writes are refused until
 * the index is opened again, which does what the log says; searches go on.
 */
public final class IndexWriter implements AutoCloseable {
  /** Of the rows of the tail in a chunk: several fit while others are being linked. */
  private static final int CHUNKS_PER_TAIL = 4;

  /** Texts of ids in a chunk; with the vectors far below what a block of the log holds. */
  private static final int MAX_ID_BYTES = 4 << 20;

  private static final int MAX_IDS_PER_DELETE = 65_536;
  private static final long MIN_GROWTH_BYTES = 1 << 20;
  private static final long MAX_GROWTH_BYTES = 64 << 20;

  private final LoadedIndex loaded;
  private final VectorFile geometry;
  private final Metric metric;
  private final MemoryGauge gauge;
  private final @Nullable VectorCache cache;
  private final SlabPool.Lease memory;
  private final UnlinkedRows tail;
  private final IdMap map;
  private final FreeNodes free = new FreeNodes();
  private final DeadNodes dead = new DeadNodes();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition roomInTail = lock.newCondition();
  private final Condition workToDo = lock.newCondition();
  private final Condition workDone = lock.newCondition();

  // Guarded by lock:
  private final CodeEncoder encoder;
  private final MemorySegment chunkCodes;
  private final MemorySegment payload;
  private final MemorySegment slotImage;
  private final ByteBuffer slotImageBytes;
  private final CRC32C crc = new CRC32C();
  private final float[] row;
  private final int[] chunkNodes;
  private @Nullable WriteAheadLog log;
  private @Nullable LogAppender appender;
  private int operation = 1;
  private long reservedBytes;
  private boolean closing;
  private boolean isLinking;
  private int waiters;
  private int replacedOfChunk;

  /** Dead nodes that have left the graph and become free since this was opened. */
  private long freed;

  /** Last block of the log when nodes were taken to leave the graph; of the linker's thread. */
  private long leavingSequence;

  /** Nodes that inserts under way will need. */
  private long promised;

  private @Nullable IOException checkpointFailure;
  private long mostLogBytes;
  public volatile int live;
  public volatile @Nullable Throwable failure;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  IndexWriter(
      LoadedIndex loaded, MemoryGauge gauge, @Nullable VectorCache cache, SlabPool.Lease memory)
      throws IOException {
    this.loaded = loaded;
    this.gauge = gauge;
    this.cache = cache;
    this.memory = memory;
    this.metric = loaded.manifest().metric();
    this.geometry = new VectorFile(loaded.manifest().dimension(), loaded.manifest().storage());
    int dimension = geometry.dimension();
    this.tail = new UnlinkedRows(dimension, memory);
    int chunk = tail.capacity() / CHUNKS_PER_TAIL;
    this.chunkNodes = new int[chunk];
    this.row = new float[dimension];
    this.encoder = loaded.codec().newEncoder(memory);
    this.chunkCodes = memory.allocate((long) chunk * loaded.codec().codeBytes(), 64);
    this.payload = memory.allocate(MAX_ID_BYTES + 64L + 4L * dimension * chunk, 64);
    this.slotImage = memory.allocate(geometry.slotBytes(), 64);
    this.slotImageBytes = slotImage.asByteBuffer();
    this.reservedBytes = loaded.vectors().size();
    this.live = loaded.manifest().live();
    this.map = new IdMap(loaded.ids(), live);
    try {
      for (int node = 0; node < loaded.graph().nodeCount(); node++) {
        if (loaded.isDead(node)) {
          if (loaded.manifest().checkpoint().clean()) {
            free.add(node);
          } else {
            dead.add(node, 0); // it may still be somebody's neighbour
          }
        } else if (!map.add(node)) {
          throw new CorruptIndexException(
              loaded.directory(), "two vectors have the id " + loaded.ids().text(node));
        }
      }
    } catch (Throwable e) {
      map.close();
      throw e;
    }
    tail.publish(operation, 0);
  }

  UnlinkedRows tail() {
    return tail;
  }

  VectorFile geometry() {
    return geometry;
  }

  /** Vectors that are there. */
  public int live() {
    return live;
  }

  /** Does what a block of the log says, again. */
  void replay(long sequence, MemorySegment block, int bytes, int floatsFrom) throws IOException {
    Ids ids = LogRecord.ids(block, bytes);
    if (ids == null || ids.type() != loaded.ids().type()) {
      throw new CorruptIndexException(
          loaded.directory(), "block " + sequence + " of the log has no ids of this index");
    }
    if (LogRecord.kind(block) == LogRecord.DELETE) {
      lock.lock();
      try {
        delete(ids, 0, ids.size());
      } finally {
        lock.unlock();
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
    lock.lock();
    try {
      for (int from = 0; from < ids.size(); from += chunkNodes.length) {
        int to = Math.min(ids.size(), from + chunkNodes.length);
        awaitRoom(to - from);
        insert(ids, rows, from, to, sequence);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Appends to a log from now on. */
  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  void start(WriteAheadLog newLog) {
    lock.lock();
    try {
      log = newLog;
      appender = newLog.newAppender(Math.toIntExact(payload.byteSize()), memory);
    } finally {
      lock.unlock();
    }
  }

  /** As {@code Index.insert}. */
  WriteReceipt insert(Ids ids, F32Rows rows) throws IOException {
    check(ids, rows);
    long delay = 0;
    int replaced = 0;
    long sequence = 0;
    lock.lock();
    long promise = 0;
    try {
      promise = requireRoom(ids);
      promised += promise;
      int from = 0;
      while (from < ids.size()) {
        int to = chunkEnd(ids, from);
        delay += awaitRoom(to - from);
        delay += slowDown();
        sequence = insert(ids, rows, from, to, 0);
        replaced += replacedOfChunk;
        from = to;
      }
    } finally {
      promised -= promise;
      lock.unlock();
    }
    acknowledge(sequence);
    return new WriteReceipt(ids.size(), replaced, delay);
  }

  /** As {@code Index.requireInsertable}. */
  public void requireInsertable(Ids ids, F32Rows rows) throws IOException {
    check(ids, rows);
    lock.lock();
    try {
      long _ = requireRoom(ids);
    } finally {
      lock.unlock();
    }
  }

  private void check(Ids ids, F32Rows rows) {
    if (ids.size() != rows.count()) {
      throw new BadInputException(ids.size() + " ids for " + rows.count() + " vectors");
    }
    if (rows.dimension() != geometry.dimension()) {
      throw new BadInputException(
          "vectors have dimension " + rows.dimension() + ", the index " + geometry.dimension());
    }
    requireType(ids);
    float[] scratch = new float[rows.dimension()];
    for (int i = 0; i < rows.count(); i++) {
      double norm = RowCheck.norm(rows, i, metric, "insert");
      if (geometry.type() == ElementType.F16) {
        RowCheck.take(rows, i, metric, norm, scratch);
        geometry.type().requireFits(scratch, i);
      }
    }
  }

  private void requireType(Ids ids) {
    IdType expected = loaded.ids().type();
    if (ids.type() != expected) {
      throw new BadInputException(
          "ids are " + ids.type().label() + ", those of the index " + expected.label());
    }
  }

  /** Rows up to which a chunk goes. */
  private int chunkEnd(Ids ids, int from) {
    int to = Math.min(ids.size(), from + chunkNodes.length);
    while (to > from + 1 && LogRecord.idBytes(ids, from, to) > MAX_ID_BYTES) {
      to = from + (to - from) / 2;
    }
    return to;
  }

  /**
   * Refuses what does not fit the budget as a whole, so that no half of it is done.
   *
   * @return how many nodes it needs that are not free
   */
  private long requireRoom(Ids ids) throws IOException {
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

  /** Waits until the tail has room; returns for how long. */
  private long awaitRoom(int rows) throws IOException {
    requireUsable();
    if (tail.room() >= rows) {
      return 0;
    }
    long start = System.nanoTime();
    while (tail.room() < rows) {
      await(roomInTail);
      requireUsable();
    }
    return System.nanoTime() - start;
  }

  public boolean isMemoryShort() {
    return gauge.delayNanos() > 0;
  }

  /** Waits the longer the less memory is left; returns for how long. */
  private long slowDown() throws IOException {
    long nanos = gauge.delayNanos();
    if (nanos == 0) {
      return 0;
    }
    long start = System.nanoTime();
    long left = nanos;
    while (left > 0) {
      try {
        left = roomInTail.awaitNanos(left);
      } catch (InterruptedException e) {
        throw interrupted(e);
      }
      requireUsable();
    }
    return System.nanoTime() - start;
  }

  /** Waits for a condition or a second, spurious wake-ups included: callers look again. */
  @SuppressWarnings("WaitNotInLoop")
  private static void await(Condition condition) throws IOException {
    try {
      boolean _ = condition.await(1, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  private static IOException interrupted(InterruptedException e) {
    Thread.currentThread().interrupt();
    IOException interrupted = new java.io.InterruptedIOException("interrupted while writing");
    interrupted.initCause(e);
    return interrupted;
  }

  private void requireUsable() throws IOException {
    if (closing) {
      throw new IllegalStateException("the index is closed");
    }
    requireNotFailed();
    IOException failed = checkpointFailure;
    if (failed != null && log != null && log.writtenBytes() > mostLogBytes) {
      throw new WriteRefusedException(
          "the log of "
              + loaded.directory()
              + " is too long and no checkpoint can be made: "
              + failed.getMessage());
    }
  }

  /** Says why no checkpoint can be made, and how long the log may become, or that one was made. */
  void setCheckpointFailure(@Nullable IOException failed, long logBytes) {
    lock.lock();
    try {
      checkpointFailure = failed;
      mostLogBytes = logBytes;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Applies a chunk.
   *
   * @param replayed sequence of the block it is from, 0 to append it to the log
   * @return its sequence
   */
  private long insert(Ids ids, F32Rows rows, int from, int to, long replayed) throws IOException {
    int count = to - from;
    int end = tail.end();
    int idBytes = LogRecord.idBytes(ids, from, to);
    // Behind the append nothing may fail: tables grow before.
    dead.reserve(count);
    map.reserve(count);
    take(count);
    long sequence = replayed;
    try {
      for (int i = 0; i < count; i++) {
        stage(rows, from + i, end + i, chunkNodes[i], idBytes + 4L * i * row.length);
      }
      encode(end, count);
      if (replayed == 0) {
        int floatsFrom =
            LogRecord.write(payload, LogRecord.INSERT, ids, from, to, geometry.dimension());
        sequence = append(floatsFrom + 4 * count * row.length, floatsFrom);
      }
    } catch (Throwable e) {
      for (int i = 0; i < count; i++) {
        free.add(chunkNodes[i]);
      }
      throw e;
    }
    try {
      publish(ids, from, count, end, sequence);
    } catch (Throwable e) {
      fail(e);
      throw e;
    }
    return sequence;
  }

  /** Makes a chunk that was staged part of the index. */
  private void publish(Ids ids, int from, int count, int end, long sequence) {
    int next = nextOperation();
    int replaced = 0;
    for (int i = 0; i < count; i++) {
      int node = chunkNodes[i];
      setDeath(node, 0);
      int known = loaded.ids().type() == IdType.UTF8 ? map.find(ids, from + i) : IdMap.NONE;
      if (known == IdMap.NONE) {
        loaded.ids().set(node, ids, from + i);
      } else {
        loaded.ids().share(node, known); // its text is there already
      }
      int old = map.put(node, ids, from + i);
      if (old != IdMap.NONE) {
        setDeath(old, next);
        dead.add(old, end + count);
        replaced++;
      }
      tail.set(end + i, node, sequence);
    }
    replacedOfChunk = replaced;
    setLive(live + count - replaced);
    operation = next;
    tail.publish(next, end + count);
    workToDo.signal();
  }

  /** Operations 0 and 1 stand for living and long dead. */
  private int nextOperation() {
    int next = operation + 1;
    return next == 0 ? 2 : next;
  }

  private void setLive(int count) {
    assert lock.isHeldByCurrentThread();
    live = count;
  }

  private void setDeath(int node, int when) {
    loaded.deaths().segment().setAtIndex(FileHeader.INT, node, when);
  }

  /** Takes nodes for a chunk: free ones, else new ones with room in the file. */
  private void take(int count) throws IOException {
    int present = loaded.graph().nodeCount();
    int grown = Math.max(0, count - free.size());
    free.reserve(grown); // should they have to be given back
    if (grown > 0) {
      reserve(present + grown);
      loaded.use(present + grown);
      loaded.graph().extend(present + grown);
      gauge.grew(grown);
      for (int node = present; node < present + grown; node++) {
        setDeath(node, 1); // until it holds a vector
      }
    }
    for (int i = 0; i < count; i++) {
      chunkNodes[i] = i < count - grown ? free.take() : present + i - (count - grown);
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

  /** Puts a vector into the tail and the block, and the checksum of its slot into the table. */
  private void stage(F32Rows rows, int source, int position, int node, long blockOffset) {
    double norm = RowCheck.norm(rows, source, metric, "insert");
    RowCheck.take(rows, source, metric, norm, row);
    slotImage.fill((byte) 0);
    geometry.type().store(row, source, slotImage, 0);
    crc.reset();
    crc.update(slotImageBytes.rewind());
    int sum = (int) crc.getValue();
    loaded.sums().segment().setAtIndex(FileHeader.INT, node, sum);
    MemorySegment.copy(row, 0, tail.rows(), F32Rows.FLOAT, tail.offset(position), row.length);
    MemorySegment.copy(row, 0, payload, F32Rows.FLOAT, blockOffset, row.length);
  }

  private void encode(int position, int count) {
    int codeBytes = loaded.codec().codeBytes();
    int done = 0;
    while (done < count) {
      int run = tail.contiguous(position + done, count - done);
      F32Rows rows = tail.rowsFrom(position + done, run);
      F32Rows prefix =
          new F32Rows(
              rows.memory(),
              rows.offsetBytes(),
              rows.strideBytes(),
              run,
              loaded.codec().dimension());
      encoder.encode(prefix, 0, run, chunkCodes);
      for (int i = 0; i < run; i++) {
        MemorySegment.copy(
            chunkCodes,
            (long) i * codeBytes,
            loaded.codes().segment(),
            (long) chunkNodes[done + i] * codeBytes,
            codeBytes);
      }
      done += run;
    }
  }

  private long append(int bytes, int floatsFrom) throws IOException {
    return java.util.Objects.requireNonNull(appender).append(payload, bytes, floatsFrom);
  }

  private void acknowledge(long sequence) throws IOException {
    if (sequence > 0) {
      java.util.Objects.requireNonNull(log).acknowledge(sequence);
    }
  }

  /** As {@code Index.delete}. */
  WriteReceipt delete(Ids ids) throws IOException {
    requireType(ids);
    long sequence = 0;
    int deleted = 0;
    int from = 0;
    while (from < ids.size()) {
      lock.lock();
      try {
        requireUsable();
        int to = Math.min(ids.size(), from + MAX_IDS_PER_DELETE);
        while (to > from + 1 && LogRecord.idBytes(ids, from, to) > payload.byteSize()) {
          to = from + (to - from) / 2;
        }
        int bytes = LogRecord.write(payload, LogRecord.DELETE, ids, from, to, 0);
        dead.reserve(to - from); // behind the append nothing may fail
        sequence = append(bytes, bytes);
        try {
          deleted += delete(ids, from, to);
        } catch (Throwable e) {
          fail(e);
          throw e;
        }
        from = to;
      } finally {
        lock.unlock();
      }
    }
    acknowledge(sequence);
    return new WriteReceipt(deleted, 0, 0);
  }

  private int delete(Ids ids, int from, int to) {
    int next = nextOperation();
    int deleted = 0;
    for (int i = from; i < to; i++) {
      int node = map.find(ids, i);
      if (node != IdMap.NONE) {
        map.remove(node);
        setDeath(node, next);
        dead.add(node, tail.end());
        deleted++;
      }
    }
    setLive(live - deleted);
    operation = next;
    tail.publish(next, tail.end());
    workToDo.signal();
    return deleted;
  }

  /** The node that has an id, or {@link IdMap#NONE}; it may be gone when this returns. */
  public int find(Ids ids, int i) {
    requireType(ids);
    lock.lock();
    try {
      return map.find(ids, i);
    } finally {
      lock.unlock();
    }
  }

  /**
   * The nodes that have some ids, ascending and each once.
   *
   * @param nodes receives them; of the size of {@code ids}
   * @param moment receives the state of the tail they are of
   * @return how many
   */
  public int findAll(Ids ids, int[] nodes, long[] moment) {
    requireType(ids);
    int count = 0;
    lock.lock();
    try {
      for (int i = 0; i < ids.size(); i++) {
        int node = map.find(ids, i);
        if (node != IdMap.NONE) {
          nodes[count++] = node;
        }
      }
      moment[0] = tail.state();
    } finally {
      lock.unlock();
    }
    java.util.Arrays.sort(nodes, 0, count);
    int distinct = 0;
    for (int i = 0; i < count; i++) {
      if (i == 0 || nodes[i] != nodes[i - 1]) {
        nodes[distinct++] = nodes[i];
      }
    }
    return distinct;
  }

  // For the linker:

  /**
   * Waits until there is something to link, or dead nodes to take out of the graph, or for a while.
   *
   * @param policy what is worth doing
   * @return false once the index is being closed and nothing is left to be done, or if stopped
   */
  boolean awaitWork(LinkPolicy policy) throws InterruptedException {
    lock.lock();
    try {
      while (true) {
        int ready = dead.ready(tail.head());
        if (policy.isStopped()) {
          isLinking = false;
          return false;
        }
        if (tail.pending() > 0
            || (ready > 0 && policy.isUnlinkDue(ready, true))
            || policy.isReconnectDue(true, closing || waiters > 0)) {
          isLinking = true;
          return true;
        }
        isLinking = false;
        workDone.signalAll();
        if (closing) {
          return false;
        }
        workToDo.await();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Whether somebody waits for all to be done. */
  boolean isFinishing() {
    lock.lock();
    try {
      return closing || waiters > 0;
    } finally {
      lock.unlock();
    }
  }

  /** Lets the linker look whether it is to stop. */
  void wakeLinker() {
    lock.lock();
    try {
      workToDo.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** What the linker does when. */
  interface LinkPolicy {
    /** Whether not to wait for work any more. */
    boolean isStopped();

    /**
     * Whether so many dead nodes are to leave the graph now, nothing else being to be done or not.
     */
    boolean isUnlinkDue(int ready, boolean idle);

    /**
     * Whether to look for nodes that cannot be reached; somebody may be waiting for all to be done.
     */
    boolean isReconnectDue(boolean idle, boolean finishing);
  }

  /** Gives up rows of the tail before a position. */
  void unkeep(int position) {
    lock.lock();
    try {
      tail.moveKept(position);
      roomInTail.signalAll();
      workDone.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Takes the dead nodes that can leave the graph, if a policy wants them to. */
  int[] takeDead(LinkPolicy policy, int most) {
    lock.lock();
    try {
      int ready = Math.min(most, dead.ready(tail.head()));
      if (ready == 0 || !policy.isUnlinkDue(ready, tail.pending() == 0 || waiters > 0)) {
        return new int[0];
      }
      leavingSequence = log == null ? 0 : log.lastSequence();
      return dead.take(ready);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Says that nodes, those taken last, have left the graph and that nobody looks at them any more.
   * Their slots may be written again only when the log says durably that their vectors are gone:
   * else a power failure would lose those, which had been acknowledged.
   */
  void freed(int[] nodes) throws IOException {
    WriteAheadLog present = log;
    if (present != null && present.durableSequence() < leavingSequence) {
      present.makeDurable();
    }
    lock.lock();
    try {
      for (int node : nodes) {
        free.add(node);
      }
      freed += nodes.length;
      workDone.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Forgets what is cached of a slot that is about to be written. */
  void forgetCached(int slot) {
    VectorCache present = cache;
    if (present != null) {
      present.forget(slot);
    }
  }

  /** Says that the linker cannot go on. */
  void fail(Throwable cause) {
    lock.lock();
    try {
      failure = cause;
      roomInTail.signalAll();
      workDone.signalAll();
      workToDo.signalAll();
    } finally {
      lock.unlock();
    }
  }

  public @Nullable Throwable failure() {
    return failure;
  }

  /** Waits until all that was written is linked, and all that is dead has left. */
  public void awaitLinked() throws IOException {
    lock.lock();
    try {
      beginWait();
      try {
        while (tail.pending() > 0 || dead.size() > 0 || isLinking) {
          awaitDone();
        }
      } finally {
        waiters--;
      }
    } finally {
      lock.unlock();
    }
  }

  private void beginWait() {
    if (closing) {
      throw new IllegalStateException("the index is closed");
    }
    waiters++;
    isLinking = true; // until the linker says that nothing is left
    workToDo.signal();
  }

  /**
   * The same for what was written before the call only, as others may write all the time.
   *
   * @param isStopped whether to wait no longer; looked at every second
   * @return false if it was stopped
   */
  boolean awaitLinkedSoFar(BooleanSupplier isStopped) throws IOException {
    lock.lock();
    try {
      beginWait();
      try {
        int end = tail.end();
        long died = dead.added();
        while (!isStopped.getAsBoolean()) {
          boolean othersWrote = tail.end() != end || dead.added() != died;
          boolean isDone = tail.head() - end >= 0 && freed >= died;
          if (isDone && (othersWrote || !isLinking)) {
            return true;
          }
          awaitDone();
        }
        return false;
      } finally {
        waiters--;
      }
    } finally {
      lock.unlock();
    }
  }

  private void awaitDone() throws IOException {
    requireNotFailed();
    if (closing && !isLinking) {
      throw new IllegalStateException("the index is closed");
    }
    await(workDone);
  }

  private void requireNotFailed() throws IOException {
    Throwable cause = failure;
    if (cause != null) {
      throw new IOException(
          "writing to "
              + loaded.directory()
              + " failed before ("
              + cause.getMessage()
              + "); open the index again, nothing acknowledged is lost",
          cause);
    }
  }

  // For compaction:

  /** Vectors there would be slots for if the highest were moved to where others are free. */
  int firstSuperfluous() {
    return live;
  }

  /**
   * Inserts vectors again under their ids, so that they get lower slots; those that are gone or not
   * in their slots yet are passed over. Slots are read under the lock: what is there cannot be
   * replaced by another vector meanwhile.
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
    lock.lock();
    try {
      long _ = awaitRoom(count);
      BitSet inTail = new BitSet();
      for (int position = tail.head(); position - tail.end() < 0; position++) {
        inTail.set(tail.node(position));
      }
      for (int i = 0; i < count; i++) {
        int node = nodes[i];
        if (loaded.isDead(node) || inTail.get(node)) {
          continue;
        }
        if (free.size() == 0 || free.next() >= node) {
          return false;
        }
        slot.read(node, floats, 0);
        sequence = insert(loaded.ids().only(node), row, 0, 1, 0);
      }
    } finally {
      lock.unlock();
    }
    acknowledge(sequence);
    return true;
  }

  /** Gives up free slots behind the last that is used; no node may be leaving the graph. */
  void shrink() {
    lock.lock();
    try {
      loaded.graph().shrink(free.trim(loaded.graph().nodeCount()));
    } finally {
      lock.unlock();
    }
  }

  /** Slots that hold nothing and that nobody looks at. */
  int freeSlots() {
    lock.lock();
    try {
      return free.size();
    } finally {
      lock.unlock();
    }
  }

  /** Makes the file no longer than its slots need. */
  void truncate() throws IOException {
    lock.lock();
    try {
      long bytes = geometry.fileBytes(loaded.graph().nodeCount());
      loaded.vectors().truncate(bytes);
      reservedBytes = bytes;
    } finally {
      lock.unlock();
    }
  }

  // For checkpoints:

  /**
   * Runs something while nothing is written.
   *
   * @throws IOException if a write was half applied or may be
   */
  void withLock(Runnable action) throws IOException {
    lock.lock();
    try {
      requireNotFailed();
      action.run();
    } finally {
      lock.unlock();
    }
  }

  /** Last block of the log of which everything is linked; under the lock. */
  long linkedSequence() {
    assert lock.isHeldByCurrentThread();
    int head = tail.head();
    long last = log == null ? 0 : log.lastSequence();
    return tail.end() == head ? last : tail.sequence(head) - 1;
  }

  /** Refuses further writes, and lets the linker end when it has done what is left. */
  void beginClose() {
    lock.lock();
    try {
      closing = true;
      workToDo.signalAll();
      roomInTail.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    @Nullable LogAppender present = appender;
    try (map) {
      if (present != null) {
        present.close();
      }
    }
  }
}
