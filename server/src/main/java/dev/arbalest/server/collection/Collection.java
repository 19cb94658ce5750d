// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.collection;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.BuildOptions;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.IndexInfo;
import dev.arbalest.IndexRepair;
import dev.arbalest.IndexStats;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchResult;
import dev.arbalest.WriteOptions;
import dev.arbalest.WriteReceipt;
import dev.arbalest.WriteRefusedException;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.SystemCallException;
import dev.arbalest.pq.CodecSpec;
import dev.arbalest.server.attributes.AttributeStore;
import dev.arbalest.server.attributes.Filter;
import dev.arbalest.server.attributes.SqliteDatabase;
import dev.arbalest.server.metrics.MeteredCollection;
import dev.arbalest.server.metrics.SearchEvent;
import dev.arbalest.server.metrics.ServerLog;
import dev.arbalest.server.metrics.ServerMetrics;
import dev.arbalest.server.model.CollectionSettings;
import dev.arbalest.server.model.CollectionStats;
import dev.arbalest.server.model.PointId;
import dev.arbalest.server.model.ServerException;
import dev.arbalest.server.model.ServerOptions;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Points with vectors and attributes under one name: an {@link Index} and an {@link AttributeStore}
 * beside it. Thread-safe.
 *
 * <p>Vectors change inside the transaction of the attributes: if they cannot, attributes stay what
 * they were. A point exists if its vector does. What a crash leaves of a write nobody was told of
 * is put right when the collection is opened again.
 *
 * <p>A fault (a damaged file, a device that fails, an error of the server) fails the request that
 * met it. After {@value #MAX_FAULTS} within a minute the collection is taken out of service, with
 * the reason, until {@link #reopen} is called; others go on.
 */
public final class Collection implements MeteredCollection, OpenCollections.Member, AutoCloseable {
  static final int MAX_FAULTS = 5;
  private static final long FAULT_NANOS = 60_000_000_000L;

  private static final int TRAINING_ROWS = 4096;
  private static final int PAGE_ROWS = 10_000;
  private static final long RETRY_MILLIS = 1000;
  private static final String INDEX = "index";

  /** Exists while attributes and vectors may disagree after a crash. */
  private static final String RECONCILING = "reconciling";

  /** What a collection is doing. */
  public enum State {
    LOADING,
    READY,
    /** In service, with its files closed: the next request opens them. */
    IDLE,
    QUARANTINED,
    CLOSED
  }

  public final String name;
  private final Path directory;
  private final ServerOptions options;
  private final ServerMetrics metrics;

  /** Requests hold it for reading; opening and closing hold it for writing. */
  private final ReentrantReadWriteLock lifecycle = new ReentrantReadWriteLock();

  /** Held while points change, so that attributes and vectors change together. */
  private final ReentrantLock changes = new ReentrantLock();

  /** Of a code, at most, besides its few bytes of scales. */
  private static final int BYTES_PER_DIMENSION = 1;

  private final Deque<Long> faults = new ArrayDeque<>();
  public volatile State state = State.LOADING;
  private final OpenCollections open;
  private volatile boolean stopping;
  private volatile long lastUse = System.nanoTime();

  /** What was known when the files were closed last. */
  private volatile @Nullable CollectionSettings lastSettings;

  private volatile @Nullable CollectionStats lastStats;
  public volatile String reason = "";
  private volatile @Nullable AttributeStore attributes;
  private volatile @Nullable LiveIndex index;

  private Collection(
      String name,
      Path directory,
      ServerOptions options,
      ServerMetrics metrics,
      OpenCollections open) {
    this.open = open;
    this.name = name;
    this.directory = directory;
    this.options = options;
    this.metrics = metrics;
    metrics.add(name);
  }

  /** A collection that exists; {@link #load} or its first request opens it. */
  @MustBeClosed
  static Collection present(
      String name,
      Path directory,
      ServerOptions options,
      ServerMetrics metrics,
      OpenCollections open) {
    return new Collection(name, directory, options, metrics, open);
  }

  /** A new collection in an empty directory. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // closed with the collection
  static Collection create(
      String name,
      Path directory,
      CollectionSettings settings,
      ServerOptions options,
      ServerMetrics metrics,
      OpenCollections open)
      throws IOException {
    Collection collection = new Collection(name, directory, options, metrics, open);
    collection.attributes = AttributeStore.create(directory, settings);
    collection.state = State.READY;
    return collection;
  }

  @Override
  public String name() {
    return name;
  }

  Path directory() {
    return directory;
  }

  public State state() {
    return state;
  }

  /** Whether it answers requests; its files may have to be opened first. */
  public boolean isInService() {
    return state == State.READY || state == State.IDLE;
  }

  /** What clients are told of its state. */
  public String stateName() {
    return isInService() ? State.READY.name() : state.name();
  }

  /** Leaves it closed until it is asked for. */
  void leaveIdle() {
    lifecycle.writeLock().lock();
    try {
      if (state == State.LOADING && !stopping) {
        state = State.IDLE;
      }
    } finally {
      lifecycle.writeLock().unlock();
    }
  }

  /** Since when nobody has used it, as {@link System#nanoTime} counts. */
  @Override
  public long idleSince() {
    return lastUse;
  }

  /** Memory its points take while it is open. */
  @Override
  public long memoryBytes() {
    LiveIndex present = index;
    try {
      if (present == null) {
        return 0;
      }
      IndexStats figures = present.stats();
      return figures.graphBytes() + figures.codesBytes();
    } catch (IllegalStateException e) {
      return 0; // it was closed just now
    }
  }

  /** Memory its points will take when it is opened. */
  private long expectedBytes() {
    if (!hasIndex()) {
      return 0;
    }
    try {
      IndexInfo info = IndexInfo.read(directory.resolve(INDEX));
      long codes = (long) BYTES_PER_DIMENSION * info.codeDimension();
      return info.graph().bytes() + info.slots() * codes;
    } catch (IOException | BadInputException e) {
      return 0; // opening it says what is wrong
    }
  }

  /** Opens it if its files are closed. */
  private void awaken() {
    if (state != State.IDLE) {
      return;
    }
    open.makeRoom(this, expectedBytes());
    lifecycle.writeLock().lock(); // others may be opening it, or closing it for want of use
    try {
      if (state == State.IDLE) {
        load();
      }
    } finally {
      lifecycle.writeLock().unlock();
    }
  }

  /** Closes the files if nobody uses it now; returns whether they were closed. */
  @Override
  public boolean closeIfIdle() {
    if (state != State.READY || !lifecycle.writeLock().tryLock()) {
      return false;
    }
    try {
      AttributeStore store = attributes;
      if (state != State.READY || stopping || store == null) {
        return false;
      }
      lastSettings = store.settings();
      lastStats = closedStats(store, index);
      state = State.IDLE; // who asks for it now waits for the lock
      closeFiles();
      metrics.rest(name);
      return true;
    } catch (IOException | RuntimeException e) {
      quarantine(e);
      return true;
    } finally {
      lifecycle.writeLock().unlock();
    }
  }

  private static CollectionStats closedStats(AttributeStore store, @Nullable LiveIndex index)
      throws IOException {
    return new CollectionStats(
        index == null ? 0 : index.count(),
        index == null ? 0 : index.stats().slots(),
        0,
        0,
        0,
        0,
        0,
        0,
        store.bytes(),
        index == null ? 0 : index.stats().logSyncs(),
        index == null ? 0 : index.stats().logSyncNanos());
  }

  /** Why it is out of service, or the empty string. */
  public String reason() {
    return reason;
  }

  /** Opens it; what goes wrong takes it out of service. */
  void load() {
    lifecycle.writeLock().lock();
    try {
      if (state == State.CLOSED || stopping) {
        return;
      }
      if (state != State.IDLE) { // else it is in service all the time
        state = State.LOADING;
      }
      open();
      faults.clear();
      reason = "";
      lastUse = System.nanoTime();
      state = State.READY;
      open.opened(this);
    } catch (CancellationException e) {
      ServerLog.info("loading collection " + name + " was given up");
      closeQuietly(e);
    } catch (IOException | RuntimeException | Error e) {
      quarantine(e);
      closeQuietly(e);
    } finally {
      lifecycle.writeLock().unlock();
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // closed with the collection
  private void open() throws IOException {
    AttributeStore store = openAttributes();
    attributes = store;
    IdType idType = store.settings().idType();
    if (idType != null && !hasIndex() && store.count(null) > 0) {
      throw new IOException(
          directory.resolve(INDEX)
              + " holds no index, though the collection has points: restore a copy of its files");
    }
    if (idType != null && hasIndex()) {
      LiveIndex opened = openIndex();
      index = opened;
      boolean wasClosed = opened.info().closed();
      Path unfinished = directory.resolve(RECONCILING);
      if (!wasClosed || Files.exists(unfinished) || store.count(null) != opened.count()) {
        if (!Files.exists(unfinished)) { // it may be given up, and the index be closed cleanly
          Files.createFile(unfinished);
          DirectFile.syncDirectory(directory);
        }
        Reconciliation.run(store, opened, new Loading());
        Files.delete(unfinished);
      }
    }
  }

  /** Gives up loading when the collection is to be closed; the log stays for the next time. */
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

  /** Has what takes long, loading or a compaction, end soon: {@link #close} follows. */
  void prepareClose() {
    stopping = true;
    LiveIndex present = index;
    if (present != null) {
      present.interruptMaintenance();
    }
  }

  private boolean hasIndex() {
    return Files.exists(directory.resolve(INDEX).resolve("manifest.json"));
  }

  /** An index built by the command line becomes a collection by being put in place. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  private AttributeStore openAttributes() throws IOException {
    if (!Files.exists(directory.resolve(AttributeStore.FILE_NAME)) && hasIndex()) {
      try (Index built = Index.open(directory.resolve(INDEX))) {
        return AttributeStore.create(
            directory,
            new CollectionSettings(built.dimension(), built.metric(), built.idType(), null));
      }
    }
    return AttributeStore.open(directory);
  }

  @MustBeClosed
  private LiveIndex openIndex() throws IOException {
    OpenOptions opening = OpenOptions.defaults().withSearchThreads(options.searchThreads());
    WriteOptions writing =
        WriteOptions.defaults()
            .withMemoryBytes(options.memoryBytes())
            .withLinkThreads(options.linkThreads())
            .withSyncMillis(options.syncMillis());
    return LiveIndex.openForWriting(directory.resolve(INDEX), opening, writing, new Loading());
  }

  /** Something done with an open collection. */
  @FunctionalInterface
  private interface Use<T extends @Nullable Object> {
    T apply(AttributeStore attributes) throws IOException;
  }

  /** Does something, and tells faults from requests that cannot be answered. */
  private <T extends @Nullable Object> T use(Use<T> use) {
    // Who opens or closes it may take minutes: nobody waits for that, but for one whose files were
    // closed as nobody used it. tryLock passes those who wait.
    awaken();
    while (state != State.READY || !lifecycle.readLock().tryLock()) {
      if (state != State.IDLE) {
        throw unavailable();
      }
      awaken(); // it was closed again
    }
    lastUse = System.nanoTime();
    try {
      AttributeStore present = attributes;
      if (state != State.READY || present == null) {
        throw unavailable();
      }
      return use.apply(present);
    } catch (BadInputException e) {
      throw new ServerException(ServerException.Kind.INVALID, String.valueOf(e.getMessage()), 0, e);
    } catch (WriteRefusedException e) {
      throw exhausted(e);
    } catch (IOException e) {
      throw isFull(e) ? exhausted(e) : fault(e);
    } catch (UncheckedIOException e) {
      throw fault(e.getCause() == null ? e : e.getCause());
    } catch (ServerException e) {
      throw e;
    } catch (CancellationException e) {
      throw unavailable(); // it is being closed
    } catch (OutOfMemoryError e) {
      throw outOfMemory(e);
    } catch (RuntimeException | AssertionError e) {
      throw fault(e);
    } finally {
      lastUse = System.nanoTime();
      lifecycle.readLock().unlock();
    }
  }

  /**
   * Of the process: that a request met it here says nothing of the collection, unless it ended
   * writing to it.
   */
  private ServerException outOfMemory(OutOfMemoryError e) {
    LiveIndex present = index;
    if (present != null && !present.isWritable()) {
      return fault(e);
    }
    return new ServerException(
        ServerException.Kind.EXHAUSTED,
        "out of memory; send smaller requests, or give the server more",
        RETRY_MILLIS,
        e);
  }

  private ServerException unavailable() {
    String text =
        switch (state) {
          case LOADING, READY, IDLE -> "collection " + name + " is being loaded; try again";
          case QUARANTINED -> "collection " + name + " is out of service: " + reason;
          default -> "collection " + name + " is closed";
        };
    return new ServerException(
        ServerException.Kind.UNAVAILABLE,
        text,
        state == State.QUARANTINED || state == State.CLOSED ? 0 : RETRY_MILLIS,
        null);
  }

  private static ServerException exhausted(IOException e) {
    return new ServerException(
        ServerException.Kind.EXHAUSTED, String.valueOf(e.getMessage()), RETRY_MILLIS, e);
  }

  /** Whether a disk has no room, which may pass. */
  private static boolean isFull(Throwable e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if ((cause instanceof SystemCallException call && call.isOutOfSpace())
          || SqliteDatabase.isFull(cause)) {
        return true;
      }
    }
    return false;
  }

  private ServerException fault(Throwable e) {
    metrics.fault(name);
    boolean tooMany;
    synchronized (faults) {
      long now = System.nanoTime();
      faults.addLast(now);
      while (now - faults.getFirst() > FAULT_NANOS) {
        faults.removeFirst();
      }
      tooMany = faults.size() >= MAX_FAULTS;
    }
    if (tooMany && state == State.READY) {
      quarantine(e);
    }
    return new ServerException(
        ServerException.Kind.INTERNAL, "collection " + name + ": " + describe(e), 0, e);
  }

  private void quarantine(Throwable e) {
    reason = describe(e);
    state = State.QUARANTINED;
    ServerLog.warn("collection " + name + " is taken out of service", e);
  }

  private static String describe(Throwable e) {
    String message = e.getMessage();
    return message == null || message.isEmpty() ? e.getClass().getSimpleName() : message;
  }

  /** A codec as it is written on the command line. */
  public static CodecSpec codec(String text) {
    try {
      return CodecSpec.parse(text);
    } catch (IllegalArgumentException e) {
      throw new ServerException(ServerException.Kind.INVALID, String.valueOf(e.getMessage()), 0, e);
    }
  }

  /**
   * Reopens a collection, whatever its state.
   *
   * @param repair whether to rebuild damaged parts that can be rebuilt from its vectors
   * @param codec another codec for it, trained on its vectors, or null to leave it
   * @return whether it is in service again; otherwise {@link #reason} says why not
   */
  public boolean reopen(boolean repair, @Nullable CodecSpec codec) {
    if (state == State.CLOSED) {
      throw unavailable();
    }
    endUses(State.LOADING);
    try {
      if (stopping) {
        state = State.CLOSED;
        throw unavailable();
      }
      closeQuietly(null);
      Path path = directory.resolve(INDEX);
      int threads = Runtime.getRuntime().availableProcessors();
      try {
        if (repair && Files.exists(path)) {
          var remade = IndexRepair.repair(path, threads, ProgressListener.NONE);
          ServerLog.info("repaired collection " + name + ": " + remade);
        }
        if (repair) {
          try (AttributeStore _ = AttributeStore.repair(directory)) {
            ServerLog.info("indexes of fields of collection " + name + " were rebuilt");
          }
        }
        if (codec != null && Files.exists(path)) {
          IndexRepair.recode(path, codec.toString(), threads, ProgressListener.NONE);
          ServerLog.info("collection " + name + " has codec " + codec);
        }
      } catch (IllegalArgumentException e) {
        load();
        throw new ServerException(
            ServerException.Kind.INVALID, String.valueOf(e.getMessage()), 0, e);
      } catch (IOException | RuntimeException | Error e) {
        quarantine(e);
        return false;
      }
      load();
      return state == State.READY;
    } finally {
      lifecycle.writeLock().unlock();
    }
  }

  /** Starts no more uses and waits for the running ones; they hold the lock for reading. */
  private void endUses(State next) {
    state = next;
    LiveIndex present = index;
    if (present != null) {
      present.interruptMaintenance(); // a compaction may take minutes
    }
    lifecycle.writeLock().lock();
  }

  public CollectionSettings settings() {
    CollectionSettings known = lastSettings;
    return state == State.IDLE && known != null ? known : use(AttributeStore::settings);
  }

  /** Keeps the columns clients send: those so far, or null, become those from now on. */
  public void keepSchema(UnaryOperator<@Nullable String> merge) {
    use(store -> {
      changes.lock();
      try {
        String merged = merge.apply(store.settings().schema());
        if (merged != null && !merged.equals(store.settings().schema())) {
          store.update(store.settings().withSchema(merged));
        }
      } finally {
        changes.unlock();
      }
      return null;
    });
  }

  /** Points in it. */
  public int count() {
    CollectionStats known = lastStats;
    return state == State.IDLE && known != null ? known.points() : use(_ -> liveCount());
  }

  private int liveCount() {
    LiveIndex present = index;
    return present == null ? 0 : present.count();
  }

  /** Points a filter accepts. */
  public long count(@Nullable Filter filter) {
    return filter == null ? count() : use(store -> store.count(filter));
  }

  /**
   * Inserts points, in place of those with the same ids. They are durable and found when this
   * returns.
   *
   * @param ids all numbers or all text, as those that are there
   * @param payloads JSON objects, null for none
   * @param vectors as many, of the collection's dimension
   */
  public WriteReceipt upsert(List<PointId> ids, List<@Nullable String> payloads, F32Rows vectors) {
    return use(store -> {
      int dimension = store.settings().dimension();
      if (vectors.dimension() != dimension) {
        throw dimensionMismatch(dimension, vectors.dimension());
      }
      if (ids.isEmpty()) {
        return new WriteReceipt(0, 0, 0);
      }
      changes.lock();
      try {
        LiveIndex target = index == null ? openOrCreateIndex(store, ids, vectors) : index;
        IdType type = target.idType();
        Ids engineIds = PointId.toIds(ids, type);
        target.requireInsertable(engineIds, vectors);
        WriteReceipt[] receipts = new WriteReceipt[1];
        store.put(
            ids.stream().map(id -> id.as(type)).toList(),
            payloads,
            () -> receipts[0] = target.insert(engineIds, vectors));
        WriteReceipt receipt = receipts[0];
        metrics.inserted(name, receipt.count());
        metrics.delayed(name, receipt.delayNanos());
        return receipt;
      } finally {
        changes.unlock();
      }
    });
  }

  /**
   * Throws if some ids cannot be those of points here; the first ids decide what those of the
   * collection are.
   */
  public void requireIds(List<PointId> ids) {
    for (PointId id : ids) {
      if (!id.problem().isEmpty()) {
        throw ServerException.invalid(id.problem());
      }
    }
    use(store -> {
      changes.lock();
      try {
        IdType type = ids.isEmpty() ? null : decideIdType(store, ids);
        if (type != null) {
          ids.forEach(id -> id.as(type));
        }
      } finally {
        changes.unlock();
      }
      return null;
    });
  }

  private static IdType decideIdType(AttributeStore store, List<PointId> ids) throws IOException {
    IdType type = store.settings().idType();
    if (type == null) {
      boolean isText = ids.stream().anyMatch(id -> id.text() != null);
      type = isText ? IdType.UTF8 : IdType.INT64;
      store.update(store.settings().withIdType(type));
    }
    return type;
  }

  /** Whether inserts are slowed down because memory is short. */
  public boolean isNearLimit() {
    return use(_ -> {
      LiveIndex present = index;
      return present != null && present.isMemoryShort();
    });
  }

  public static ServerException dimensionMismatch(int expected, int found) {
    return ServerException.invalid("dimension mismatch: expected " + expected + ", got " + found);
  }

  @SuppressWarnings("MustBeClosedChecker") // closed with the collection
  private LiveIndex openOrCreateIndex(AttributeStore store, List<PointId> ids, F32Rows vectors)
      throws IOException {
    IdType type = decideIdType(store, ids);
    F32Rows sample =
        new F32Rows(
            vectors.memory(),
            vectors.offsetBytes(),
            vectors.strideBytes(),
            Math.min(TRAINING_ROWS, vectors.count()),
            vectors.dimension());
    BuildOptions building = BuildOptions.builder().metric(store.settings().metric()).build();
    if (!hasIndex()) { // else opening it failed the last time
      LiveIndex.create(directory.resolve(INDEX), sample, type, building);
    }
    LiveIndex created = openIndex();
    index = created;
    return created;
  }

  /** Removes points; those that are not there are passed over. Returns how many were. */
  public int delete(List<PointId> ids) {
    return use(store -> {
      changes.lock();
      try {
        LiveIndex present = index;
        if (present == null || ids.isEmpty()) {
          return 0;
        }
        IdType type = present.idType();
        int[] deleted = new int[1];
        store.remove(
            ids.stream().map(id -> id.as(type)).toList(),
            () -> deleted[0] = present.delete(PointId.toIds(ids, type)).count());
        metrics.deleted(name, deleted[0]);
        return deleted[0];
      } finally {
        changes.unlock();
      }
    });
  }

  /** Removes the points a filter accepts; returns how many. */
  public int delete(Filter filter) {
    int deleted = 0;
    while (true) {
      changes.lock(); // what matches must still do when it is removed
      try {
        List<PointId> ids = use(store -> store.matching(filter, PAGE_ROWS));
        if (ids.isEmpty() || index == null) {
          return deleted;
        }
        deleted += delete(ids);
      } finally {
        changes.unlock();
      }
    }
  }

  /** How attributes of points change. */
  @FunctionalInterface
  public interface PayloadChange {
    /** The new attributes. */
    @Nullable String apply(@Nullable String payload);
  }

  /** Changes the attributes of points that are there. */
  public void changePayloads(List<PointId> ids, PayloadChange change) {
    use(store -> {
      changes.lock();
      try {
        IdType type = store.settings().idType();
        if (type == null) {
          return null;
        }
        change(store, store.rows(ids.stream().map(i -> i.as(type)).toList()), change);
        return null;
      } finally {
        changes.unlock();
      }
    });
  }

  /** Changes the attributes of the points a filter accepts. */
  public void changePayloads(Filter filter, PayloadChange change) {
    PointId from = null;
    do {
      PointId first = from;
      from =
          use(store -> {
            changes.lock(); // what matches must still do when it is changed
            try {
              List<AttributeStore.Row> rows = store.scroll(filter, first, PAGE_ROWS + 1);
              change(store, rows.subList(0, Math.min(rows.size(), PAGE_ROWS)), change);
              return rows.size() > PAGE_ROWS ? rows.getLast().id() : null;
            } finally {
              changes.unlock();
            }
          });
    } while (from != null);
  }

  private static void change(
      AttributeStore store, List<? extends AttributeStore.@Nullable Row> rows, PayloadChange change)
      throws IOException {
    List<PointId> known = new ArrayList<>();
    List<@Nullable String> payloads = new ArrayList<>();
    for (AttributeStore.Row row : rows) {
      if (row != null) {
        known.add(row.id());
        payloads.add(change.apply(row.payload()));
      }
    }
    if (!known.isEmpty()) { // with none there may be no table of points yet
      store.put(known, payloads);
    }
  }

  /** Makes filters on a field fast. */
  public void indexField(Filter.FieldPath field, String kind) {
    use(store -> {
      store.indexes().create(field, kind);
      return null;
    });
  }

  /** Kinds of the fields with indexes, by their names. */
  public java.util.Map<String, String> indexedFields() {
    return use(store -> store.indexes().kinds());
  }

  /** Removes what {@link #indexField} made. */
  public void dropIndex(Filter.FieldPath field) {
    use(store -> {
      store.indexes().drop(field);
      return null;
    });
  }

  /** Some points in the order of the ids; those that are not there are left out. */
  public List<Point> retrieve(List<PointId> ids, boolean withVectors) {
    return use(store -> {
      IdType type = store.settings().idType();
      if (type == null) {
        return List.of();
      }
      return Point.ofRows(
          index, store.rows(ids.stream().map(id -> id.as(type)).toList()), withVectors);
    });
  }

  /**
   * Points a filter accepts in the order of their ids, and the id to go on with.
   *
   * @param points at most as many as asked for
   * @param next id of the next, or null if these were the last
   */
  public record Page(List<Point> points, @Nullable PointId next) {}

  /** Goes through points in the order of their ids, from one on. */
  public Page scroll(
      @Nullable Filter filter, @Nullable PointId from, int limit, boolean withVectors) {
    if (limit < 1 || limit > PAGE_ROWS) {
      throw ServerException.invalid("limit must be in [1, " + PAGE_ROWS + "], found " + limit);
    }
    return use(store -> {
      IdType type = store.settings().idType();
      PointId first = from == null || type == null ? null : from.as(type);
      List<AttributeStore.Row> rows = store.scroll(filter, first, limit + 1);
      PointId next = rows.size() > limit ? rows.get(limit).id() : null;
      return new Page(
          Point.ofRows(
              index, new ArrayList<>(rows.subList(0, Math.min(limit, rows.size()))), withVectors),
          next);
    });
  }

  /**
   * What a search found.
   *
   * @param points nearest first
   * @param result the engine's figures
   */
  public record Answer(List<Point> points, SearchResult result) {}

  /** Finds the nearest points; called on a thread of the {@link SearchPool}. */
  public Answer search(SearchRequest request, boolean withPayloads, boolean withVectors) {
    return use(store -> {
      int dimension = store.settings().dimension();
      if (request.vector().length != dimension) {
        throw dimensionMismatch(dimension, request.vector().length);
      }
      SearchEvent event = new SearchEvent();
      event.begin();
      long start = System.nanoTime();
      LiveIndex present = index;
      SearchResult result =
          present == null ? new SearchResult() : FilteredSearch.run(store, present, request);
      List<Point> points = Point.ofNeighbors(store, present, result, withPayloads, withVectors);
      metrics.searched(name, System.nanoTime() - start, result);
      event.commit(name, request.k(), result);
      return new Answer(points, result);
    });
  }

  /** Makes a checkpoint. */
  public void checkpoint() {
    use(_ -> {
      LiveIndex present = index;
      if (present != null) {
        present.checkpoint();
      }
      return null;
    });
  }

  /** Gives back the room of what was deleted. */
  public void compact() {
    use(_ -> {
      LiveIndex present = index;
      if (present != null) {
        present.compact(ProgressListener.NONE);
      }
      return null;
    });
  }

  /** Waits until all that was inserted is in the graph. */
  public void awaitLinked() {
    use(_ -> {
      LiveIndex present = index;
      if (present != null) {
        present.awaitLinked();
      }
      return null;
    });
  }

  @Override
  public @Nullable String quarantineReason() {
    return state == State.QUARANTINED ? reason() : null;
  }

  /** Its figures; those of its manifest if it has not been opened yet. */
  @Override
  public CollectionStats stats() {
    if (state == State.IDLE) {
      CollectionStats known = lastStats;
      return known != null ? known : statsOfFiles();
    }
    return use(store -> {
      LiveIndex present = index;
      if (present == null) {
        return CollectionStats.NONE;
      }
      IndexStats figures = present.stats();
      return new CollectionStats(
          figures.vectors(),
          figures.slots(),
          figures.unlinked(),
          figures.unlinkedLimit(),
          figures.graphBytes(),
          figures.codesBytes(),
          figures.tablesBytes(),
          figures.logBytes(),
          store.bytes(),
          figures.logSyncs(),
          figures.logSyncNanos());
    });
  }

  private CollectionStats statsOfFiles() {
    try {
      int points = 0;
      int slots = 0;
      if (hasIndex()) {
        IndexInfo info = IndexInfo.read(directory.resolve(INDEX));
        points = info.vectors();
        slots = info.slots();
      }
      long bytes = Files.size(directory.resolve(AttributeStore.FILE_NAME));
      return new CollectionStats(points, slots, 0, 0, 0, 0, 0, 0, bytes, 0, 0);
    } catch (IOException | BadInputException e) {
      return CollectionStats.NONE; // opening it says what is wrong
    }
  }

  private void closeQuietly(@Nullable Throwable cause) {
    try {
      closeFiles();
    } catch (IOException | RuntimeException e) {
      if (cause == null) {
        ServerLog.warn("closing collection " + name, e);
      } else {
        cause.addSuppressed(e);
      }
    }
  }

  private void closeFiles() throws IOException {
    open.closed(this);
    LiveIndex openIndex = index;
    AttributeStore openAttributes = attributes;
    index = null;
    attributes = null;
    try (openAttributes) {
      if (openIndex != null) {
        openIndex.close();
      }
    }
  }

  /** Waits for running requests, writes a checkpoint and closes. */
  @Override
  public void close() throws IOException {
    prepareClose();
    endUses(State.CLOSED);
    try {
      state = State.CLOSED;
      closeFiles();
    } finally {
      lifecycle.writeLock().unlock();
    }
  }
}
