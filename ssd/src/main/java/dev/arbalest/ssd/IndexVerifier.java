package dev.arbalest.ssd;

import dev.arbalest.natives.Workers;
import dev.arbalest.vamana.Reachability;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Checks an index from end to end: every byte of every file against its checksums, the manifest
 * against the files, the graph's neighbours, degrees and reachability.
 */
public final class IndexVerifier {
  private IndexVerifier() {}

  /**
   * What was checked.
   *
   * @param manifest the index
   * @param bytes bytes read and compared
   * @param reachable nodes a search can reach, all of them in a sound index
   */
  public record Report(Manifest manifest, long bytes, int reachable) {}

  /**
   * Verifies an index; one that was not closed is recovered first, as by any who open it.
   *
   * @throws CorruptIndexException naming the first damage found
   * @throws BadInputException if there is no index
   */
  public static Report verify(Path directory, int threads, ProgressListener listener)
      throws IOException {
    Index.recoverIfNeeded(directory, listener);
    try (DirectoryLock _ = DirectoryLock.take(directory, DirectoryLock.Use.READ);
        Workers workers = Workers.start(threads);
        IndexLoader.Loaded loaded = IndexLoader.load(directory, _ -> {}, workers, listener)) {
      Manifest manifest = loaded.manifest();
      listener.stage("vectors", manifest.count());
      SlotChecker.checkAll(loaded, workers, listener::advanced);
      listener.stage("graph", 1);
      Path graphPath = directory.resolve(manifest.file(Manifest.Part.GRAPH).name());
      String problem = loaded.graph().validate();
      if (!problem.isEmpty()) {
        throw new CorruptIndexException(graphPath, problem);
      }
      int reachable = Reachability.reachable(loaded.graph()).cardinality();
      // A walk can miss a node after its neighbours were deleted; linking it again is not urgent.
      if (reachable != manifest.live() && !wasChanged(manifest)) {
        throw new CorruptIndexException(
            graphPath, manifest.live() - reachable + " nodes cannot be reached by a search");
      }
      listener.advanced(1);
      long bytes = manifest.files().values().stream().mapToLong(Manifest.Entry::bytes).sum();
      return new Report(manifest, bytes, reachable);
    }
  }

  /** Bytes of the log of an index that its last checkpoint does not hold, or little more. */
  public static long logBytes(Path directory) throws IOException {
    return WriteAheadLog.bytes(directory.resolve(IndexDirectory.LOG));
  }

  private static boolean wasChanged(Manifest manifest) {
    return manifest.checkpoint().logSequence() > 0;
  }

  /**
   * Reads the manifest of an index, checking nothing else.
   *
   * @throws BadInputException if there is no index
   * @throws CorruptIndexException if the manifest is damaged or a build was not finished
   */
  public static Manifest manifest(Path directory) throws IOException {
    return IndexLoader.readManifest(directory);
  }
}
