// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.natives.SystemFacts;
import java.nio.file.Path;

/**
 * How collections are kept.
 *
 * @param data directory of the collections, made if missing; one process at a time uses it
 * @param memoryBytes budget of the process: beyond nine tenths inserts are slowed down, beyond the
 *     whole refused
 * @param searchThreads most searches of a collection at a time; more wait
 * @param linkThreads threads per collection that put inserted vectors into the graph
 * @param openCollections most collections whose files are open while others want theirs opened
 * @param strictFilters whether filters on fields without an index are refused
 * @param recallSample of how many searches one may be checked for its recall, 0 for none
 * @param syncMillis 0: a write is durable when it returns; otherwise at most this long after
 */
public record CollectionOptions(
    Path data,
    long memoryBytes,
    int searchThreads,
    int linkThreads,
    int openCollections,
    boolean strictFilters,
    int recallSample,
    int syncMillis) {
  private static final long BYTES_PER_COLLECTION = 64L << 20;
  private static final int MIN_OPEN_COLLECTIONS = 16;
  private static final int MAX_OPEN_COLLECTIONS = 1024;

  public CollectionOptions {
    require(memoryBytes, 1, Long.MAX_VALUE, "memoryBytes");
    require(searchThreads, 1, Integer.MAX_VALUE, "searchThreads");
    require(linkThreads, 1, Integer.MAX_VALUE, "linkThreads");
    require(openCollections, 1, Integer.MAX_VALUE, "openCollections");
    require(recallSample, 0, Integer.MAX_VALUE, "recallSample");
    require(syncMillis, 0, Integer.MAX_VALUE, "syncMillis");
  }

  private static void require(long value, long least, long most, String name) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(name + " must be at least " + least + ", found " + value);
    }
  }

  /**
   * Options of a program that embeds collections: half of the memory, all processors, every write
   * durable when it returns, no checks of recall.
   */
  public static CollectionOptions in(Path data) {
    int processors = Runtime.getRuntime().availableProcessors();
    long memory = SystemFacts.memoryLimitBytes() / 2;
    return new CollectionOptions(
        data,
        memory,
        processors,
        Math.max(1, processors / 2),
        fittingCollections(memory),
        false,
        0,
        0);
  }

  /** Collections that may be open in some memory. */
  public static int fittingCollections(long memoryBytes) {
    return Math.clamp(
        memoryBytes / BYTES_PER_COLLECTION, MIN_OPEN_COLLECTIONS, MAX_OPEN_COLLECTIONS);
  }

  /** The same with another budget. */
  public CollectionOptions withMemoryBytes(long bytes) {
    return new CollectionOptions(
        data,
        bytes,
        searchThreads,
        linkThreads,
        fittingCollections(bytes),
        strictFilters,
        recallSample,
        syncMillis);
  }

  /** The same with another number of searches at a time. */
  public CollectionOptions withSearchThreads(int threads) {
    return new CollectionOptions(
        data,
        memoryBytes,
        threads,
        linkThreads,
        openCollections,
        strictFilters,
        recallSample,
        syncMillis);
  }

  /** The same with writes that are durable only some time after they return. */
  public CollectionOptions withSyncMillis(int millis) {
    return new CollectionOptions(
        data,
        memoryBytes,
        searchThreads,
        linkThreads,
        openCollections,
        strictFilters,
        recallSample,
        millis);
  }
}
