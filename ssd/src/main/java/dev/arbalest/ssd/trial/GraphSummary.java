// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.trial;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.ProgressListener;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.store.IndexDirectory;
import dev.arbalest.ssd.store.PartLoader;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.Reachability;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * The shape of an index's graph.
 *
 * @param histogram how many nodes have each degree, from 0 to R
 * @param reachable nodes that can be reached from the entry point
 */
public record GraphSummary(List<Integer> histogram, int reachable) {
  /** Copies the list. */
  public GraphSummary {
    histogram = List.copyOf(histogram);
  }

  /**
   * Reads the graph of an index, checking it on the way.
   *
   * @throws CorruptIndexException if it is not as it was written
   */
  public static GraphSummary of(Path directory) throws IOException {
    Manifest manifest = IndexDirectory.readManifest(directory);
    try (Workers workers = Workers.start(Runtime.getRuntime().availableProcessors());
        Graph graph = new PartLoader(directory, manifest, workers, ProgressListener.NONE).graph()) {
      Integer[] histogram = new Integer[graph.maxDegree() + 1];
      java.util.Arrays.fill(histogram, 0);
      for (int node = 0; node < graph.nodeCount(); node++) {
        histogram[graph.degree(node)]++;
      }
      return new GraphSummary(List.of(histogram), Reachability.reachable(graph).cardinality());
    }
  }

  /** Mean degree. */
  public double meanDegree() {
    long edges = 0;
    long nodes = 0;
    for (int degree = 0; degree < histogram.size(); degree++) {
      edges += (long) degree * histogram.get(degree);
      nodes += histogram.get(degree);
    }
    return (double) edges / Math.max(1, nodes);
  }
}
