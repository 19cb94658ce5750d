// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.IndexInfo;
import dev.arbalest.IndexVerifier;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.model.CollectionName;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.VectorSpec;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Checks the collections of a server that does not run: every byte of each index and database, that
 * indexes of fields hold what the attributes say, and that each vector has attributes and the other
 * way round.
 */
public final class DataVerifier {
  private static final int ROWS = 10_000;

  private DataVerifier() {}

  /**
   * What was found of a collection.
   *
   * @param name of the collection
   * @param points it has, if it is sound
   * @param problem the first, or the empty string
   */
  public record Finding(String name, int points, String problem) {}

  /**
   * Checks all collections.
   *
   * @param data a server's directory
   * @throws BadInputException if it is none
   * @throws IOException if a server uses it
   */
  public static List<Finding> verify(Path data, int threads) throws IOException {
    Path root = data.resolve("collections");
    if (!Files.isDirectory(root)) {
      throw new BadInputException(
          data + " is no data directory of a server: it has no collections");
    }
    List<Finding> findings = new ArrayList<>();
    try (FileChannel channel =
            FileChannel.open(
                data.resolve("server.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock lock = channel.tryLock()) {
      if (lock == null) {
        throw new IOException(data + " is used by a server; stop it first");
      }
      try (DirectoryStream<Path> directories = Files.newDirectoryStream(root)) {
        for (Path directory : directories) {
          String encoded = String.valueOf(directory.getFileName());
          if (!encoded.startsWith(".")) {
            findings.add(verifyOne(CollectionName.ofDirectory(encoded), directory, threads));
          }
        }
      }
    }
    findings.sort(java.util.Comparator.comparing(Finding::name));
    return findings;
  }

  private static Finding verifyOne(String name, Path directory, int threads) {
    try {
      return new Finding(name, check(directory, threads), "");
    } catch (IOException | RuntimeException e) {
      String message = e.getMessage();
      return new Finding(name, 0, message == null ? e.toString() : message);
    }
  }

  /** Returns how many points there are. */
  private static int check(Path directory, int threads) throws IOException {
    try (AttributeStore store = AttributeStore.open(directory)) {
      store.check(0);
      if (!store.settings().named()) {
        return checkOnly(store, directory, threads);
      }
      for (VectorSpec spec : store.settings().vectors()) {
        checkNamed(store, directory, spec, threads);
      }
      return (int) store.count(null);
    }
  }

  private static int checkOnly(AttributeStore store, Path directory, int threads)
      throws IOException {
    Path index = CollectionPaths.index(directory);
    boolean hasIndex = IndexInfo.exists(index);
    int vectors = 0;
    if (hasIndex) {
      vectors = IndexVerifier.verify(index, threads, ProgressListener.NONE).info().vectors();
    }
    long rows = store.count(null);
    if (rows != vectors) {
      throw new IOException(
          String.format(
              Locale.ROOT,
              "%s has attributes of %d points, the index %d vectors; the server makes them agree"
                  + " when it opens a collection that was not closed, otherwise restore a copy",
              directory,
              rows,
              vectors));
    }
    if (hasIndex) {
      try (Index opened = open(index)) {
        requireRows(store, opened, directory);
      }
    }
    return vectors;
  }

  @MustBeClosed
  private static Index open(Path index) throws IOException {
    return Index.open(index, OpenOptions.defaults().withWarmUpMillis(0), ProgressListener.NONE);
  }

  /** Checks one of several vectors. */
  private static void checkNamed(AttributeStore store, Path directory, VectorSpec spec, int threads)
      throws IOException {
    Path index = CollectionPaths.index(CollectionPaths.vector(directory, spec.name()));
    long expected = NamedReconciliation.expected(store, spec);
    boolean hasNone = expected == 0 && !IndexInfo.exists(index);
    if (spec.kind() == VectorSpec.Kind.SPARSE || hasNone) {
      return;
    }
    var _ = IndexVerifier.verify(index, threads, ProgressListener.NONE);
    try (Index opened = open(index)) {
      long unknown =
          NamedReconciliation.unknown(store, spec, opened).stream().mapToLong(Ids::size).sum();
      if (unknown > 0 || opened.count() != expected) {
        throw new IOException(
            String.format(
                Locale.ROOT,
                "%s: the database has %d vectors of %s, the index %d, of which the database does"
                    + " not know %d; the server takes those out when it opens a collection that was"
                    + " not closed, otherwise restore a copy",
                directory,
                expected,
                spec.label(),
                opened.count(),
                unknown));
      }
    }
  }

  private static void requireRows(AttributeStore store, Index index, Path directory)
      throws IOException {
    List<PointId> batch = new ArrayList<>();
    index.forEachId((number, text) -> {
      batch.add(text == null ? PointId.of(number) : PointId.of(text));
      if (batch.size() == ROWS) {
        requireRows(store, batch, directory);
      }
    });
    requireRows(store, batch, directory);
  }

  private static void requireRows(AttributeStore store, List<PointId> batch, Path directory)
      throws IOException {
    int missing = store.rows(batch).indexOf(null);
    if (missing >= 0) {
      throw new IOException(
          directory + ": point " + batch.get(missing) + " has a vector and no attributes");
    }
    batch.clear();
  }
}
