// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.build.EmptyIndex;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.format.RowCheck;
import dev.arbalest.ssd.live.LiveSizing;
import dev.arbalest.ssd.live.MemoryGauge;
import dev.arbalest.ssd.live.WriteSession;
import dev.arbalest.ssd.search.SearchWarmup;
import dev.arbalest.ssd.search.Searcher;
import dev.arbalest.ssd.search.TrackedSet;
import dev.arbalest.ssd.search.UnlinkedRows;
import dev.arbalest.ssd.store.IndexDirectory;
import dev.arbalest.ssd.store.IndexLoader;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.ssd.store.SingleSlotReader;
import dev.arbalest.vamana.NodeSet;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * An index that is open for searches and writes.
 *
 * <p>Any number of threads may write. Every search that begins after a write returns sees it, and
 * sees a batch as a whole: all of it or nothing (a batch of more than a quarter of {@link
 * IndexStats#unlinkedLimit} vectors is cut). Searches never wait for writes. Neither closing nor a
 * crash loses a write that has returned.
 */
public final class LiveIndex extends Index {
  private final WriteSession session;

  private LiveIndex(Searcher searcher, WriteSession session) {
    super(searcher);
    this.session = session;
  }

  /**
   * Creates an index that holds nothing yet; {@link #openForWriting} opens it.
   *
   * @param directory new or empty
   * @param sample vectors like those to come, at least one; only the codec is trained on them
   * @param idType type of the ids
   * @param options metric, storage, codec, its dimensions and the graph's parameters count
   * @throws BadInputException if a vector or an option cannot be used, or an index exists already
   * @throws IOException if files cannot be written; nothing half-written remains
   */
  public static void create(Path directory, VectorInput sample, IdType idType, BuildOptions options)
      throws IOException {
    create(directory, sample.rows(), idType, options);
  }

  /** As {@link #create(Path, VectorInput, IdType, BuildOptions)}, of rows in native memory. */
  public static void create(Path directory, F32Rows sample, IdType idType, BuildOptions options)
      throws IOException {
    EmptyIndex.create(directory, sample, idType, options);
  }

  /** Opens an index for searches and writes with default options. */
  @MustBeClosed
  public static LiveIndex openForWriting(Path directory) throws IOException {
    return openForWriting(
        directory, OpenOptions.defaults(), WriteOptions.defaults(), ProgressListener.NONE);
  }

  /**
   * Opens an index for searches and writes. What was written before a crash is recovered from the
   * log, with progress as stage {@code recover}.
   *
   * @throws BadInputException if the directory does not exist or holds no index, or if {@code
   *     options} ask for {@link ReaderKind#MMAP}, which cannot read files that change
   * @throws MemoryBudgetExceededException if the budget has no room for it
   * @throws CorruptIndexException if a file is damaged, torn, foreign or of another version
   * @throws IOException if it is open elsewhere, or a file cannot be read or written
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static LiveIndex openForWriting(
      Path directory, OpenOptions options, WriteOptions writing, ProgressListener listener)
      throws IOException {
    if (options.reader() == ReaderKind.MMAP) {
      throw new BadInputException(
          "an index that is written to cannot be read by mmap; use auto, uring or pread");
    }
    IndexDirectory held = IndexDirectory.openForUpdate(directory);
    try (Workers workers = Workers.start(options.loadThreads());
        SearchWarmup warmUp = new SearchWarmup()) {
      Manifest manifest = held.committed().orElseThrow();
      LiveSizing sizing = new LiveSizing(writing.memoryBytes());
      LoadedIndex loaded = IndexLoader.load(directory, sizing, warmUp::start, workers, listener);
      try {
        if (!manifest.checkpoint().clean()) {
          loaded.graph().tidy();
        }
      } catch (Throwable e) {
        loaded.close();
        throw e;
      }
      Searcher searcher = searcher(loaded, held.lock(), options, listener);
      LiveIndex index;
      try {
        if (manifest.checkpoint().clean()) {
          // From here on files change: the next one to open the index must look into the log.
          held.commitCheckpoint(manifest.with(manifest.files(), false));
        }
        searcher.startCacheWarmup();
        MemoryGauge gauge = new MemoryGauge(writing.memoryBytes(), sizing.bytesPerNode());
        WriteSession session =
            WriteSession.open(
                held,
                loaded,
                writing,
                searcher.phaser(),
                gauge,
                searcher.cache(),
                searcher.slabs(),
                listener);
        searcher.follow(session.unlinked(), session.writer()::live);
        index = new LiveIndex(searcher, session);
      } catch (Throwable e) {
        try (searcher) {
          searcher.beginClose();
        } catch (Throwable suppressed) {
          e.addSuppressed(suppressed);
        }
        throw e;
      }
      warmUp.await(options.warmUpMillis());
      return index;
    } catch (Throwable e) {
      try (held) {
        throw e;
      }
    }
  }

  /** Opens and closes an index that was not closed. */
  static void recoverIfNeeded(Path directory, ProgressListener listener) throws IOException {
    if (!IndexDirectory.readManifest(directory).checkpoint().clean()) {
      listener.note(directory + " was not closed: recovering what was written to it");
      recover(directory, listener);
    }
  }

  /** Opens and closes an index. */
  static void recover(Path directory, ProgressListener listener) throws IOException {
    try (LiveIndex recovered =
        openForWriting(directory, OpenOptions.defaults(), WriteOptions.defaults(), listener)) {
      recovered.awaitLinked();
    }
  }

  private WriteSession session() {
    searcher.requireOpen();
    return session;
  }

  /**
   * Inserts vectors and replaces those with the same ids. When this returns, searches find them and
   * they are durable as {@link WriteOptions#syncMillis} says. It waits while many are being
   * inserted, and longer the less memory is left; {@link WriteReceipt#delayNanos} says how long.
   *
   * <p>If this fails after the vectors were checked, some may have been inserted and, unless the
   * failure was a refusal, may or may not exist after a crash. The call can be repeated.
   *
   * @param ids as many as vectors, of the index's type; if one occurs twice, its last vector wins
   * @param vectors of the index's dimension, finite; read during the call
   * @throws BadInputException naming the row if one cannot be indexed; nothing is inserted
   * @throws WriteRefusedException if the memory budget has no room for all; nothing is inserted
   * @throws IOException if the disk fails or is full
   */
  public WriteReceipt insert(Ids ids, F32Rows vectors) throws IOException {
    return insert(check(ids, vectors));
  }

  /**
   * As {@link #insert(Ids, F32Rows)}, of a batch that {@link #check} returned.
   *
   * @throws IllegalArgumentException if another index checked it
   */
  public WriteReceipt insert(VectorBatch batch) throws IOException {
    return session().insert(batch.ids(), batch.vectors(), batch.normsFor(this));
  }

  /** As {@link #insert(Ids, F32Rows)}, from arrays. */
  public WriteReceipt insert(Ids ids, float[]... vectors) throws IOException {
    for (float[] vector : vectors) {
      if (vector.length != dimension()) {
        throw new BadInputException(
            "a vector has dimension " + vector.length + ", the index " + dimension());
      }
    }
    if (vectors.length == 0) {
      searcher.requireOpen();
      return new WriteReceipt(0, 0, 0);
    }
    long rowBytes = 4L * dimension();
    try (NativeMemory memory = NativeMemory.allocate(rowBytes * vectors.length)) {
      for (int i = 0; i < vectors.length; i++) {
        MemorySegment.copy(
            vectors[i], 0, memory.segment(), F32Rows.FLOAT, rowBytes * i, dimension());
      }
      return insert(ids, new F32Rows(memory.segment(), 0, rowBytes, vectors.length, dimension()));
    }
  }

  /**
   * Checks ids and vectors, and whether there is memory for them now. Vectors that pass are not
   * checked again when the batch is inserted, which may still be refused for want of memory.
   *
   * @param ids as many as vectors, of the index's type
   * @param vectors of the index's dimension, finite; the batch refers to their memory
   * @throws BadInputException naming the row if one cannot be indexed
   * @throws WriteRefusedException if the memory budget has no room for all
   */
  public VectorBatch check(Ids ids, F32Rows vectors) throws IOException {
    return new VectorBatch(this, ids, vectors, session().writer().check(ids, vectors));
  }

  /** Why a row of vectors cannot be indexed under a metric, or the empty string. */
  public static String problemOf(F32Rows vectors, int row, Metric metric) {
    try {
      double _ = RowCheck.norm(vectors, row, metric, RowCheck::insert);
      return "";
    } catch (BadInputException e) {
      return String.valueOf(e.getMessage());
    }
  }

  /**
   * Deletes vectors by their ids; ids that do not exist are passed over. No search that begins
   * after this returns finds them, and they do not come back after a crash.
   *
   * @throws BadInputException if ids are of another type than the index's
   * @throws IOException if the disk fails or is full
   */
  public WriteReceipt delete(Ids ids) throws IOException {
    return session().delete(ids);
  }

  /**
   * Writes a checkpoint, from which the next recovery begins. Closing writes one, and so does the
   * index itself when the log has grown as large as the checkpoint will be, or by {@link
   * WriteOptions#checkpointBytes}.
   */
  public void checkpoint() throws IOException {
    session().checkpoint();
  }

  /**
   * Frees the slots of deleted vectors until the vector file is as long as its vectors need. The
   * index does so itself when more than an eighth of the slots are free.
   */
  public void compact(ProgressListener listener) throws IOException {
    session().compact(listener);
  }

  /**
   * Asks a running compaction to stop early and starts no other, nor a checkpoint. Call {@link
   * #close} next.
   */
  public void interruptMaintenance() {
    session.prepareClose();
  }

  /** Whether writes are possible: an error behind a step on disk ends them until it is reopened. */
  public boolean isWritable() {
    return session().writer().failure() == null;
  }

  /** Whether inserts are slowed down because memory is short. */
  public boolean isMemoryShort() {
    return session().writer().isMemoryShort();
  }

  /** Waits until the graph holds everything inserted and nothing deleted. */
  public void awaitLinked() throws IOException {
    session().writer().awaitLinked();
  }

  /** Number of vectors, those inserted and not linked yet included. */
  @Override
  public int count() {
    searcher.requireOpen();
    return session.writer().live();
  }

  /**
   * Calls a listener for every vector that takes a slot, from now on. It runs while writes wait, so
   * it has to be quick and must not call the index; an exception ends writing until the index is
   * reopened.
   */
  public void addSlotListener(Slots.Listener listener) {
    session().writer().addListener(listener);
  }

  /** Calls a listener no more; when this returns, no call of it is running. */
  public void removeSlotListener(Slots.Listener listener) {
    session().writer().removeListener(listener);
  }

  /** Runs an action while nothing is inserted, deleted or moved. Writes wait for it. */
  public <T extends @Nullable Object> T withSlots(Slots.Action<T> action) {
    long phase = searcher.enter();
    try {
      return session.writer().withSlots(action);
    } finally {
      searcher.phaser().exit(phase);
    }
  }

  /** The vectors that a selection chooses; writes wait for it. */
  public PointSet pointSet(Slots.Selection selection) {
    return withSlots(slots -> newSet(_ -> NodeSet.of(selection.select(slots))));
  }

  @Override
  Ids idsOf(TrackedSet set, int limit) {
    return withSlots(slots -> idsOf(set, NodeSet.of(slots.live()), limit));
  }

  @Override
  TrackedSet track(UnaryOperator<NodeSet> choice) {
    return session.writer().track(choice);
  }

  @Override
  int find(Ids ids, int i) {
    return session.writer().find(ids, i);
  }

  @Override
  boolean read(Ids ids, int i, SingleSlotReader slot, MemorySegment scratch, float[] target)
      throws IOException {
    return session.read(ids, i, slot, scratch, target);
  }

  @Override
  public void forEachVector(VectorVisitor visitor) {
    throw new IllegalStateException(loaded.directory() + " is open for writing");
  }

  @Override
  IndexStats.Builder statsBuilder() {
    IndexStats.Builder stats = super.statsBuilder();
    UnlinkedRows unlinked = session.unlinked();
    stats.unlinked = unlinked.pending();
    stats.unlinkedLimit = unlinked.capacity();
    stats.logBytes = session.logBytes();
    stats.logSyncs = session.log().syncs();
    stats.logSyncNanos = session.log().syncNanos();
    return stats;
  }

  /** Waits for running calls, writes a checkpoint, then frees memory and files. */
  @Override
  public synchronized void close() throws IOException {
    if (searcher.isClosed()) {
      return;
    }
    try (searcher;
        session) {
      searcher.beginClose();
    }
  }
}
