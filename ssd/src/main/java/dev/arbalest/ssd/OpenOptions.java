package dev.arbalest.ssd;

/**
 * How an index is opened.
 *
 * @param reader how full vectors are read
 * @param cacheBytes memory for cached vectors, 0 for none
 * @param searchThreads most searches at a time, in [1, 4096]; more wait for their turn
 * @param loadThreads threads that load graph and codes, in [1, 1024]
 */
public record OpenOptions(ReaderKind reader, long cacheBytes, int searchThreads, int loadThreads) {

  /** Checks the ranges. */
  public OpenOptions {
    if (cacheBytes < 0) {
      throw new IllegalArgumentException("cache must be at least 0 bytes: " + cacheBytes);
    }
    if (searchThreads < 1 || searchThreads > 4096) {
      throw new IllegalArgumentException("threads must be in [1, 4096]: " + searchThreads);
    }
    if (loadThreads < 1 || loadThreads > 1024) {
      throw new IllegalArgumentException("load threads must be in [1, 1024]: " + loadThreads);
    }
  }

  /** The reader the system allows, no cache, two searches per processor at a time. */
  public static OpenOptions defaults() {
    int processors = Runtime.getRuntime().availableProcessors();
    return new OpenOptions(ReaderKind.AUTO, 0, 2 * processors, processors);
  }

  /** The same with another reader. */
  public OpenOptions withReader(ReaderKind newReader) {
    return new OpenOptions(newReader, cacheBytes, searchThreads, loadThreads);
  }

  /** The same with another cache size. */
  public OpenOptions withCacheBytes(long newCacheBytes) {
    return new OpenOptions(reader, newCacheBytes, searchThreads, loadThreads);
  }

  /** The same with another number of searches at a time. */
  public OpenOptions withSearchThreads(int newSearchThreads) {
    return new OpenOptions(reader, cacheBytes, newSearchThreads, loadThreads);
  }
}
