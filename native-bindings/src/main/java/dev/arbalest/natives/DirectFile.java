// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import com.google.errorprone.annotations.MustBeClosed;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.function.IntSupplier;

/**
 * A file read and written past the page cache (O_DIRECT). Offsets, lengths and buffer addresses are
 * multiples of {@link #alignmentBytes}, which the file system reports. On a file system that has no
 * direct I/O the file is opened through the page cache, alignment still being required, and {@link
 * #isDirect} says so.
 *
 * <p>Reads and writes may be issued from any number of threads. {@link #close} must not race with
 * them.
 */
public final class DirectFile implements AutoCloseable {
  private static final int STATX_DIOALIGN = 0x2000;
  private static final int STATX_SIZE = 0x200;
  private static final int STATX_BYTES = 256;
  private static final int MAX_ALIGNMENT_BYTES = 4096;

  private final Path path;
  private final int descriptor;
  private final boolean direct;
  private final int alignmentBytes;
  private boolean closed;

  private DirectFile(Path path, int descriptor, boolean direct, int alignmentBytes) {
    this.path = path;
    this.descriptor = descriptor;
    this.direct = direct;
    this.alignmentBytes = alignmentBytes;
  }

  /** How a file is opened. */
  public enum Mode {
    /** An existing file, for reading. */
    READ(Libc.O_RDONLY),
    /** An existing file, for reading and writing. */
    READ_WRITE(Libc.O_RDWR),
    /** A file that must not exist yet, for reading and writing. */
    CREATE(Libc.O_RDWR | Libc.O_CREAT | Libc.O_EXCL);

    private final int flags;

    Mode(int flags) {
      this.flags = flags;
    }
  }

  /**
   * Opens a file.
   *
   * @throws NoSuchFileException if it does not exist and is not to be created
   * @throws FileAlreadyExistsException if it exists although the caller asked to create it
   * @throws AccessDeniedException if permission is missing
   * @throws IOException for any other refusal, naming call and reason
   */
  @MustBeClosed
  public static DirectFile open(Path path, Mode mode) throws IOException {
    int flags = mode.flags | Libc.O_CLOEXEC;
    boolean direct = true;
    int descriptor = restarted(() -> Libc.open(path.toString(), flags | Libc.O_DIRECT, 0644));
    if (descriptor == -Errno.EINVAL.number) {
      // A file system without direct I/O refuses it, some after having made the file.
      descriptor = restarted(() -> Libc.open(path.toString(), flags & ~Libc.O_EXCL, 0644));
      direct = false;
    }
    if (descriptor < 0) {
      throw refused("open", path, -descriptor);
    }
    int alignment = direct ? directAlignment(path, descriptor) : 512;
    return new DirectFile(path, descriptor, direct, alignment);
  }

  /** Makes a call again for as long as signals interrupt it. */
  private static int restarted(IntSupplier call) {
    int result = call.getAsInt();
    while (result == -Errno.EINTR.number) {
      result = call.getAsInt();
    }
    return result;
  }

  private static IOException refused(String call, Path path, int errno) {
    String file = path.toString();
    if (errno == Errno.ENOENT.number) {
      return new NoSuchFileException(file);
    }
    if (errno == Errno.EEXIST.number) {
      return new FileAlreadyExistsException(file);
    }
    if (errno == Errno.EACCES.number || errno == Errno.EROFS.number) {
      return new AccessDeniedException(file, null, Errno.describe(errno));
    }
    return new SystemCallException(call + "(" + file + ")", errno);
  }

  /** What statx reports for direct I/O; 4096 where the kernel is too old to say. */
  private static int directAlignment(Path path, int descriptor) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment statx = arena.allocate(STATX_BYTES, 8);
      if (Libc.statx(descriptor, STATX_DIOALIGN, statx) == 0
          && (statx.get(ValueLayout.JAVA_INT, 0) & STATX_DIOALIGN) != 0) {
        int memory = statx.get(ValueLayout.JAVA_INT, 152);
        int offset = statx.get(ValueLayout.JAVA_INT, 156);
        int reported = Math.max(memory, offset);
        if (reported > MAX_ALIGNMENT_BYTES) {
          Libc.close(descriptor);
          throw new IOException(
              path
                  + ": its file system needs direct I/O aligned to "
                  + reported
                  + " bytes, supported are "
                  + MAX_ALIGNMENT_BYTES);
        }
        if (reported > 0) {
          return Math.max(512, Integer.highestOneBit(2 * reported - 1));
        }
      }
      return 4096;
    }
  }

  /**
   * Makes the names in a directory durable (fsync). An interrupt of the thread does not cut it
   * short, as it would a {@code FileChannel}.
   */
  public static void syncDirectory(Path directory) throws IOException {
    int descriptor =
        restarted(() -> Libc.open(directory.toString(), Libc.O_RDONLY | Libc.O_CLOEXEC, 0));
    if (descriptor < 0) {
      throw refused("open", directory, -descriptor);
    }
    int result = Libc.fsync(descriptor);
    while (result == -Errno.EINTR.number) {
      result = Libc.fsync(descriptor);
    }
    Libc.close(descriptor);
    if (result < 0) {
      throw new SystemCallException("fsync(" + directory + ")", -result);
    }
  }

  /** The path it was opened by. */
  public Path path() {
    return path;
  }

  /** The file descriptor, for a ring of this module. */
  int descriptor() {
    return descriptor;
  }

  /** Whether reads and writes bypass the page cache. */
  public boolean isDirect() {
    return direct;
  }

  /** Power of two, at least 512, that offsets, lengths and addresses must be multiples of. */
  public int alignmentBytes() {
    return alignmentBytes;
  }

  /** Size in bytes. */
  public long size() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment statx = arena.allocate(STATX_BYTES, 8);
      int result = Libc.statx(descriptor, STATX_SIZE, statx);
      if (result < 0) {
        throw refused("statx", path, -result);
      }
      return statx.get(ValueLayout.JAVA_LONG, 40);
    }
  }

  /**
   * Reads {@code length} bytes at {@code fileOffset} into {@code target} from {@code targetOffset}.
   *
   * @throws EOFException if the file ends before; the bytes before the end have been read
   */
  public void read(MemorySegment target, long targetOffset, long length, long fileOffset)
      throws IOException {
    long done = readUpTo(target, targetOffset, length, fileOffset);
    if (done < length) {
      throw new EOFException(
          path + " ends at byte " + (fileOffset + done) + ", wanted " + (fileOffset + length));
    }
  }

  /**
   * Reads up to {@code length} bytes at {@code fileOffset}, fewer only where the file ends.
   *
   * @return bytes read
   */
  public long readUpTo(MemorySegment target, long targetOffset, long length, long fileOffset)
      throws IOException {
    java.util.Objects.checkFromIndexSize(targetOffset, length, target.byteSize());
    long done = 0;
    while (done < length) {
      long n =
          Libc.pread(
              descriptor,
              Libc.pointer(target, targetOffset + done),
              length - done,
              fileOffset + done);
      if (n == -Errno.EINTR.number) {
        continue;
      }
      if (n < 0) {
        throw new SystemCallException(
            "pread("
                + path
                + ", offset "
                + (fileOffset + done)
                + ", "
                + (length - done)
                + " bytes)",
            (int) -n);
      }
      done += n;
      if (n == 0 || done % alignmentBytes != 0) {
        break; // direct reads stop short of alignment only at the end of the file
      }
    }
    return done;
  }

  /**
   * Writes {@code length} bytes of {@code source} from {@code sourceOffset} at {@code fileOffset}.
   *
   * @throws SystemCallException if the device or the file system refuses, {@link
   *     SystemCallException#isOutOfSpace} when it is full
   */
  public void write(MemorySegment source, long sourceOffset, long length, long fileOffset)
      throws IOException {
    java.util.Objects.checkFromIndexSize(sourceOffset, length, source.byteSize());
    long done = 0;
    while (done < length) {
      long n =
          Libc.pwrite(
              descriptor,
              Libc.pointer(source, sourceOffset + done),
              length - done,
              fileOffset + done);
      if (n == -Errno.EINTR.number) {
        continue;
      }
      if (n <= 0) {
        throw new SystemCallException(
            "pwrite("
                + path
                + ", offset "
                + (fileOffset + done)
                + ", "
                + (length - done)
                + " bytes)",
            n == 0 ? Errno.ENOSPC.number : (int) -n);
      }
      done += n;
    }
  }

  /** Reserves space for [0, length), so that a full disk shows now and not after hours of work. */
  public void reserve(long length) throws IOException {
    int result = restarted(() -> Libc.fallocate(descriptor, 0, length));
    if (result < 0 && result != -Errno.EOPNOTSUPP.number && result != -Errno.EINVAL.number) {
      throw new SystemCallException("posix_fallocate(" + path + ", " + length + ")", -result);
    }
  }

  /** Sets the size in bytes. */
  public void truncate(long length) throws IOException {
    int result = restarted(() -> Libc.ftruncate(descriptor, length));
    if (result < 0) {
      throw new SystemCallException("ftruncate(" + path + ", " + length + ")", -result);
    }
  }

  /** Makes data and size durable (fsync). */
  public void sync() throws IOException {
    int result = restarted(() -> Libc.fsync(descriptor));
    if (result < 0) {
      throw new SystemCallException("fsync(" + path + ")", -result);
    }
  }

  /** Drops the file's pages from the page cache; for files opened without direct I/O. */
  public void dropCache() throws IOException {
    int result = Libc.fadvise(descriptor, 0, 0, Libc.POSIX_FADV_DONTNEED);
    if (result < 0) {
      throw new SystemCallException("posix_fadvise(" + path + ")", -result);
    }
  }

  /** Closes the descriptor; a second close does nothing. */
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    int result = Libc.close(descriptor);
    if (result < 0) {
      throw new SystemCallException("close(" + path + ")", -result);
    }
  }
}
