// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.BadInputException;
import dev.arbalest.IndexInfo;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.columns.AttributeColumns;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.CollectionStats;
import dev.arbalest.collections.model.RecallFigures;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a collection while its files are closed: from the last close, otherwise from its
 * manifests. Thread-safe.
 */
final class ClosedCollection {
  /** Upper bound of a code's bytes per dimension, but for a few bytes of scales. */
  private static final int BYTES_PER_DIMENSION = 1;

  private final Path directory;
  private volatile @Nullable CollectionSettings lastSettings;
  private volatile @Nullable CollectionStats lastStats;
  private volatile long lastMemoryBytes = -1;

  /**
   * Creates it.
   *
   * @param directory of the collection
   */
  ClosedCollection(Path directory) {
    this.directory = directory;
  }

  /** Takes the figures of files that are about to be closed. */
  void remember(AttributeStore store, CollectionStats figures, long memoryBytes)
      throws IOException {
    lastSettings = store.settings();
    lastMemoryBytes = memoryBytes;
    lastStats =
        new CollectionStats(
            figures.points(),
            figures.slots(),
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            store.bytes(),
            figures.logSyncs(),
            figures.logSyncNanos(),
            RecallFigures.NONE);
  }

  /** The folders of vectors that have an index. */
  private List<Path> folders() {
    List<Path> folders = new ArrayList<>();
    folders.add(directory);
    Path named = CollectionPaths.vectors(directory);
    if (Files.isDirectory(named)) {
      try (DirectoryStream<Path> all = Files.newDirectoryStream(named)) {
        all.forEach(folders::add);
      } catch (IOException e) {
        return folders; // opening it says what is wrong
      }
    }
    folders.removeIf(folder -> !IndexInfo.exists(CollectionPaths.index(folder)));
    return folders;
  }

  /** Whether nothing but opening the files tells how many points there are. */
  boolean isUnknown() {
    return lastStats == null && Files.isDirectory(CollectionPaths.vectors(directory));
  }

  /** The indexes there are. */
  List<Path> indexes() {
    return folders().stream().map(CollectionPaths::index).toList();
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
    return known != null ? known : statsOfManifests();
  }

  private CollectionStats statsOfManifests() {
    try {
      int points = 0;
      int slots = 0;
      for (Path index : indexes()) {
        IndexInfo info = IndexInfo.read(index);
        points += info.vectors();
        slots += info.slots();
      }
      long bytes = Files.size(directory.resolve(AttributeStore.FILE_NAME));
      return new CollectionStats(
          points, slots, 0, 0, 0, 0, 0, 0, 0, bytes, 0, 0, RecallFigures.NONE);
    } catch (IOException | BadInputException e) {
      return CollectionStats.NONE; // opening it says what is wrong
    }
  }

  /** Memory that the indexes will take when they are opened; sparse ones only if they once were. */
  long expectedBytes() {
    long bytes = 0;
    try {
      for (Path folder : folders()) {
        IndexInfo info = IndexInfo.read(CollectionPaths.index(folder));
        long codes = (long) BYTES_PER_DIMENSION * info.prefixDimension();
        bytes += info.graph().bytes() + info.slots() * codes + AttributeColumns.savedBytes(folder);
      }
    } catch (IOException | BadInputException e) {
      return 0; // opening it says what is wrong
    }
    return Math.max(bytes, lastMemoryBytes);
  }
}
