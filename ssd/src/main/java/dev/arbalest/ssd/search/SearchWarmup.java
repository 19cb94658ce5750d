// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.pq.CodeScorer;
import dev.arbalest.pq.Codec;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.GreedySearch;
import dev.arbalest.vamana.NodeScorer;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Gets the loops of a search compiled while an index is being loaded: interpreted, a vector kernel
 * takes hundreds of times as long, and a first query 100 ms and more. Searches a small made-up
 * index with the real codec, on a thread of its own, until searches no longer become faster or it
 * is stopped. Touches nothing of the real index.
 */
public final class SearchWarmup implements AutoCloseable {
  private static final int NODES = 512;
  private static final int DEGREE = 64;
  private static final int ROWS = 16;
  private static final int LIST = 64;
  private static final long WINDOW_NANOS = 40_000_000L;

  /** Windows without gain after which it ends. */
  private static final int PATIENCE = 5;

  /** Kinds of searches that became steady in this process. */
  private static final Set<String> WARM = ConcurrentHashMap.newKeySet();

  private @Nullable Thread thread;
  private volatile boolean stopped;

  /** Made before the codec is known. */
  public SearchWarmup() {}

  /** Starts, unless searches with such codes became steady in this process before. */
  public void start(Codec codec) {
    if (thread == null && !WARM.contains(kind(codec))) {
      thread = Thread.ofPlatform().daemon().name("arbalest-warm-up").start(() -> run(codec));
    }
  }

  private static String kind(Codec codec) {
    return codec.spec() + " " + codec.metric();
  }

  /** Waits until searches are steady, at most some milliseconds. */
  public void await(long millis) {
    Thread running = thread;
    if (running == null || millis == 0) {
      return;
    }
    try {
      boolean _ = running.join(Duration.ofMillis(millis));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the index is as good, its first searches are slower
    }
  }

  /** Stops it: from now on it would only take the processor from real searches. */
  @Override
  public void close() {
    stopped = true;
  }

  private void run(Codec codec) {
    SplittableRandom random = new SplittableRandom(1);
    try (SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease();
        NativeMemory codes = NativeMemory.allocate((long) NODES * codec.codeBytes());
        Graph graph = Graph.allocate(NODES, DEGREE)) {
      for (long at = 0; at < codes.byteSize(); at++) {
        // Any four of these bytes are a float of moderate size: no estimate is NaN.
        codes.segment().set(ValueLayout.JAVA_BYTE, at, (byte) random.nextInt(0x40));
      }
      int[] neighbors = new int[DEGREE];
      for (int node = 0; node < NODES; node++) {
        int first = random.nextInt(NODES);
        for (int i = 0; i < neighbors.length; i++) {
          neighbors[i] = (first + i + ((first + i) % NODES == node ? neighbors.length : 0)) % NODES;
        }
        graph.setNeighbors(node, neighbors, 0, neighbors.length);
      }
      searchUntilSteady(codec, memory, codes.segment(), graph, random);
    } catch (OutOfMemoryError e) {
      stopped = true; // the index is as good, its first searches are slower
    }
  }

  private void searchUntilSteady(
      Codec codec,
      SlabPool.Lease memory,
      MemorySegment codes,
      Graph graph,
      SplittableRandom random) {
    int dimension = codec.dimension();
    CodeScorer scorer = codec.newScorer(codes, graph.maxDegree(), memory);
    NodeScorer scoring =
        (nodes, count, limit, distances) -> scorer.scoreWithin(nodes, 0, count, limit, distances);
    GreedySearch walk = new GreedySearch(graph, LIST);
    MemorySegment query = memory.allocate(4L * dimension, 64);
    MemorySegment rows = memory.allocate(4L * dimension * ROWS, 64);
    long[] offsets = new long[ROWS];
    for (int row = 0; row < ROWS; row++) {
      offsets[row] = 4L * dimension * row;
    }
    float[] distances = new float[ROWS];
    Metric metric = codec.metric();
    double fastest = Double.POSITIVE_INFINITY;
    int windowsWithoutGain = 0;
    while (!stopped && windowsWithoutGain < PATIENCE) {
      long start = System.nanoTime();
      int searches = 0;
      do {
        for (int i = 0; i < dimension; i++) {
          query.setAtIndex(F32Rows.FLOAT, i, (float) random.nextDouble(-0.1, 0.1));
        }
        scorer.query(query);
        walk.begin(LIST, scoring);
        while (!stopped && walk.step(scoring)) {
          // as the real one
        }
        F32Distance.stored(metric, query, 0, rows, offsets, 0, ROWS, dimension, distances, 0);
        searches++;
      } while (!stopped && System.nanoTime() - start < WINDOW_NANOS);
      double perSearch = (double) (System.nanoTime() - start) / searches;
      windowsWithoutGain = perSearch < 0.9 * fastest ? 0 : windowsWithoutGain + 1;
      fastest = Math.min(fastest, perSearch);
    }
    if (!stopped) {
      boolean _ = WARM.add(kind(codec));
    }
  }
}
