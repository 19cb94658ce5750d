// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.ProgressListener;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.Codec;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.vamana.Graph;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/** Loads the files of an index into memory, checking them against the manifest and each other. */
public final class IndexLoader {
  /**
   * Vector files up to this size are checked slot by slot on opening, which takes less than loading
   * the rest; larger ones as their vectors are read, and by {@code IndexVerifier}.
   */
  static final long CHECKED_ON_OPEN_BYTES = 64L << 20;

  private static final int ATTEMPTS = 3;

  private IndexLoader() {}

  /**
   * Memory to load an index into.
   *
   * @param nodes nodes there is room for
   * @param degree neighbours per node there is room for
   * @param textBytes bytes of texts of ids there is room for
   * @param writable whether the vector file is opened for writing
   */
  public record Room(int nodes, int degree, long textBytes, boolean writable) {
    /** As much as the index takes. */
    static Room exact(Manifest manifest) {
      long texts = 1;
      if (manifest.has(Manifest.Part.TEXTS)) {
        texts = manifest.file(Manifest.Part.TEXTS).bytes();
      }
      return new Room(manifest.count(), manifest.degree(), texts, false);
    }
  }

  /** Decides how much room there will be. */
  @FunctionalInterface
  public interface Sizing {
    Room room(Manifest manifest, Codec codec);
  }

  /**
   * Loads an index to be read.
   *
   * @param codecLoaded told the codec, which is loaded first
   */
  @MustBeClosed
  public static LoadedIndex load(
      Path directory, Consumer<Codec> codecLoaded, Workers workers, ProgressListener listener)
      throws IOException {
    return load(directory, (manifest, _) -> Room.exact(manifest), codecLoaded, workers, listener);
  }

  /** Loads an index into as much room as {@code sizing} says. */
  @MustBeClosed
  public static LoadedIndex load(
      Path directory,
      Sizing sizing,
      Consumer<Codec> codecLoaded,
      Workers workers,
      ProgressListener listener)
      throws IOException {
    Manifest manifest = IndexDirectory.readManifest(directory);
    for (int attempt = 1; ; attempt++) {
      try {
        return load(directory, manifest, sizing, codecLoaded, workers, listener);
      } catch (NoSuchFileException e) {
        // A writer may have replaced the index since the manifest was read.
        Manifest newer = IndexDirectory.readManifest(directory);
        if (newer.generation() == manifest.generation() || attempt == ATTEMPTS) {
          throw new CorruptIndexException(
              Path.of(String.valueOf(e.getFile())), "missing, though the manifest names it");
        }
        manifest = newer;
      }
    }
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static LoadedIndex load(
      Path directory,
      Manifest manifest,
      Sizing sizing,
      Consumer<Codec> codecLoaded,
      Workers workers,
      ProgressListener listener)
      throws IOException {
    int count = manifest.count();
    long total = 0;
    for (Manifest.Part part : manifest.files().keySet()) {
      total += part == Manifest.Part.VECTORS ? 0 : manifest.file(part).bytes();
    }
    listener.stage("load", total);
    Deque<AutoCloseable> opened = new ArrayDeque<>();
    try {
      PartLoader parts = new PartLoader(directory, manifest, workers, listener);
      Codec codec = parts.codec();
      codecLoaded.accept(codec);
      Room room = sizing.room(manifest, codec);
      long nodes = room.nodes();
      DirectFile vectors = VectorFile.open(directory, manifest, room.writable());
      opened.push(vectors);
      NativeMemory checksums =
          parts.table(Manifest.Part.SUMS, FileHeader.Kind.SUMS, 4 * nodes, 4L * count);
      opened.push(checksums);
      IdTable ids = new IdTable(manifest.idType(), nodes, room.textBytes());
      opened.push(ids);
      ids.use(count);
      parts.load(Manifest.Part.IDS, FileHeader.Kind.IDS, ids.values(), 8L * count);
      NativeMemory deaths = NativeMemory.reserve(4 * nodes);
      opened.push(deaths);
      deaths.use(4L * count);
      NativeMemory codes =
          parts.table(
              Manifest.Part.CODES,
              FileHeader.Kind.CODES,
              nodes * codec.codeBytes(),
              (long) count * codec.codeBytes(),
              count,
              codec.codeBytes());
      opened.push(codes);
      Graph graph = parts.graph(room.nodes(), room.degree());
      opened.push(graph);
      LoadedIndex loaded =
          new LoadedIndex(
              directory,
              manifest,
              new VectorFile(manifest.dimension(), manifest.storage()),
              graph,
              codec,
              codes,
              ids,
              checksums,
              deaths,
              vectors);
      loadOptional(parts, loaded);
      // Slots of an index that was not closed are as they should be only after its log is replayed.
      if (manifest.checkpoint().clean()
          && manifest.file(Manifest.Part.VECTORS).bytes() <= CHECKED_ON_OPEN_BYTES) {
        SlotChecker.checkAll(loaded, workers, _ -> {});
      }
      return loaded;
    } catch (Throwable e) {
      closeAll(opened, e);
      throw e;
    }
  }

  private static void loadOptional(PartLoader parts, LoadedIndex loaded) throws IOException {
    Manifest manifest = loaded.manifest();
    if (manifest.has(Manifest.Part.TEXTS)) {
      loaded.ids().setTextBytes(parts.texts(loaded.ids().texts()));
    }
    if (manifest.has(Manifest.Part.TOMBSTONES)) {
      long words = (manifest.count() + 63L) / 64;
      try (NativeMemory bits =
          parts.table(
              Manifest.Part.TOMBSTONES,
              FileHeader.Kind.TOMBSTONES,
              0,
              8 * words,
              manifest.count())) {
        for (int node = 0; node < manifest.count(); node++) {
          long word = bits.segment().getAtIndex(FileHeader.LONG, node >> 6);
          if ((word >>> node & 1) != 0) {
            loaded.deaths().segment().setAtIndex(FileHeader.INT, node, 1);
          }
        }
      }
    }
    int live = 0;
    for (int node = 0; node < manifest.count(); node++) {
      if (!loaded.isDead(node)) {
        live++;
        if (!loaded.ids().isPossible(node)) {
          throw new CorruptIndexException(
              loaded.directory().resolve(manifest.file(Manifest.Part.IDS).name()),
              "node " + node + " has an id that is none of the texts");
        }
      }
    }
    if (live != manifest.live()) {
      throw new CorruptIndexException(
          loaded.directory(), live + " nodes hold vectors, the manifest says " + manifest.live());
    }
  }

  private static void closeAll(Deque<AutoCloseable> opened, Throwable cause) {
    for (AutoCloseable resource : opened) {
      try {
        resource.close();
      } catch (Exception e) {
        cause.addSuppressed(e);
      }
    }
  }
}
