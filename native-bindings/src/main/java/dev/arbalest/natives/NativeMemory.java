// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import com.google.errorprone.annotations.MustBeClosed;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A block of off-heap memory with one owner, zero-filled, on transparent huge pages where it is
 * large enough for them. {@link Arena#allocate} zero-fills before advice can be given and so keeps
 * 4 KiB pages; a scattered graph walk is almost twice as fast on 2 MiB pages.
 *
 * <p>The segment may be used from any thread until {@link #close}, which frees it. Kernels address
 * it without a liveness check: the owner closes only when no call is running.
 */
public final class NativeMemory implements AutoCloseable {
  private static final long HUGE_PAGE_BYTES = 2L << 20;
  private static final long PAGE_BYTES = 4096;

  /** Uses reserved memory on 4 KiB pages, because touching a huge page allocates it whole. */
  private static final long SMALL_BYTES = 4L << 20;

  private final Arena arena;
  private final MemorySegment segment;

  /** Up to where huge pages were advised. */
  private long advisedBytes;

  private NativeMemory(Arena arena, MemorySegment segment, long advisedBytes) {
    this.arena = arena;
    this.segment = segment;
    this.advisedBytes = advisedBytes;
  }

  /**
   * Maps {@code bytes} of zeroed memory, aligned to 4 KiB, and to 2 MiB from that size on. Pages
   * are taken from the system when first written.
   *
   * @param bytes size, at least 1
   * @throws OutOfMemoryError naming the size if the system refuses it
   */
  @MustBeClosed
  public static NativeMemory allocate(long bytes) {
    return map(bytes, true);
  }

  /**
   * The same for memory that may be used only in part: it has 4 KiB pages until {@link #use} says
   * that more than a little is.
   */
  @MustBeClosed
  public static NativeMemory reserve(long bytes) {
    return map(bytes, false);
  }

  /**
   * Says that bytes [0, {@code bytes}) are going to be used. Called by one thread at a time, before
   * they are first written.
   */
  public void use(long bytes) {
    if (bytes <= SMALL_BYTES || bytes <= advisedBytes) {
      return;
    }
    long ahead = Math.min(segment.byteSize(), bytes + bytes / 4);
    long end = (ahead + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    Libc.madvise(segment.address() + advisedBytes, end - advisedBytes, Libc.MADV_HUGEPAGE);
    advisedBytes = end;
  }

  @MustBeClosed
  private static NativeMemory map(long bytes, boolean isUsed) {
    if (bytes < 1) {
      throw new IllegalArgumentException("bytes must be at least 1: " + bytes);
    }
    boolean huge = bytes >= HUGE_PAGE_BYTES;
    long page = huge ? HUGE_PAGE_BYTES : PAGE_BYTES;
    long length = Math.addExact(bytes, page - 1) / page * page;
    long reserved = huge ? length + HUGE_PAGE_BYTES : length;
    long start =
        Libc.mmap(
            reserved,
            Libc.PROT_READ | Libc.PROT_WRITE,
            Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE,
            -1,
            0);
    if (start < 0) {
      throw new OutOfMemoryError("mmap of " + reserved + " bytes: " + Errno.describe((int) -start));
    }
    long aligned = (start + page - 1) / page * page;
    unmap(start, aligned - start);
    unmap(aligned + length, start + reserved - (aligned + length));
    if (huge && isUsed) {
      // Advice: a kernel without transparent huge pages refuses it and 4 KiB pages serve.
      Libc.madvise(aligned, length, Libc.MADV_HUGEPAGE);
    }
    return wrap(aligned, length, bytes, isUsed ? length : 0);
  }

  @MustBeClosed
  @SuppressWarnings("restricted") // exactly the range mapped above, unmapped when the arena closes
  private static NativeMemory wrap(long address, long mapped, long bytes, long advised) {
    Arena arena = Arena.ofShared();
    MemorySegment segment =
        MemorySegment.ofAddress(address)
            .reinterpret(bytes, arena, released -> unmap(address, mapped));
    return new NativeMemory(arena, segment, advised);
  }

  private static void unmap(long address, long length) {
    if (length > 0) {
      int result = Libc.munmap(address, length);
      if (result < 0) {
        throw new IllegalStateException("munmap: " + Errno.describe(-result));
      }
    }
  }

  /** The memory. */
  public MemorySegment segment() {
    return segment;
  }

  /** Size in bytes as requested. */
  public long byteSize() {
    return segment.byteSize();
  }

  /**
   * Bytes of this block that lie on huge pages now, as the kernel reports them; 0 if it reports
   * nothing.
   *
   * @throws IOException if {@code /proc/self/smaps} cannot be read
   */
  public long hugePageBytes() throws IOException {
    long start = segment.address();
    long end = start + segment.byteSize();
    long total = 0;
    boolean inside = false;
    for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
      if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
        int dash = line.indexOf('-');
        long from = Long.parseUnsignedLong(line.substring(0, dash), 16);
        long to = Long.parseUnsignedLong(line.substring(dash + 1, line.indexOf(' ')), 16);
        inside = from < end && to > start;
      } else if (inside && line.startsWith("AnonHugePages:")) {
        total += Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
      }
    }
    return Math.min(total, segment.byteSize());
  }

  /** Returns the memory to the system; the segment is dead from then on. */
  @Override
  public void close() {
    arena.close();
  }
}
