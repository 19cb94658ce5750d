package dev.arbalest.ssd.log;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.SystemCallException;
import dev.arbalest.ssd.format.FileHeader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Blocks of bytes in the order they were appended, durable when they are acknowledged, in segment
 * files {@code N.wal} of one directory. A segment is a {@link FileHeader} (numbers: N, sequence of
 * its first block, step, generation in which the index was built) and {@link WalBlock}s at
 * multiples of the step, which is what the disk writes at once; they go past the page cache. Behind
 * the last block there is a {@link WalBlock#marker} once that is durable.
 *
 * <p>What a crash leaves: a new segment gets its name when its header is durable, and is begun only
 * when the one before it is durable as a whole; so only the last may end in torn blocks. Opening
 * replays the blocks up to the first torn one and goes on in a new segment. A block that others
 * call durable and that is not what was written is no torn one but damage, and refused: so are
 * damage in earlier segments and gaps. Blocks that were not acknowledged may be replayed.
 *
 * <p>{@link Appender}s of several threads compress side by side and share writes' {@code fsync}:
 * who waits for one finds, when the one under way has ended, all that was written by then durable
 * by the next. A failed {@code fsync} leaves unknown what is on disk (the kernel may have dropped
 * it): the log refuses all further appends and must be opened again. Thread-safe.
 */
public final class WriteAheadLog implements AutoCloseable {
  /** Blocks begin at multiples of this at least. */
  static final int LEAST_STEP = 512;

  static final int PAGE_BYTES = 4096;

  /** Largest payload. */
  public static final int MOST_BYTES = 16 << 20;

  /** Size of the first segment. */
  private static final long FIRST_SEGMENT_BYTES = 128 << 10;

  /** Files kept for new segments: they have their blocks on disk already. */
  private static final int SPARES = 2;

  private static final Pattern SEGMENT = Pattern.compile("([0-9]{1,18})\\.wal");
  private static final Pattern SPARE = Pattern.compile("spare-[0-9]+\\.tmp");

  /**
   * How a log is kept.
   *
   * @param segmentBytes largest size of a segment file, at least 64 KiB; the first is small, each
   *     next one twice as large, so that an index that is hardly written to takes little room
   * @param compress whether payloads are stored as {@link BytePlanes} where that saves a sixteenth
   * @param syncMillis 0: {@link WriteAheadLog#acknowledge} returns when a block is durable; more:
   *     at once, and what was acknowledged within so many milliseconds may be lost when the machine
   *     (not only the process) fails
   */
  public record Options(long segmentBytes, boolean compress, int syncMillis) {
    public Options {
      if (segmentBytes < 64 << 10) {
        throw new IllegalArgumentException("segments must have at least 64 KiB: " + segmentBytes);
      }
      if (syncMillis < 0) {
        throw new IllegalArgumentException("sync interval must be at least 0 ms: " + syncMillis);
      }
    }

    public static Options defaults() {
      return new Options(64L << 20, true, 0);
    }
  }

  /** Takes blocks of the past. */
  @FunctionalInterface
  public interface Replay {
    /** Takes a block; the payload is valid during the call. */
    void block(long sequence, MemorySegment payload, int bytes, int floatsFrom) throws IOException;
  }

  private final Path directory;
  private final Options options;
  private final long base;
  private final Object writing = new Object();
  private final Object syncing = new Object();
  private final @Nullable Thread syncer;

  // Guarded by writing:
  private final Deque<Old> old = new ArrayDeque<>();
  private DirectFile file;
  private long number;
  private long end;
  private long appended;
  private long last;
  private int spares;
  private long marked;
  private long segmentBytes;
  private long nextBytes;
  private final NativeMemory marker = NativeMemory.allocate(PAGE_BYTES);

  private volatile long written;
  private volatile long durable;
  public final LongAdder syncs = new LongAdder();
  public final LongAdder syncNanos = new LongAdder();
  private volatile @Nullable IOException failure;
  private volatile boolean closed;

  /** A segment no longer written to. */
  record Old(Path path, long lastSequence, long bytes) {}

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // the segment is closed by roll() or close()
  private WriteAheadLog(
      Path directory,
      Options options,
      long base,
      List<Old> olds,
      long lastNumber,
      long lastSequence)
      throws IOException {
    this.directory = directory;
    this.options = options;
    this.base = base;
    this.old.addAll(olds);
    this.last = lastSequence;
    this.written = lastSequence;
    this.appended = olds.stream().mapToLong(Old::bytes).sum();
    this.durable = lastSequence;
    this.nextBytes = Math.min(FIRST_SEGMENT_BYTES, options.segmentBytes());
    try {
      this.file = begin(lastNumber + 1, lastSequence + 1);
    } catch (Throwable e) {
      marker.close();
      throw e;
    }
    this.number = lastNumber + 1;
    this.end = FileHeader.BYTES;
    this.syncer =
        options.syncMillis() == 0
            ? null
            : Thread.ofPlatform().daemon().name("arbalest-wal-sync").start(this::syncForEver);
  }

  /**
   * Opens the log of a directory, which is created if need be; replays what lies behind {@code
   * after}.
   *
   * @param base what the log belongs to; segments of another are of an index that was replaced, and
   *     removed
   * @param after sequence of the last block that is not needed any more
   * @throws CorruptIndexException if blocks that were durable are damaged or missing
   */
  @MustBeClosed
  public static WriteAheadLog open(
      Path directory, Options options, long base, long after, Replay replay) throws IOException {
    Files.createDirectories(directory);
    // Segments are durable only if the directory they are in is; who made it may have been killed.
    DirectFile.syncDirectory(
        java.util.Objects.requireNonNull(directory.toAbsolutePath().getParent()));
    DirectFile.syncDirectory(directory);
    List<Path> segments = new ArrayList<>();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path path : files.toList()) {
        String name = path.getFileName().toString();
        if (SEGMENT.matcher(name).matches()) {
          if (WalReader.header(path).number(3) == base) {
            segments.add(path);
          } else {
            Files.delete(path);
          }
        } else if (SPARE.matcher(name).matches()) {
          Files.delete(path);
        }
      }
    }
    segments.sort(java.util.Comparator.comparingLong(WriteAheadLog::number));
    removeReleased(segments, after);
    List<Old> olds = new ArrayList<>();
    long lastSequence;
    try (WalReader reader = new WalReader(after, replay)) {
      for (int i = 0; i < segments.size(); i++) {
        Path next = i + 1 < segments.size() ? segments.get(i + 1) : null;
        olds.add(reader.read(segments.get(i), next));
      }
      lastSequence = reader.lastSequence();
    }
    if (lastSequence < after) {
      // Nothing of them is needed, and the next segment would not join on.
      for (Old segment : olds) {
        Files.delete(segment.path());
      }
      olds.clear();
      lastSequence = after;
    }
    long lastNumber = segments.isEmpty() ? 0 : number(segments.getLast());
    return new WriteAheadLog(directory, options, base, olds, lastNumber, lastSequence);
  }

  /**
   * Removes segments before the one with the first block that is needed: they were released, but
   * with the names of only some of them gone, if power failed.
   */
  private static void removeReleased(List<Path> segments, long after) throws IOException {
    int first = 0;
    for (int i = 0; i < segments.size(); i++) {
      if (WalReader.header(segments.get(i)).number(1) <= after + 1) {
        first = i;
      }
    }
    for (Path path : segments.subList(0, first)) {
      Files.delete(path);
    }
    segments.subList(0, first).clear();
  }

  /** Bytes of the segments of a directory. */
  public static long bytes(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return 0;
    }
    long bytes = 0;
    try (Stream<Path> files = Files.list(directory)) {
      for (Path path : files.toList()) {
        if (SEGMENT.matcher(path.getFileName().toString()).matches()) {
          bytes += Files.size(path);
        }
      }
    }
    return bytes;
  }

  /** Removes the segments of a directory, if it exists. */
  public static void removeAll(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return;
    }
    try (Stream<Path> files = Files.list(directory)) {
      for (Path path : files.toList()) {
        String name = path.getFileName().toString();
        if (SEGMENT.matcher(name).matches() || SPARE.matcher(name).matches()) {
          Files.delete(path);
        }
      }
    }
    DirectFile.syncDirectory(directory);
  }

  /** Number of a segment by its name. */
  public static long number(Path segment) {
    Matcher matcher = SEGMENT.matcher(segment.getFileName().toString());
    if (!matcher.matches()) {
      throw new IllegalArgumentException(segment + " is no log segment");
    }
    return Long.parseLong(matcher.group(1));
  }

  /** Rounds up to whole steps. */
  static long pad(long bytes, long step) {
    return (bytes + step - 1) / step * step;
  }

  private static long step(DirectFile file) {
    return Math.max(LEAST_STEP, file.alignmentBytes());
  }

  /** Makes a segment: named when its header is durable. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  private DirectFile begin(long segment, long firstSequence) throws IOException {
    boolean recycled = spares > 0;
    Path unnamed = directory.resolve("spare-" + (recycled ? spares - 1 : SPARES) + ".tmp");
    Path named = directory.resolve(segment + ".wal");
    if (!recycled) {
      Files.deleteIfExists(unnamed); // of an attempt that failed and could not clean up
    }
    DirectFile made =
        DirectFile.open(unnamed, recycled ? DirectFile.Mode.READ_WRITE : DirectFile.Mode.CREATE);
    long size = recycled ? options.segmentBytes() : nextBytes;
    try (NativeMemory head = NativeMemory.allocate(FileHeader.BYTES)) {
      if (!recycled) {
        made.reserve(size);
      }
      new FileHeader(FileHeader.Kind.LOG, segment, firstSequence, step(made), base)
          .write(head.segment());
      made.write(head.segment(), 0, FileHeader.BYTES, 0);
      made.sync();
      Files.move(unnamed, named, StandardCopyOption.ATOMIC_MOVE);
      DirectFile.syncDirectory(directory);
    } catch (Throwable e) {
      if (Files.exists(named)) {
        // A replay would go on there, and leave out what the segment before it gets from now on.
        failure = new IOException("segment " + named + " was begun, but not durably", e);
      }
      try (made) {
        if (!recycled) {
          Files.deleteIfExists(unnamed);
        }
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
    if (recycled) {
      spares--;
    }
    segmentBytes = size;
    nextBytes = Math.min(options.segmentBytes(), 2 * size);
    return made;
  }

  /**
   * What appends for one thread at a time; holds its buffers.
   *
   * @see WriteAheadLog#newAppender
   */
  public final class Appender implements AutoCloseable {
    private final MemorySegment block;
    private final @Nullable BytePlanes planes;
    private final int mostBytes;

    private Appender(int mostBytes, SegmentAllocator memory) {
      this.mostBytes = mostBytes;
      this.block =
          memory.allocate(
              pad(WalBlock.HEAD_BYTES + BytePlanes.bound(mostBytes), PAGE_BYTES), PAGE_BYTES);
      this.planes = options.compress() ? new BytePlanes(mostBytes, memory) : null;
    }

    /**
     * Appends a block; it is durable when {@link WriteAheadLog#acknowledge} says so.
     *
     * @param payload bytes [0, bytes), of which [floatsFrom, bytes) are floats
     * @return its sequence
     * @throws IOException if the disk is full or fails; the block is then not in the log
     */
    public long append(MemorySegment payload, int bytes, int floatsFrom) throws IOException {
      if (bytes > mostBytes || floatsFrom > bytes || (bytes - floatsFrom) % 4 != 0) {
        throw new IllegalArgumentException(
            bytes + " bytes, floats from " + floatsFrom + ", most are " + mostBytes);
      }
      int stored = Integer.MAX_VALUE;
      if (planes != null) {
        MemorySegment target = block.asSlice(WalBlock.HEAD_BYTES);
        stored = planes.encode(payload, bytes, floatsFrom, target);
      }
      boolean compressed = stored < bytes - bytes / 16;
      if (!compressed) {
        stored = bytes;
        MemorySegment.copy(payload, 0, block, WalBlock.HEAD_BYTES, bytes);
      }
      int checksum = FileHeader.checksum(block, WalBlock.HEAD_BYTES, stored);
      return write(block, bytes, stored, floatsFrom, compressed, checksum);
    }

    /** Frees what is not in the memory it was given. */
    @Override
    public void close() {
      if (planes != null) {
        planes.close();
      }
    }
  }

  /**
   * Makes an appender.
   *
   * @param mostBytes longest payload, at most {@link #MOST_BYTES}
   * @param memory for buffers, about three times as much; must outlive it
   */
  @MustBeClosed
  public Appender newAppender(int mostBytes, SegmentAllocator memory) {
    if (mostBytes < 1 || mostBytes > MOST_BYTES) {
      throw new IllegalArgumentException(
          "payloads must have 1 to " + MOST_BYTES + " bytes: " + mostBytes);
    }
    return new Appender(mostBytes, memory);
  }

  private long write(
      MemorySegment block, int bytes, int stored, int floatsFrom, boolean planes, int checksum)
      throws IOException {
    synchronized (writing) {
      requireUsable();
      long length = (long) WalBlock.HEAD_BYTES + stored;
      long padded = pad(length, step(file));
      boolean hasRoom = end + padded + step(file) <= segmentBytes; // and for a marker
      if (!hasRoom && end > FileHeader.BYTES) {
        roll();
      }
      long sequence = last + 1;
      new WalBlock(number, sequence, durable, bytes, stored, floatsFrom, planes, checksum)
          .write(block, 0);
      block.asSlice(length, padded - length).fill((byte) 0);
      file.write(block, 0, padded, end);
      end += padded;
      appended += padded;
      last = sequence;
      written = sequence;
      return sequence;
    }
  }

  private void requireUsable() throws IOException {
    IOException broken = failure;
    if (broken != null) {
      throw new IOException(
          "the log " + directory + " failed and must be opened again: " + broken.getMessage(),
          broken);
    }
    if (closed) {
      throw new IOException("the log " + directory + " is closed");
    }
  }

  /** Goes on in a new segment, when the old one is durable. */
  @SuppressWarnings("MustBeClosedChecker") // kept as the current segment
  private void roll() throws IOException {
    synchronized (syncing) {
      sync(file, last);
      DirectFile next = begin(number + 1, last + 1);
      file.close();
      old.addLast(new Old(file.path().resolveSibling(number + ".wal"), last, end));
      file = next;
      number++;
      end = FileHeader.BYTES;
    }
  }

  /** Under {@link #syncing}. */
  private void sync(DirectFile target, long upTo) throws IOException {
    if (durable >= upTo) {
      return;
    }
    LogSyncEvent event = new LogSyncEvent();
    event.begin();
    long start = System.nanoTime();
    try {
      target.sync();
    } catch (IOException e) {
      failure = e;
      throw e;
    }
    syncNanos.add(System.nanoTime() - start);
    syncs.increment();
    event.end();
    if (event.shouldCommit()) {
      event.blocks = upTo - durable;
      event.commit();
    }
    durable = upTo;
  }

  /** Times the log was made durable. */
  public long syncs() {
    return syncs.sum();
  }

  /** Nanoseconds that took. */
  public long syncNanos() {
    return syncNanos.sum();
  }

  /**
   * Waits until a block may be acknowledged, as the options say.
   *
   * @throws IOException if it could not be made durable; whether it survives a crash is unknown
   */
  public void acknowledge(long sequence) throws IOException {
    if (options.syncMillis() > 0) {
      requireUsable();
      return;
    }
    if (durable < sequence) {
      makeDurable();
    }
  }

  /** Makes everything durable that has been appended. */
  public void makeDurable() throws IOException {
    synchronized (syncing) {
      long upTo = written;
      if (durable >= upTo) {
        return; // who waited before for the lock did it for this one, too
      }
      requireUsable();
      // Not under the other lock: others append meanwhile. roll() changes the file under this one.
      sync(file, upTo);
    }
    mark();
  }

  /** Says behind the last block that it is durable, if no other says so by following it. */
  private void mark() throws IOException {
    synchronized (writing) {
      if (closed || durable < last || marked == last || end == FileHeader.BYTES) {
        return;
      }
      requireUsable();
      WalBlock.marker(number, last).write(marker.segment(), 0);
      try {
        file.write(marker.segment(), 0, step(file), end);
      } catch (SystemCallException e) {
        if (!e.isOutOfSpace()) { // a block longer than a segment may leave no room for one
          failure = e;
          throw e;
        }
      }
      marked = last;
    }
  }

  private void syncForEver() {
    while (!closed && failure == null) {
      LockSupport.parkNanos(options.syncMillis() * 1_000_000L);
      try {
        makeDurable();
      } catch (IOException e) {
        failure = e; // whoever appends next is told
      }
    }
  }

  /** Sequence of the last block appended, 0 if there never was one. */
  public long lastSequence() {
    return written;
  }

  /** Sequence up to which all blocks are durable. */
  public long durableSequence() {
    return durable;
  }

  /** Where the next block of the current segment begins. */
  long currentEnd() {
    synchronized (writing) {
      return end;
    }
  }

  /** Bytes of blocks ever appended, those found when the log was opened included. */
  public long appendedBytes() {
    synchronized (writing) {
      return appended;
    }
  }

  /** Bytes written to segments that have not been released, padding and headers included. */
  public long writtenBytes() {
    synchronized (writing) {
      return end + old.stream().mapToLong(Old::bytes).sum();
    }
  }

  /**
   * Gives up the segments of which no block behind {@code sequence} remains; their files become new
   * segments.
   */
  public void release(long sequence) throws IOException {
    synchronized (writing) {
      int ready = spares;
      while (!old.isEmpty() && old.getFirst().lastSequence() <= sequence) {
        Path path = old.getFirst().path();
        if (ready < SPARES && Files.size(path) == options.segmentBytes()) {
          Path spare = directory.resolve("spare-" + ready + ".tmp");
          Files.move(path, spare, StandardCopyOption.ATOMIC_MOVE);
          ready++;
        } else {
          Files.deleteIfExists(path);
        }
        old.removeFirst();
      }
      DirectFile.syncDirectory(directory);
      spares = ready; // written to only when the names they had are gone for good
    }
  }

  /** Makes all durable and closes; no append may be under way. */
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    try {
      if (failure == null) {
        makeDurable();
      }
    } finally {
      closed = true;
      if (syncer != null) {
        LockSupport.unpark(syncer);
      }
      synchronized (syncing) {
        try (marker) {
          file.close();
        }
      }
    }
  }
}
