// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.BadInputException;
import dev.arbalest.ProgressListener;
import dev.arbalest.WriteRefusedException;
import dev.arbalest.collections.attributes.SqliteDatabase;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.natives.SystemCallException;
import dev.arbalest.pq.CodecSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * Opens and closes the files of a collection, and separates client errors from faults. Thread-safe.
 *
 * <p>A fault (a damaged file, a device that fails, an error of the server) fails the request that
 * met it. After {@value #MAX_FAULTS} faults within a minute the collection is taken out of service,
 * with the reason, until {@link #reopen} is called; other collections continue.
 */
final class CollectionLifecycle implements OpenCollections.Member, RecallWatch.Member {
  private static final System.Logger LOG = System.getLogger("dev.arbalest.collections");

  static final int MAX_FAULTS = 5;
  private static final long FAULT_NANOS = 60_000_000_000L;
  private static final long RETRY_MILLIS = 1000;

  /** How long a request that must run alone waits for others. */
  private static final long ALONE_SECONDS = 10;

  private final String name;
  private final CollectionFiles files;
  private final CollectionListener listener;
  private final OpenCollections open;

  /** Requests hold it for reading; opening and closing hold it for writing. */
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();

  private final Deque<Long> faults = new ArrayDeque<>();
  private volatile CollectionState state = CollectionState.LOADING;
  private volatile boolean stopping;
  private volatile long lastUse = System.nanoTime();
  private volatile String reason = "";

  /** Why the files were not opened the last time, as memory was short, or null. */
  private volatile @Nullable WriteRefusedException refusal;

  /** A collection whose files exist; {@link #load} or the first request opens them. */
  CollectionLifecycle(
      String name,
      Path directory,
      CollectionOptions options,
      CollectionListener listener,
      OpenCollections open,
      RecallWatch watch) {
    this.name = name;
    this.files = new CollectionFiles(directory, options, new Loading(), () -> watch.add(this));
    this.listener = listener;
    this.open = open;
  }

  @Override
  public String name() {
    return name;
  }

  CollectionFiles files() {
    return files;
  }

  CollectionState state() {
    return state;
  }

  /** Why the collection is out of service, or the empty string. */
  String reason() {
    return reason;
  }

  /** {@link System#nanoTime} of the last use. */
  @Override
  public long idleSince() {
    return lastUse;
  }

  @Override
  public long memoryBytes() {
    return files.memoryBytes();
  }

  /** Leaves the files closed until the first request. */
  void leaveIdle() {
    lock.writeLock().lock();
    try {
      if (state == CollectionState.LOADING && !stopping) {
        state = CollectionState.IDLE;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Opens the files if they are closed for want of use. */
  private void awaken() {
    if (state != CollectionState.IDLE) {
      return;
    }
    open.makeRoom(this, files.whileClosed().expectedBytes());
    lock.writeLock().lock(); // others may be opening it, or closing it for want of use
    try {
      if (state == CollectionState.IDLE) {
        load();
      }
      WriteRefusedException refused = refusal;
      if (refused != null) {
        throw exhausted(refused);
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Closes the files if no request uses them now; returns whether it closed them. */
  @Override
  public boolean closeIfIdle() {
    if (state != CollectionState.READY || !lock.writeLock().tryLock()) {
      return false;
    }
    try {
      if (state != CollectionState.READY || stopping || !files.areOpen()) {
        return false;
      }
      files.rememberBeforeClose();
      if (!change(CollectionState.READY, CollectionState.IDLE)) {
        return false;
      }
      // A request that arrives now waits for the lock.
      closeFiles();
      listener.closed(name);
      return true;
    } catch (IOException | RuntimeException e) {
      quarantine(e);
      return true;
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Opens the files; a failure takes the collection out of service. */
  void load() {
    lock.writeLock().lock();
    try {
      if (state == CollectionState.CLOSED || stopping) {
        return;
      }
      refusal = null;
      if (state != CollectionState.IDLE) { // an idle one stays in service
        state = CollectionState.LOADING;
      }
      files.open();
      faults.clear();
      reason = "";
      lastUse = System.nanoTime();
      state = CollectionState.READY;
      open.opened(this);
    } catch (WriteRefusedException e) {
      LOG.log(System.Logger.Level.WARNING, "collection " + name + " is not opened now", e);
      closeQuietly(e);
      refusal = e;
      state = CollectionState.IDLE; // the next request tries again
    } catch (CancellationException e) {
      LOG.log(System.Logger.Level.INFO, "loading collection " + name + " was given up");
      closeQuietly(e);
    } catch (IOException | RuntimeException | Error e) {
      quarantine(e);
      closeQuietly(e);
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Stops loading before the collection is closed; the log stays for the next opening. */
  private final class Loading implements ProgressListener {
    @Override
    public void stage(String stage, long total) {
      advanced(0);
    }

    @Override
    public void advanced(long count) {
      if (stopping) {
        throw new CancellationException("the collection is closed");
      }
    }
  }

  /** Stops loading or a running compaction early. Call {@link #close} next. */
  void prepareClose() {
    stopping = true;
    files.interruptMaintenance();
  }

  /** A request, which runs with the files open. */
  @FunctionalInterface
  interface Use<T extends @Nullable Object> {
    T apply(CollectionFiles files) throws IOException;
  }

  /**
   * Runs a request with the files open.
   *
   * @throws CollectionException if the request cannot be answered; a fault counts against the
   *     collection
   */
  <T extends @Nullable Object> T use(Use<T> use) {
    // Loading and closing may take minutes, so no request waits for them; it waits only for files
    // that were closed for want of use. tryLock overtakes waiting writers.
    awaken();
    while (state != CollectionState.READY || !lock.readLock().tryLock()) {
      if (state != CollectionState.IDLE) {
        throw unavailable();
      }
      awaken(); // it was closed again
    }
    lastUse = System.nanoTime();
    try {
      if (state != CollectionState.READY || !files.areOpen()) {
        throw unavailable();
      }
      return run(use);
    } finally {
      lastUse = System.nanoTime();
      lock.readLock().unlock();
    }
  }

  /**
   * Runs a request while no other runs: those that come meanwhile are to try again.
   *
   * @throws CollectionException UNAVAILABLE if one that runs does not end, as a compaction may take
   *     minutes
   */
  <T extends @Nullable Object> T useAlone(Use<T> use) {
    awaken();
    if (!change(CollectionState.READY, CollectionState.LOADING)) { // admits no more requests
      throw unavailable();
    }
    if (!awaitAlone()) {
      readyAgain();
      throw new CollectionException(
          CollectionException.Kind.UNAVAILABLE,
          "collection " + name + " has a request that takes long, such as a compaction; try again",
          RETRY_MILLIS,
          null);
    }
    try {
      if (state != CollectionState.LOADING || stopping || !files.areOpen()) {
        throw unavailable();
      }
      return run(use);
    } finally {
      lastUse = System.nanoTime();
      readyAgain();
      lock.writeLock().unlock();
    }
  }

  private boolean awaitAlone() {
    try {
      return lock.writeLock().tryLock(ALONE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void readyAgain() {
    boolean _ =
        change(
            CollectionState.LOADING,
            files.areOpen() ? CollectionState.READY : CollectionState.IDLE);
  }

  /** Changes the state unless it is another than expected; returns whether it did. */
  private boolean change(CollectionState expected, CollectionState next) {
    synchronized (faults) {
      if (state != expected) {
        return false;
      }
      state = next;
      return true;
    }
  }

  private <T extends @Nullable Object> T run(Use<T> use) {
    try {
      return use.apply(files);
    } catch (BadInputException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID, String.valueOf(e.getMessage()), 0, e);
    } catch (WriteRefusedException e) {
      throw exhausted(e);
    } catch (IOException e) {
      throw isFull(e) ? exhausted(e) : fault(e);
    } catch (UncheckedIOException e) {
      throw fault(e.getCause() == null ? e : e.getCause());
    } catch (CollectionException e) {
      throw e;
    } catch (CancellationException e) {
      throw unavailable(); // it is being closed
    } catch (OutOfMemoryError e) {
      throw outOfMemory(e);
    } catch (RuntimeException | AssertionError e) {
      throw fault(e);
    }
  }

  /**
   * Checks the recall of a search that was made, if the files are open; does not count as a use.
   *
   * @return whether there was a search to check
   */
  @Override
  public boolean checkRecall() {
    if (state != CollectionState.READY || !lock.readLock().tryLock()) {
      return false; // it is being closed
    }
    try {
      if (state != CollectionState.READY || !files.areOpen()) {
        return false;
      }
      long start = System.nanoTime();
      boolean wasChecked = files.checkRecall();
      if (wasChecked) {
        listener.recallChecked(name, System.nanoTime() - start);
      }
      return wasChecked;
    } catch (IOException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "checking the recall of collection " + name,
          isFull(e) ? e : fault(e));
      return false;
    } catch (RuntimeException | AssertionError e) {
      LOG.log(System.Logger.Level.WARNING, "checking the recall of collection " + name, fault(e));
      return false;
    } finally {
      lock.readLock().unlock();
    }
  }

  /** Running out of memory is no fault of the collection, unless it ended writing to it. */
  private CollectionException outOfMemory(OutOfMemoryError e) {
    if (files.hasEndedWriting()) {
      return fault(e);
    }
    return new CollectionException(
        CollectionException.Kind.EXHAUSTED,
        "out of memory; send smaller requests, or give the server more",
        RETRY_MILLIS,
        e);
  }

  private CollectionException unavailable() {
    String text =
        switch (state) {
          case LOADING, READY, IDLE ->
              "collection " + name + " is being loaded, or its vectors change; try again";
          case QUARANTINED -> "collection " + name + " is out of service: " + reason;
          default -> "collection " + name + " is closed";
        };
    return new CollectionException(
        CollectionException.Kind.UNAVAILABLE,
        text,
        state == CollectionState.QUARANTINED || state == CollectionState.CLOSED ? 0 : RETRY_MILLIS,
        null);
  }

  private static CollectionException exhausted(IOException e) {
    return new CollectionException(
        CollectionException.Kind.EXHAUSTED, String.valueOf(e.getMessage()), RETRY_MILLIS, e);
  }

  /** Whether a disk is full, which may pass. */
  private static boolean isFull(Throwable e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if ((cause instanceof SystemCallException call && call.isOutOfSpace())
          || SqliteDatabase.isFull(cause)) {
        return true;
      }
    }
    return false;
  }

  private CollectionException fault(Throwable e) {
    listener.failed(name);
    boolean tooMany;
    synchronized (faults) {
      long now = System.nanoTime();
      faults.addLast(now);
      while (now - faults.getFirst() > FAULT_NANOS) {
        faults.removeFirst();
      }
      tooMany = faults.size() >= MAX_FAULTS;
    }
    if (tooMany && state == CollectionState.READY) {
      quarantine(e);
    }
    return new CollectionException(
        CollectionException.Kind.INTERNAL, "collection " + name + ": " + describe(e), 0, e);
  }

  private void quarantine(Throwable e) {
    reason = describe(e);
    synchronized (faults) {
      state = CollectionState.QUARANTINED;
    }
    LOG.log(System.Logger.Level.WARNING, "collection " + name + " is taken out of service", e);
  }

  private static String describe(Throwable e) {
    String message = e.getMessage();
    return message == null || message.isEmpty() ? e.getClass().getSimpleName() : message;
  }

  /**
   * Reopens the collection, whatever its state.
   *
   * @param repair whether to rebuild damaged parts that can be rebuilt from the vectors
   * @param codec the new codec, trained on the vectors, or null to keep the present one
   * @return whether the collection is in service again; otherwise {@link #reason} says why not
   */
  boolean reopen(boolean repair, @Nullable CodecSpec codec) {
    if (state == CollectionState.CLOSED) {
      throw unavailable();
    }
    endUses(CollectionState.LOADING);
    try {
      if (stopping) {
        state = CollectionState.CLOSED;
        throw unavailable();
      }
      closeQuietly(null);
      try {
        files.repair(name, repair, codec);
      } catch (IllegalArgumentException e) {
        load();
        throw new CollectionException(
            CollectionException.Kind.INVALID, String.valueOf(e.getMessage()), 0, e);
      } catch (IOException | RuntimeException | Error e) {
        quarantine(e);
        return false;
      }
      load();
      return state == CollectionState.READY;
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Admits no more requests and waits for the running ones; they hold the lock for reading. */
  private void endUses(CollectionState next) {
    state = next;
    files.interruptMaintenance(); // a compaction may take minutes
    lock.writeLock().lock();
  }

  private void closeQuietly(@Nullable Throwable cause) {
    try {
      closeFiles();
    } catch (IOException | RuntimeException e) {
      if (cause == null) {
        LOG.log(System.Logger.Level.WARNING, "closing collection " + name, e);
      } else {
        cause.addSuppressed(e);
      }
    }
  }

  private void closeFiles() throws IOException {
    open.closed(this);
    files.close();
  }

  /** Waits for running requests, writes a checkpoint and closes the files for good. */
  void close() throws IOException {
    prepareClose();
    endUses(CollectionState.CLOSED);
    try {
      state = CollectionState.CLOSED;
      closeFiles();
    } finally {
      lock.writeLock().unlock();
    }
  }
}
