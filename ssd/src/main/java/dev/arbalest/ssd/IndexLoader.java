package dev.arbalest.ssd;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.Codec;
import dev.arbalest.vamana.Graph;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/** Loads the files of an index into memory, checking them against the manifest and each other. */
final class IndexLoader {
  /**
   * Vector files up to this size are checked slot by slot on opening, which takes less than loading
   * the rest; larger ones as their vectors are read, and by {@link IndexVerifier}.
   */
  static final long CHECKED_ON_OPEN_BYTES = 64L << 20;

  private static final int ATTEMPTS = 3;

  private IndexLoader() {}

  /**
   * An index in memory; the holder closes it.
   *
   * @param directory where it is
   * @param manifest what it consists of
   * @param graph neighbours
   * @param codec trained codec
   * @param codes code table
   * @param ids external ids, 8 bytes per node
   * @param sums slot checksums, 4 bytes per slot
   * @param vectors the open vector file
   */
  record Loaded(
      Path directory,
      Manifest manifest,
      Graph graph,
      Codec codec,
      NativeMemory codes,
      NativeMemory ids,
      NativeMemory sums,
      DirectFile vectors)
      implements AutoCloseable {

    void checkSum(int slot, int found) throws CorruptIndexException {
      int expected = sums.segment().getAtIndex(FileHeader.INT, slot);
      if (found != expected) {
        throw new CorruptIndexException(
            vectors.path(),
            new VectorFile(manifest.dimension(), manifest.storage()).offset(slot),
            "slot " + slot + " with checksum " + Integer.toHexString(expected),
            Integer.toHexString(found));
      }
    }

    @Override
    public void close() throws IOException {
      try (graph;
          codes;
          ids;
          sums) {
        vectors.close();
      }
    }
  }

  /** Reads the manifest, telling a missing index from a half-written one. */
  static Manifest readManifest(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      throw new BadInputException("index directory " + directory + " does not exist");
    }
    if (!Files.isDirectory(directory)) {
      throw new BadInputException(directory + " is no directory; an index is one");
    }
    try {
      return Manifest.read(directory);
    } catch (NoSuchFileException e) {
      if (IndexDirectory.holdsIndexFiles(directory)) {
        throw new CorruptIndexException(
            directory, "a build was not finished (no " + Manifest.FILE_NAME + "); build again");
      }
      throw new BadInputException(
          directory + " holds no index (no " + Manifest.FILE_NAME + "); build one first");
    }
  }

  /**
   * Loads an index.
   *
   * @param codecLoaded told the codec, which is loaded first
   */
  @MustBeClosed
  static Loaded load(
      Path directory, Consumer<Codec> codecLoaded, Workers workers, ProgressListener listener)
      throws IOException {
    Manifest manifest = readManifest(directory);
    for (int attempt = 1; ; attempt++) {
      try {
        return load(directory, manifest, codecLoaded, workers, listener);
      } catch (NoSuchFileException e) {
        // A writer may have replaced the index since the manifest was read.
        Manifest newer = readManifest(directory);
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
  private static Loaded load(
      Path directory,
      Manifest manifest,
      Consumer<Codec> codecLoaded,
      Workers workers,
      ProgressListener listener)
      throws IOException {
    int count = manifest.count();
    long total = 0;
    for (Manifest.Part part : Manifest.Part.values()) {
      total += part == Manifest.Part.VECTORS ? 0 : manifest.file(part).bytes();
    }
    listener.stage("load", total);
    Deque<AutoCloseable> opened = new ArrayDeque<>();
    try {
      DirectFile vectors = VectorFile.open(directory, manifest);
      opened.push(vectors);
      PartLoader parts = new PartLoader(directory, manifest, workers, listener);
      Codec codec = parts.codec();
      codecLoaded.accept(codec);
      NativeMemory sums = parts.table(Manifest.Part.SUMS, FileHeader.Kind.SUMS, 4L * count);
      opened.push(sums);
      NativeMemory ids = parts.table(Manifest.Part.IDS, FileHeader.Kind.IDS, 8L * count);
      opened.push(ids);
      NativeMemory codes =
          parts.table(
              Manifest.Part.CODES,
              FileHeader.Kind.CODES,
              (long) count * codec.codeBytes(),
              count,
              codec.codeBytes());
      opened.push(codes);
      Graph graph = parts.graph();
      opened.push(graph);
      Loaded loaded = new Loaded(directory, manifest, graph, codec, codes, ids, sums, vectors);
      if (manifest.file(Manifest.Part.VECTORS).bytes() <= CHECKED_ON_OPEN_BYTES) {
        SlotChecker.checkAll(loaded, workers, _ -> {});
      }
      return loaded;
    } catch (Throwable e) {
      closeAll(opened, e);
      throw e;
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
