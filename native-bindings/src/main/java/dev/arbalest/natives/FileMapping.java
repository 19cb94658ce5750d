// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import com.google.errorprone.annotations.MustBeClosed;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A whole file mapped read-only into memory. Access through {@link #segment} is safe from any
 * thread until {@link #close}; a file cut short by someone else while mapped raises {@code
 * InternalError} on access, as the JVM reports such faults.
 */
public final class FileMapping implements AutoCloseable {
  private static final long PAGE_BYTES = Libc.pageBytes();

  private final Path path;
  private final Arena arena;
  private final MemorySegment segment;

  private FileMapping(Path path, Arena arena, MemorySegment segment) {
    this.path = path;
    this.arena = arena;
    this.segment = segment;
  }

  /** Maps all of {@code path}; an empty file gives an empty segment. */
  @MustBeClosed
  public static FileMapping open(Path path) throws IOException {
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      MemorySegment segment = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new FileMapping(path, arena, segment);
    } catch (IOException | RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /**
   * Maps all of an open file, also if its name has come to mean another file since. The mapping
   * does not need the file to stay open.
   */
  @MustBeClosed
  @SuppressWarnings("restricted") // exactly the range mapped here, unmapped when the arena closes
  public static FileMapping of(DirectFile file) throws IOException {
    long length = file.size();
    long address = Libc.mmap(length, Libc.PROT_READ, Libc.MAP_SHARED, file.descriptor(), 0);
    if (address < 0) {
      throw new SystemCallException(
          "mmap(" + file.path() + ", " + length + " bytes)", (int) -address);
    }
    Arena arena = Arena.ofShared();
    MemorySegment segment =
        MemorySegment.ofAddress(address)
            .reinterpret(length, arena, _ -> Libc.munmap(address, length))
            .asReadOnly();
    return new FileMapping(file.path(), arena, segment);
  }

  /** The file's bytes. */
  public MemorySegment segment() {
    return segment;
  }

  /** Tells the kernel that accesses are scattered, so that it reads no neighbours ahead. */
  public void adviseRandom() throws IOException {
    advise(0, segment.byteSize(), Libc.MADV_RANDOM);
  }

  /**
   * Starts reading [offset, offset + length) into the page cache and returns at once. Given for a
   * whole batch before the first touch, the reads overlap.
   */
  public void adviseWillNeed(long offset, long length) throws IOException {
    advise(offset, length, Libc.MADV_WILLNEED);
  }

  /**
   * Gives up the memory of pages read: they no longer count for this process, and are read again if
   * touched again.
   */
  public void release(long offset, long length) {
    long end = Math.min(segment.byteSize(), offset + length);
    long start = offset / PAGE_BYTES * PAGE_BYTES;
    if (start < end) {
      // Only a kindness to the system, which may refuse it, for locked pages for one.
      int _ = Libc.madvise(segment.address() + start, end - start, Libc.MADV_DONTNEED);
    }
  }

  private void advise(long offset, long length, int advice) throws IOException {
    long end = Math.min(segment.byteSize(), offset + length);
    long start = offset / PAGE_BYTES * PAGE_BYTES;
    if (start >= end) {
      return;
    }
    int result = Libc.madvise(segment.address() + start, end - start, advice);
    if (result < 0) {
      throw new SystemCallException(
          "madvise(" + path + ", offset " + start + ", advice " + advice + ")", -result);
    }
  }

  /** Unmaps the file. */
  @Override
  public void close() {
    arena.close();
  }
}
