// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.OpenOptions.ReaderKind;

/**
 * The figures of an open index at one moment.
 *
 * @param vectors vectors it holds
 * @param slots slots of the vector file, used or free
 * @param unlinked vectors inserted and not in the graph yet; 0 when open for reading
 * @param unlinkedLimit most vectors that can be unlinked at a time; 0 when open for reading
 * @param graphBytes memory of the graph
 * @param codesBytes memory of the codes
 * @param cacheBytes memory of the vector cache
 * @param tablesBytes memory of external ids and slot checksums
 * @param logBytes bytes of log that a crash now would replay; 0 when open for reading
 * @param logSyncs times the log was made durable since the index was opened
 * @param logSyncNanos nanoseconds spent making it durable
 * @param reader the reader in use, never {@link ReaderKind#AUTO}
 * @param readerNote why {@link ReaderKind#AUTO} chose another reader than io_uring, or the empty
 *     string
 */
public record IndexStats(
    int vectors,
    int slots,
    int unlinked,
    int unlinkedLimit,
    long graphBytes,
    long codesBytes,
    long cacheBytes,
    long tablesBytes,
    long logBytes,
    long logSyncs,
    long logSyncNanos,
    ReaderKind reader,
    String readerNote) {

  /** The figures while they are gathered. */
  static final class Builder {
    int vectors;
    int slots;
    int unlinked;
    int unlinkedLimit;
    long graphBytes;
    long codesBytes;
    long cacheBytes;
    long tablesBytes;
    long logBytes;
    long logSyncs;
    long logSyncNanos;
    ReaderKind reader = ReaderKind.AUTO;
    String readerNote = "";

    IndexStats build() {
      return new IndexStats(
          vectors,
          slots,
          unlinked,
          unlinkedLimit,
          graphBytes,
          codesBytes,
          cacheBytes,
          tablesBytes,
          logBytes,
          logSyncs,
          logSyncNanos,
          reader,
          readerNote);
    }
  }
}
