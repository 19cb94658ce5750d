// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.Codec;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.live.DecodedPairs;
import dev.arbalest.ssd.store.DirectoryLock;
import dev.arbalest.ssd.store.IndexLoader;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.ssd.store.SlotChecker;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.Reachability;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;

/**
 * Checks an index from end to end: every byte of every file against its checksums, the manifest
 * against the files, the graph's neighbours and degrees, and that searches find the vectors.
 */
public final class IndexVerifier {
  private IndexVerifier() {}

  /**
   * The outcome of a verification.
   *
   * @param info the index
   * @param bytes bytes read and compared
   * @param reachable vectors a search can reach, all of them in a sound index
   * @param recall share of the 10 nearest of some of its own vectors that searches with default
   *     parameters find; NaN unless it was written to and holds more than a few
   */
  public record Report(IndexInfo info, long bytes, int reachable, double recall) {}

  /** Vectors whose nearest are looked for. */
  private static final int RECALL_SAMPLE = 64;

  private static final int RECALL_K = 10;

  /**
   * Verifies an index. An index that was not closed is recovered first, which writes to it.
   *
   * @throws CorruptIndexException naming the first damage found
   * @throws BadInputException if there is no index
   */
  public static Report verify(Path directory, int threads, ProgressListener listener)
      throws IOException {
    LiveIndex.recoverIfNeeded(directory, listener);
    Manifest manifest;
    int reachable;
    try (DirectoryLock _ = DirectoryLock.take(directory, DirectoryLock.Use.READ);
        Workers workers = Workers.start(threads);
        LoadedIndex loaded = IndexLoader.load(directory, _ -> {}, workers, listener)) {
      manifest = loaded.manifest();
      listener.stage("vectors", manifest.count());
      SlotChecker.checkAll(loaded, workers, listener::advanced);
      listener.stage("graph", 1);
      reachable = checkGraph(loaded);
      listener.advanced(1);
    }
    long bytes = manifest.files().values().stream().mapToLong(Manifest.Entry::bytes).sum();
    double recall = Double.NaN;
    if (wasChanged(manifest)
        && manifest.live() >= Math.max(RecallTrial.MIN_QUERIES, RECALL_K + 1)) {
      recall = Tuner.recallOfDefaults(directory, RECALL_K, RECALL_SAMPLE, threads, listener);
    }
    return new Report(IndexInfo.of(manifest), bytes, reachable, recall);
  }

  /**
   * Checks the graph of an index that is not written to.
   *
   * @return how many vectors can be reached: all
   * @throws CorruptIndexException if it is not sound
   */
  static int checkGraph(LoadedIndex loaded) throws CorruptIndexException {
    Manifest manifest = loaded.manifest();
    Graph graph = loaded.graph();
    Path path = loaded.directory().resolve(manifest.file(Manifest.Part.GRAPH).name());
    String problem = graph.validate();
    if (!problem.isEmpty()) {
      throw new CorruptIndexException(path, problem);
    }
    BitSet reached = Reachability.reachable(graph);
    int reachable = (int) reached.stream().filter(node -> !loaded.isDead(node)).count();
    if (reachable != manifest.live()) {
      throw new CorruptIndexException(
          path,
          manifest.live()
              - reachable
              + " of "
              + manifest.live()
              + " vectors cannot be reached by a search; repair the index to link them again");
    }
    Codec codec = loaded.codec();
    try (SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease()) {
      DecodedPairs pairs = new DecodedPairs(codec, loaded.codes().segment(), 0, memory);
      int list = manifest.build().effectiveListSize();
      if (!Reachability.findsSample(graph, pairs, node -> !loaded.isDead(node), list)) {
        throw new CorruptIndexException(
            path, "searches do not find their way; repair the index to link all vectors again");
      }
    }
    return reachable;
  }

  private static boolean wasChanged(Manifest manifest) {
    return manifest.checkpoint().logSequence() > 0;
  }
}
