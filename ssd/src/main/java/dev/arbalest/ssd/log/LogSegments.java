// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.log;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.ssd.format.FileHeader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The segment files of a log: begins them, keeps those that ended, and recycles those no longer
 * needed. The lock of the {@link WriteAheadLog} guards it.
 */
public final class LogSegments {
  /** Blocks begin at multiples of this at least. */
  static final int MIN_STEP = 512;

  static final int PAGE_BYTES = 4096;

  /** Size of the first segment. */
  private static final long FIRST_SEGMENT_BYTES = 128 << 10;

  /** Files kept for new segments: they have their blocks on disk already. */
  private static final int SPARES = 2;

  private static final Pattern SEGMENT = Pattern.compile("([0-9]{1,18})\\.wal");
  private static final Pattern SPARE = Pattern.compile("spare-[0-9]+\\.tmp");

  private final Path directory;
  private final long largestBytes;
  private final long base;
  private final Consumer<IOException> uncertain;
  private final Deque<Segment> old = new ArrayDeque<>();
  private int spares;
  private long currentBytes;
  private long nextBytes;

  /** A segment no longer written to. */
  record Segment(Path path, long lastSequence, long bytes) {}

  /**
   * Takes over the segments of a directory.
   *
   * @param uncertain called when a power failure could leave a segment present or absent: the log
   *     must not go on
   */
  LogSegments(
      Path directory,
      long largestBytes,
      long base,
      List<Segment> ended,
      Consumer<IOException> uncertain) {
    this.directory = directory;
    this.largestBytes = largestBytes;
    this.base = base;
    this.uncertain = uncertain;
    this.old.addAll(ended);
    this.nextBytes = Math.min(FIRST_SEGMENT_BYTES, largestBytes);
  }

  static Path path(Path directory, long number) {
    return directory.resolve(number + ".wal");
  }

  /**
   * The segments of a log in their order, from the one with the first block behind {@code after};
   * removes segments of an index that was replaced, and spares.
   */
  static List<Path> list(Path directory, long base, long after) throws IOException {
    List<Path> segments = new ArrayList<>();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path path : files.toList()) {
        String name = path.getFileName().toString();
        if (SEGMENT.matcher(name).matches()) {
          if (header(path).number(3) == base) {
            segments.add(path);
          } else {
            Files.delete(path);
          }
        } else if (SPARE.matcher(name).matches()) {
          Files.delete(path);
        }
      }
    }
    segments.sort(Comparator.comparingLong(LogSegments::number));
    removeReleased(segments, after);
    return segments;
  }

  /**
   * Removes segments before the one with the first block that is needed: they were released, but
   * with the names of only some of them gone, if power failed.
   */
  private static void removeReleased(List<Path> segments, long after) throws IOException {
    int first = 0;
    for (int i = 0; i < segments.size(); i++) {
      if (header(segments.get(i)).number(1) <= after + 1) {
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

  static long step(DirectFile file) {
    return Math.max(MIN_STEP, file.alignmentBytes());
  }

  /** Makes a segment: named when its header is durable. */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  DirectFile begin(long segment, long firstSequence) throws IOException {
    boolean recycled = spares > 0;
    Path unnamed = directory.resolve("spare-" + (recycled ? spares - 1 : SPARES) + ".tmp");
    Path named = path(directory, segment);
    if (!recycled) {
      Files.deleteIfExists(unnamed); // of an attempt that failed and could not clean up
    }
    DirectFile made =
        DirectFile.open(unnamed, recycled ? DirectFile.Mode.READ_WRITE : DirectFile.Mode.CREATE);
    long size = recycled ? largestBytes : nextBytes;
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
        uncertain.accept(new IOException("segment " + named + " was begun, but not durably", e));
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
    currentBytes = size;
    nextBytes = Math.min(largestBytes, 2 * size);
    return made;
  }

  /** The header of a segment. */
  static FileHeader header(Path path) throws IOException {
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.READ);
        NativeMemory head = NativeMemory.allocate(FileHeader.BYTES)) {
      if (file.size() < FileHeader.BYTES) {
        throw new CorruptIndexException(path, "a log segment of " + file.size() + " bytes");
      }
      file.read(head.segment(), 0, FileHeader.BYTES, 0);
      return FileHeader.read(head.segment(), path, FileHeader.Kind.LOG);
    }
  }

  /** Bytes the segment begun last may grow to. */
  long currentBytes() {
    return currentBytes;
  }

  /** Keeps a segment until {@link #release}. */
  void ended(Segment segment) {
    old.addLast(segment);
  }

  /** Bytes of the segments that ended. */
  long endedBytes() {
    return old.stream().mapToLong(Segment::bytes).sum();
  }

  /** Recycles or removes the segments that hold no block behind {@code sequence}. */
  void release(long sequence) throws IOException {
    int ready = spares;
    while (!old.isEmpty() && old.getFirst().lastSequence() <= sequence) {
      Path path = old.getFirst().path();
      if (ready < SPARES && Files.size(path) == largestBytes) {
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
