// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import java.util.Locale;

/** How an index is opened. Values are never changed: each {@code with} returns another. */
public final class OpenOptions {
  /** A disk gives its bandwidth only to several reads at a time. */
  private static final int MIN_LOAD_THREADS = 8;

  private final ReaderKind reader;
  private final long cacheBytes;
  private final int searchThreads;
  private final int loadThreads;
  private final int warmUpMillis;

  private OpenOptions(
      ReaderKind reader, long cacheBytes, int searchThreads, int loadThreads, int warmUpMillis) {
    if (cacheBytes < 0) {
      throw new IllegalArgumentException("cache must be at least 0 bytes: " + cacheBytes);
    }
    if (searchThreads < 1 || searchThreads > 4096) {
      throw new IllegalArgumentException("threads must be in [1, 4096]: " + searchThreads);
    }
    if (loadThreads < 1 || loadThreads > 1024) {
      throw new IllegalArgumentException("load threads must be in [1, 1024]: " + loadThreads);
    }
    if (warmUpMillis < 0) {
      throw new IllegalArgumentException("warm-up must be at least 0 ms: " + warmUpMillis);
    }
    this.reader = reader;
    this.cacheBytes = cacheBytes;
    this.searchThreads = searchThreads;
    this.loadThreads = loadThreads;
    this.warmUpMillis = warmUpMillis;
  }

  /** The reader the system allows, no cache, two searches per processor at a time. */
  public static OpenOptions defaults() {
    int processors = Runtime.getRuntime().availableProcessors();
    return new OpenOptions(
        ReaderKind.AUTO, 0, 2 * processors, Math.max(MIN_LOAD_THREADS, processors), 0);
  }

  /** The same with another reader. */
  public OpenOptions withReader(ReaderKind newReader) {
    return new OpenOptions(newReader, cacheBytes, searchThreads, loadThreads, warmUpMillis);
  }

  /** The same with another cache size. */
  public OpenOptions withCacheBytes(long newCacheBytes) {
    return new OpenOptions(reader, newCacheBytes, searchThreads, loadThreads, warmUpMillis);
  }

  /** The same with another number of searches at a time. */
  public OpenOptions withSearchThreads(int newSearchThreads) {
    return new OpenOptions(reader, cacheBytes, newSearchThreads, loadThreads, warmUpMillis);
  }

  /** The same with another number of loading threads. */
  public OpenOptions withLoadThreads(int newLoadThreads) {
    return new OpenOptions(reader, cacheBytes, searchThreads, newLoadThreads, warmUpMillis);
  }

  /** The same with another time to wait for compilation. */
  public OpenOptions withWarmUpMillis(int newWarmUpMillis) {
    return new OpenOptions(reader, cacheBytes, searchThreads, loadThreads, newWarmUpMillis);
  }

  /** How full-precision vectors are read. */
  public ReaderKind reader() {
    return reader;
  }

  /** Memory for cached vectors, 0 for none. */
  public long cacheBytes() {
    return cacheBytes;
  }

  /** Most searches at a time, in [1, 4096]; more wait for their turn. */
  public int searchThreads() {
    return searchThreads;
  }

  /** Threads that load graph and codes, in [1, 1024]. */
  public int loadThreads() {
    return loadThreads;
  }

  /**
   * Most milliseconds that opening waits for the loops of searches to be compiled; with 0 the first
   * searches take up to hundreds of times as long as later ones.
   */
  public int warmUpMillis() {
    return warmUpMillis;
  }

  /** How searches read full-precision vectors. */
  public enum ReaderKind {
    /** io_uring if the system offers it, otherwise pread. */
    AUTO,
    /** Batches through io_uring, past the page cache. */
    URING,
    /** One pread per vector on a pool of threads, past the page cache. */
    PREAD,
    /** Mapped memory with read-ahead advice for each batch, through the page cache. */
    MMAP;

    /** Name on the command line. */
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Parses {@link #label()}.
     *
     * @throws IllegalArgumentException naming the accepted values
     */
    public static ReaderKind parse(String label) {
      for (ReaderKind kind : values()) {
        if (kind.label().equals(label)) {
          return kind;
        }
      }
      throw new IllegalArgumentException("reader must be auto, uring, pread or mmap: " + label);
    }
  }
}
