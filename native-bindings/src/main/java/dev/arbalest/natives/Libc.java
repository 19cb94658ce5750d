// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The C library calls the engine makes. Each returns what the call returns, or the negated errno if
 * it failed: the convention of liburing, so callers have one rule for both.
 */
final class Libc {
  static final int O_RDONLY = 0;
  static final int O_RDWR = 2;
  static final int O_CREAT = 0x40;
  static final int O_EXCL = 0x80;
  static final int O_CLOEXEC = 0x80000;
  static final int O_DIRECT =
      System.getProperty("os.arch", "").equals("aarch64") ? 0x10000 : 0x4000;

  static final int PROT_READ = 1;
  static final int PROT_WRITE = 2;
  static final int MAP_SHARED = 1;
  static final int MAP_PRIVATE = 2;
  static final int MAP_ANONYMOUS = 0x20;
  static final int MAP_NORESERVE = 0x4000;
  static final int MAP_POPULATE = 0x8000;

  static final int MADV_RANDOM = 1;
  static final int MADV_WILLNEED = 3;
  static final int MADV_DONTNEED = 4;
  static final int MADV_HUGEPAGE = 14;

  static final int POSIX_FADV_DONTNEED = 4;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      CAPTURE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final ThreadLocal<MemorySegment> CAPTURED =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CAPTURE));

  private static final MethodHandle OPEN =
      variadic("open", 2, FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle GETPAGESIZE =
      handle("getpagesize", FunctionDescriptor.of(JAVA_INT));
  private static final MethodHandle CLOSE =
      handle("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle PREAD =
      handle("pread", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle PWRITE =
      handle("pwrite", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle FSYNC =
      handle("fsync", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle FTRUNCATE =
      handle("ftruncate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle POSIX_FALLOCATE =
      handle("posix_fallocate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle POSIX_FADVISE =
      handle(
          "posix_fadvise",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
  private static final MethodHandle MMAP =
      handle(
          "mmap",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MUNMAP =
      handle("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle MADVISE =
      handle("madvise", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
  private static final MethodHandle STATX =
      handle(
          "statx", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS));

  private Libc() {}

  static int open(String path, int flags, int mode) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment captured = CAPTURED.get();
      return (int)
          result((int) OPEN.invokeExact(captured, arena.allocateFrom(path), flags, mode), captured);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int pageBytes() {
    try {
      return (int) GETPAGESIZE.invokeExact(CAPTURED.get());
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int close(int fd) {
    try {
      MemorySegment captured = CAPTURED.get();
      return (int) result((int) CLOSE.invokeExact(captured, fd), captured);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static long pread(int fd, MemorySegment target, long length, long offset) {
    try {
      MemorySegment captured = CAPTURED.get();
      return result((long) PREAD.invokeExact(captured, fd, target, length, offset), captured);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static long pwrite(int fd, MemorySegment source, long length, long offset) {
    try {
      MemorySegment captured = CAPTURED.get();
      return result((long) PWRITE.invokeExact(captured, fd, source, length, offset), captured);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int fsync(int fd) {
    try {
      MemorySegment captured = CAPTURED.get();
      return (int) result((int) FSYNC.invokeExact(captured, fd), captured);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int ftruncate(int fd, long length) {
    try {
      MemorySegment captured = CAPTURED.get();
      return (int) result((int) FTRUNCATE.invokeExact(captured, fd, length), captured);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int fallocate(int fd, long offset, long length) {
    try {
      MemorySegment captured = CAPTURED.get();
      return -(int) POSIX_FALLOCATE.invokeExact(captured, fd, offset, length); // returns the errno
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int fadvise(int fd, long offset, long length, int advice) {
    try {
      MemorySegment captured = CAPTURED.get();
      return -(int) POSIX_FADVISE.invokeExact(captured, fd, offset, length, advice);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static long mmap(long length, int protection, int flags, int fd, long offset) {
    try {
      MemorySegment captured = CAPTURED.get();
      return result(
          (long) MMAP.invokeExact(captured, 0L, length, protection, flags, fd, offset), captured);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int munmap(long address, long length) {
    try {
      MemorySegment captured = CAPTURED.get();
      return (int) result((int) MUNMAP.invokeExact(captured, address, length), captured);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static int madvise(long address, long length, int advice) {
    try {
      MemorySegment captured = CAPTURED.get();
      return (int) result((int) MADVISE.invokeExact(captured, address, length, advice), captured);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** Fills a {@code struct statx} (256 bytes) for an open descriptor. */
  static int statx(int fd, int mask, MemorySegment statx) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment captured = CAPTURED.get();
      int atEmptyPath = 0x1000;
      return (int)
          result(
              (int)
                  STATX.invokeExact(captured, fd, arena.allocateFrom(""), atEmptyPath, mask, statx),
              captured);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private static long result(long returned, MemorySegment captured) {
    return returned == -1 ? -(int) ERRNO.get(captured, 0L) : returned;
  }

  private static AssertionError unexpected(Throwable e) {
    return new AssertionError("a downcall threw", e);
  }

  @SuppressWarnings("restricted") // the signatures above are those of the C library
  private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        descriptor,
        Linker.Option.captureCallState("errno"));
  }

  @SuppressWarnings("restricted")
  private static MethodHandle variadic(
      String name, int fixedArguments, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        descriptor,
        Linker.Option.captureCallState("errno"),
        Linker.Option.firstVariadicArg(fixedArguments));
  }

  /** Address as a segment for a call; no memory is accessed through it in Java. */
  static MemorySegment pointer(MemorySegment segment, long offset) {
    return offset == 0 ? segment : segment.asSlice(offset);
  }
}
