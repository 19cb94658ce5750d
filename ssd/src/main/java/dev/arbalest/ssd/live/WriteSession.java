// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.Ids;
import dev.arbalest.ProgressListener;
import dev.arbalest.WriteOptions;
import dev.arbalest.WriteReceipt;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.cache.VectorCache;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.log.LogSegments;
import dev.arbalest.ssd.log.WriteAheadLog;
import dev.arbalest.ssd.search.ReaderPhaser;
import dev.arbalest.ssd.search.UnlinkedRows;
import dev.arbalest.ssd.store.IdMap;
import dev.arbalest.ssd.store.IndexDirectory;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.ssd.store.SingleSlotReader;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * All that an index has while it is open for writing: directory, log, {@link IndexWriter}, {@link
 * Linker}, {@link Checkpointer} and the thread that calls that when the log has grown. Made when
 * the index is opened, closed with it.
 */
public final class WriteSession implements AutoCloseable {
  private static final long SEGMENT_BYTES = 64L << 20;
  private static final int MIN_SEGMENTS_PER_CHECKPOINT = 4;

  /** After a checkpoint failed the log grows by so much less until the next is tried. */
  private static final int CHECKPOINTS_PER_RETRY = 4;

  /** Factor by which the log may exceed its length while checkpoints fail. */
  private static final int MAX_LOGS = 4;

  private static final long MIN_LOG_BYTES = 32 << 20;

  private final IndexDirectory directory;
  private final LoadedIndex loaded;
  private final WriteOptions options;
  private final ReaderPhaser phaser;
  private final IndexWriter writer;
  private final SlabPool.Lease memory;
  private final WriteAheadLog log;
  private final Linker linker;
  private final Checkpointer checkpointer;
  private final Workers checkpointWorkers;
  private final Compactor compactor;
  private final Thread checkpoints;
  private volatile boolean closing;
  private volatile long retryAtBytes;
  private volatile @Nullable Throwable checkpointFailure;

  @SuppressWarnings("MustBeClosedChecker") // owned by the session, closed by close()
  private WriteSession(
      IndexDirectory directory,
      LoadedIndex loaded,
      WriteOptions options,
      ReaderPhaser phaser,
      IndexWriter writer,
      SlabPool.Lease memory,
      WriteAheadLog log) {
    this.directory = directory;
    this.loaded = loaded;
    this.options = options;
    this.phaser = phaser;
    this.writer = writer;
    this.memory = memory;
    this.log = log;
    this.linker = newLinker(options.linkThreads(), memory);
    this.checkpointWorkers = Workers.start(1);
    this.checkpointer = new Checkpointer(directory, loaded, writer, linker, log, checkpointWorkers);
    this.compactor = new Compactor(loaded, writer, linker, checkpointer);
    this.checkpoints =
        Thread.ofPlatform().daemon().name("arbalest-checkpoint").unstarted(this::checkpointForEver);
  }

  /**
   * Opens the log of a loaded index and replays it.
   *
   * @param directory opened for update; its opener closes it after the session
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by the session, or closed on failure
  public static WriteSession open(
      IndexDirectory directory,
      LoadedIndex loaded,
      WriteOptions options,
      ReaderPhaser phaser,
      MemoryGauge gauge,
      @Nullable VectorCache cache,
      SlabPool slabs,
      ProgressListener listener)
      throws IOException {
    SlabPool.Lease memory = slabs.lease();
    IndexWriter writer = null;
    try {
      loaded.ids().dropUnused(loaded.graph().nodeCount(), loaded::isDead);
      writer = new IndexWriter(loaded, gauge, cache, memory);
      WriteAheadLog log = recover(directory, loaded, options, phaser, writer, slabs, listener);
      try {
        writer.start(log);
        WriteSession session =
            new WriteSession(directory, loaded, options, phaser, writer, memory, log);
        session.linker.start();
        session.checkpoints.start();
        return session;
      } catch (Throwable e) {
        log.close();
        throw e;
      }
    } catch (Throwable e) {
      if (writer != null) {
        writer.close();
      }
      memory.close();
      throw e;
    }
  }

  /** Replays the log with all processors. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // the linker closes its workers; the log is handed on
  private static WriteAheadLog recover(
      IndexDirectory directory,
      LoadedIndex loaded,
      WriteOptions options,
      ReaderPhaser phaser,
      IndexWriter writer,
      SlabPool slabs,
      ProgressListener listener)
      throws IOException {
    Manifest.Checkpoint checkpoint = loaded.manifest().checkpoint();
    long segmentBytes =
        Math.min(SEGMENT_BYTES, options.checkpointBytes() / MIN_SEGMENTS_PER_CHECKPOINT);
    WriteAheadLog.Options logOptions =
        new WriteAheadLog.Options(segmentBytes, options.compress(), options.syncMillis());
    try (SlabPool.Lease scratch = slabs.lease()) {
      Workers workers = Workers.start(Runtime.getRuntime().availableProcessors());
      Linker linker = new Linker(loaded, writer, phaser, workers, scratch, () -> {});
      linker.start();
      boolean[] begun = new boolean[1];
      WriteAheadLog log = null;
      try {
        log =
            WriteAheadLog.open(
                directory.log(),
                logOptions,
                checkpoint.base(),
                checkpoint.logSequence(),
                (sequence, payload, bytes, floatsFrom) -> {
                  if (!begun[0]) {
                    begun[0] = true;
                    listener.stage("recover", LogSegments.bytes(directory.log()));
                  }
                  writer.replay(sequence, payload, bytes, floatsFrom);
                  listener.advanced(bytes);
                });
        writer.awaitLinked();
        linker.stop();
        if (!checkpoint.whole()) {
          mend(linker, loaded, listener);
        }
        return log;
      } catch (Throwable e) {
        if (log != null) {
          log.close();
        }
        throw e;
      } finally {
        linker.stop();
        linker.close();
      }
    }
  }

  private static void mend(Linker linker, LoadedIndex loaded, ProgressListener listener)
      throws IOException {
    int mended = linker.mend();
    if (mended > 0) {
      listener.note(
          loaded.directory()
              + ": an earlier version had cut vectors off from searches; "
              + mended
              + " were linked again");
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // closed by the linker
  private Linker newLinker(int threads, SlabPool.Lease lease) {
    return new Linker(loaded, writer, phaser, Workers.start(threads), lease, this::checkpointIfDue);
  }

  private void checkpointIfDue() {
    if (isCheckpointDue() || compactor.isDue()) {
      LockSupport.unpark(checkpoints);
    }
  }

  /**
   * A log about as long as a checkpoint costs no more to be shortened than to be written: small
   * indexes are recovered faster, large ones do not write checkpoints all the time.
   */
  private boolean isCheckpointDue() {
    long due = Math.min(Math.max(MIN_LOG_BYTES, checkpointSize()), options.checkpointBytes());
    return log.appendedBytes() - checkpointer.coveredBytes() >= due
        && log.writtenBytes() >= retryAtBytes;
  }

  private long checkpointSize() {
    int slots = loaded.graph().nodeCount();
    return Graph.byteSize(slots, loaded.graph().maxDegree())
        + (long) slots * loaded.codec().codeBytes()
        + loaded.ids().byteSize(slots);
  }

  private void makeCheckpoint() throws IOException {
    checkpointer.checkpoint();
    retryAtBytes = 0;
    writer.admission().setCheckpointFailure(null, 0);
  }

  /**
   * Checkpoints in between: a compaction among many writes takes long, and the log must not grow
   * meanwhile.
   */
  private final class Checkpoints implements Compactor.Interrupts {
    @Override
    public boolean isStopped() {
      return closing;
    }

    @Override
    public boolean isDue() {
      return isCheckpointDue();
    }

    @Override
    public void run() throws IOException {
      makeCheckpoint();
    }
  }

  private void checkpointForEver() {
    while (!closing && checkpointFailure == null) {
      LockSupport.park();
      try {
        if (!closing && isCheckpointDue()) {
          makeCheckpoint();
        }
        if (!closing && compactor.isDue()) {
          compactor.compact(true, new Checkpoints(), ProgressListener.NONE);
        }
        retryAtBytes = 0;
      } catch (IOException e) {
        // Nothing is lost, the log has it; it grows meanwhile, until writes are refused.
        retryAtBytes = log.writtenBytes() + options.checkpointBytes() / CHECKPOINTS_PER_RETRY;
        writer.admission().setCheckpointFailure(e, MAX_LOGS * options.checkpointBytes());
      } catch (Throwable e) {
        checkpointFailure = e;
        writer.fail(e);
      }
    }
  }

  public IndexWriter writer() {
    return writer;
  }

  public UnlinkedRows unlinked() {
    return writer.unlinked();
  }

  public WriteReceipt insert(Ids ids, F32Rows rows, double[] norms) throws IOException {
    return writer.insert(ids, rows, norms);
  }

  public WriteReceipt delete(Ids ids) throws IOException {
    return writer.delete(ids);
  }

  /**
   * Reads the vector with an id, within a read section.
   *
   * @param scratch room for a row of floats
   * @return whether there is one
   */
  public boolean read(Ids ids, int i, SingleSlotReader slot, MemorySegment scratch, float[] target)
      throws IOException {
    int node = writer.find(ids, i);
    if (node == IdMap.NONE) {
      return false;
    }
    UnlinkedRows unlinked = writer.unlinked();
    int end = unlinked.end();
    for (int position = unlinked.start(); position - end < 0; position++) {
      if (unlinked.node(position) == node) {
        MemorySegment.copy(
            unlinked.rows(), F32Rows.FLOAT, unlinked.offset(position), target, 0, target.length);
        return true;
      }
    }
    slot.read(node, scratch, 0);
    MemorySegment.copy(scratch, F32Rows.FLOAT, 0, target, 0, target.length);
    return true;
  }

  public void checkpoint() throws IOException {
    checkpointer.checkpoint();
  }

  public void compact(ProgressListener listener) throws IOException {
    compactor.compact(false, new Checkpoints(), listener);
  }

  public WriteAheadLog log() {
    return log;
  }

  /** Bytes of the log that the last checkpoint does not hold. */
  public long logBytes() {
    return log.writtenBytes();
  }

  /** Asks a running compaction to stop early and starts no other. */
  public void prepareClose() {
    closing = true;
    LockSupport.unpark(checkpoints);
  }

  /**
   * Ends writing: links the remaining rows and writes a checkpoint, so that opening needs no log.
   * If that fails nothing is lost: the log has it.
   */
  @Override
  public void close() throws IOException {
    prepareClose();
    boolean interrupted = false;
    while (checkpoints.isAlive()) {
      try {
        checkpoints.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    writer.beginClose();
    linker.close();
    try (memory;
        writer;
        checkpointWorkers) {
      Throwable cause = writer.failure();
      try (log) {
        if (cause == null) {
          checkpointer.close();
        }
      }
      if (cause == null) {
        LogSegments.removeAll(directory.log());
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
