// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.live.DecodedPairs;
import dev.arbalest.ssd.store.IndexDirectory;
import dev.arbalest.ssd.store.IndexLoader;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.QueryEdges;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.Map;
import java.util.stream.IntStream;

/** Adds edges to a graph that sample queries need; see {@link QueryEdges}. */
final class QueryLearning {
  /** Neighbours of a query that are joined. */
  private static final int JOINED = 10;

  /** List of the searches for them. */
  private static final int LIST = 1000;

  private final VectorInput queries;
  private final Workers workers;
  private final ProgressListener listener;

  QueryLearning(VectorInput queries, Workers workers, ProgressListener listener) {
    this.queries = queries;
    this.workers = workers;
    this.listener = listener;
  }

  /**
   * Learns from queries.
   *
   * @param held rows that are not learnt from
   * @return how many edges were added
   */
  long learn(Path path, int[] held, OpenOptions options) throws IOException {
    int[][] nearest;
    long generation;
    try (Index index = Index.open(path, options, listener)) {
      generation = index.loaded.manifest().generation();
      nearest = nearest(index, held);
    }
    try (IndexDirectory directory = IndexDirectory.openForUpdate(path)) {
      Manifest manifest = directory.committed().orElseThrow();
      if (manifest.generation() != generation || !manifest.checkpoint().clean()) {
        throw new IOException(path + " was written to meanwhile; try again");
      }
      return add(directory, manifest, nearest);
    }
  }

  private int[][] nearest(Index index, int[] held) throws IOException {
    BitSet isHeld = new BitSet();
    for (int row : held) {
      isHeld.set(row);
    }
    int[] rows =
        IntStream.range(0, queries.rows().count()).filter(row -> !isHeld.get(row)).toArray();
    listener.stage("learn", rows.length);
    int[][] nearest = new int[rows.length][];
    int k = Math.min(JOINED, index.count());
    SearchParameters parameters =
        SearchParameters.forK(k).withList(Math.max(k, Math.min(LIST, index.count())));
    workers.forRanges(
        rows.length,
        8,
        (_, from, to) -> {
          float[] query = new float[index.dimension()];
          for (int i = from; i < to; i++) {
            double norm = queries.checkRow(rows[i], index.metric());
            assert norm >= 0;
            queries.rows().copyRow(rows[i], query);
            nearest[i] = index.nearestNodes(query, parameters);
          }
          synchronized (listener) {
            listener.advanced(to - from);
          }
        });
    return nearest;
  }

  private long add(IndexDirectory directory, Manifest manifest, int[][] nearest)
      throws IOException {
    Path path = directory.path();
    try (LoadedIndex loaded = IndexLoader.load(path, _ -> {}, workers, ProgressListener.NONE);
        SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease()) {
      Graph graph = loaded.graph();
      DecodedPairs pairs = new DecodedPairs(loaded.codec(), loaded.codes().segment(), 0, memory);
      int list = manifest.build().effectiveListSize();
      long added = QueryEdges.learn(graph, nearest, pairs, list);
      Map<Manifest.Part, Manifest.Entry> files = new EnumMap<>(manifest.files());
      files.put(
          Manifest.Part.GRAPH,
          directory.write(
              Manifest.Part.GRAPH,
              FileHeader.Kind.GRAPH,
              graph.segment(),
              workers,
              graph.nodeCount(),
              graph.maxDegree(),
              graph.entryPoint()));
      directory.commitCheckpoint(manifest.with(files, graph.maxDegree(), graph.entryPoint(), true));
      return added;
    }
  }
}
