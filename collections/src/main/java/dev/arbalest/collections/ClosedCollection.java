// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.BadInputException;
import dev.arbalest.IndexInfo;
import dev.arbalest.IndexStats;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.columns.AttributeColumns;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.CollectionStats;
import dev.arbalest.collections.model.RecallFigures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a collection while its files are closed: from the last close, otherwise from its
 * manifest. Thread-safe.
 */
final class ClosedCollection {
  /** Upper bound of a code's bytes per dimension, but for a few bytes of scales. */
  private static final int BYTES_PER_DIMENSION = 1;

  private final Path directory;
  private final Path index;
  private volatile @Nullable CollectionSettings lastSettings;
  private volatile @Nullable CollectionStats lastStats;

  /**
   * Creates it.
   *
   * @param directory of the collection
   * @param index directory of its index, which may not exist
   */
  ClosedCollection(Path directory, Path index) {
    this.directory = directory;
    this.index = index;
  }

  /** Takes the figures of files that are about to be closed. */
  void remember(AttributeStore store, @Nullable IndexStats figures) throws IOException {
    lastSettings = store.settings();
    lastStats =
        new CollectionStats(
            figures == null ? 0 : figures.vectors(),
            figures == null ? 0 : figures.slots(),
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            store.bytes(),
            figures == null ? 0 : figures.logSyncs(),
            figures == null ? 0 : figures.logSyncNanos(),
            RecallFigures.NONE);
  }

  /** Whether there is an index. */
  boolean hasIndex() {
    return Files.exists(index.resolve("manifest.json"));
  }

  /** The settings, or null if the files were never closed. */
  @Nullable CollectionSettings settings() {
    return lastSettings;
  }

  /** The number of points, or -1 if the files were never closed. */
  int count() {
    CollectionStats known = lastStats;
    return known == null ? -1 : known.points();
  }

  /** The statistics. */
  CollectionStats stats() {
    CollectionStats known = lastStats;
    return known != null ? known : statsOfManifest();
  }

  private CollectionStats statsOfManifest() {
    try {
      int points = 0;
      int slots = 0;
      if (hasIndex()) {
        IndexInfo info = IndexInfo.read(index);
        points = info.vectors();
        slots = info.slots();
      }
      long bytes = Files.size(directory.resolve(AttributeStore.FILE_NAME));
      return new CollectionStats(
          points, slots, 0, 0, 0, 0, 0, 0, 0, bytes, 0, 0, RecallFigures.NONE);
    } catch (IOException | BadInputException e) {
      return CollectionStats.NONE; // opening it says what is wrong
    }
  }

  /** Memory that the index will take when it is opened. */
  long expectedBytes() {
    if (!hasIndex()) {
      return 0;
    }
    try {
      IndexInfo info = IndexInfo.read(index);
      long codes = (long) BYTES_PER_DIMENSION * info.prefixDimension();
      return info.graph().bytes() + info.slots() * codes + AttributeColumns.savedBytes(directory);
    } catch (IOException | BadInputException e) {
      return 0; // opening it says what is wrong
    }
  }
}
