// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import com.google.errorprone.annotations.MustBeClosed;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The lock of an index directory, between processes and within one. A build excludes other builds
 * and updates. An update also excludes readers, because it changes files in place. Any number of
 * readers share the directory, even while a build writes new files. Builds and updates lock the
 * first byte of {@code LOCK}; an update locks the second byte exclusively, readers lock it shared.
 *
 * <p>POSIX locks belong to the process: closing any channel on the file drops them all. So a
 * process opens it once for all its locks. Thread-safe.
 */
public final class DirectoryLock implements AutoCloseable {
  static final String FILE_NAME = "LOCK";

  /** What a directory is locked for. */
  public enum Use {
    /** New files are written and replace the present ones. */
    BUILD,
    /** The present files are changed. */
    UPDATE,
    /** The present files are read. */
    READ
  }

  /** What this process holds of a directory. */
  private static final class Held {
    final FileChannel channel;
    @Nullable FileLock first;
    @Nullable FileLock second;
    int readers;

    Held(FileChannel channel) {
      this.channel = channel;
    }

    boolean isIdle() {
      return first == null && second == null;
    }
  }

  private static final Map<Path, Held> HELD = new HashMap<>();

  private final Path realPath;
  private final Use use;
  private boolean closed;

  private DirectoryLock(Path realPath, Use use, boolean isHeld) {
    this.realPath = realPath;
    this.use = use;
    this.closed = !isHeld;
  }

  /**
   * Takes the lock of a directory that exists.
   *
   * @throws IOException if another holds one that does not go with it, or permission is missing
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // the channel is closed when nothing of it is locked
  public static DirectoryLock take(Path directory, Use use) throws IOException {
    Path real = directory.toRealPath();
    Path file = real.resolve(FILE_NAME);
    synchronized (HELD) {
      Held held = HELD.get(real);
      if (held == null) {
        if (use == Use.READ && !Files.exists(file)) {
          return new DirectoryLock(real, use, false); // a copy nobody has written to
        }
        held = new Held(open(file, use));
        HELD.put(real, held);
      }
      try {
        lock(held, use, directory);
      } catch (Throwable e) {
        forgetIfIdle(real, held);
        throw e;
      }
      return new DirectoryLock(real, use, true);
    }
  }

  @MustBeClosed
  private static FileChannel open(Path file, Use use) throws IOException {
    if (use == Use.READ && !Files.isWritable(file)) {
      return FileChannel.open(file, StandardOpenOption.READ);
    }
    return FileChannel.open(
        file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
  }

  private static void lock(Held held, Use use, Path directory) throws IOException {
    if (use == Use.READ) {
      if (held.readers == 0) {
        FileLock shared = held.second == null ? held.channel.tryLock(1, 1, true) : null;
        if (shared == null) {
          throw inUse(directory, "is open for writing");
        }
        held.second = shared;
      }
      held.readers++;
      return;
    }
    if (held.first != null) {
      throw inUse(directory, "is already open for writing");
    }
    if (use == Use.UPDATE && held.second != null) {
      throw inUse(directory, "is being read");
    }
    FileLock first = held.channel.tryLock(0, 1, false);
    if (first == null) {
      throw inUse(directory, "is already open for writing");
    }
    if (use == Use.UPDATE) {
      held.second = held.channel.tryLock(1, 1, false);
      if (held.second == null) {
        first.release();
        throw inUse(directory, "is being read");
      }
    }
    held.first = first;
  }

  private static IOException inUse(Path directory, String what) {
    return new IOException(
        directory + " " + what + " by another process or index; wait for it to end");
  }

  private static void forgetIfIdle(Path real, Held held) throws IOException {
    if (held.isIdle()) {
      HELD.remove(real);
      held.channel.close();
    }
  }

  @Override
  public void close() throws IOException {
    synchronized (HELD) {
      Held held = HELD.get(realPath);
      if (closed || held == null) {
        return;
      }
      closed = true;
      if (use != Use.READ) {
        release(held.first);
        held.first = null;
      }
      if (use == Use.UPDATE || (use == Use.READ && --held.readers == 0)) {
        release(held.second);
        held.second = null;
      }
      forgetIfIdle(realPath, held);
    }
  }

  private static void release(@Nullable FileLock lock) throws IOException {
    if (lock != null) {
      lock.release();
    }
  }
}
