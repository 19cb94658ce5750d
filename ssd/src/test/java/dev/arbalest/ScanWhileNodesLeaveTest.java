// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.vamana.Graph;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * While nodes leave the graph, others may be without edges, and the entry point be one that is
 * about to leave: searches still find them.
 */
class ScanWhileNodesLeaveTest {
  private static final int DIMENSION = 8;

  @TempDir private Path directory;

  @Test
  void nodesThatHaveLostTheirEdgesAreFound() throws IOException {
    Path path = directory.resolve("index");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(4L * DIMENSION * 3, 64);
      for (int i = 0; i < 3 * DIMENSION; i++) {
        memory.setAtIndex(F32Rows.FLOAT, i, i * i % 7 + 1);
      }
      F32Rows rows = new F32Rows(memory, 0, 4L * DIMENSION, 3, DIMENSION);
      LiveIndex.create(path, rows, IdType.INT64, TestIndexes.options(Metric.L2, "sq8"));
      try (LiveIndex index = LiveIndex.openForWriting(path)) {
        WriteReceipt _ = index.insert(Ids.of(1, 2, 3), rows);
        index.awaitLinked();
        Graph graph = index.loaded.graph();
        int[] neighbors = new int[graph.maxDegree()];
        int lonely = graph.entryPoint() == 0 ? 1 : 0;
        int degree = graph.degree(lonely);
        for (int i = 0; i < degree; i++) {
          neighbors[i] = graph.neighbor(lonely, i);
        }
        graph.setNeighbors(lonely, neighbors, 0, 0);
        try {
          float[] query = TestIndexes.row(rows, lonely);
          SearchParameters three = SearchParameters.forK(3);
          assertThat(index.search(query, three).size()).isEqualTo(3);
          SearchResult within = new SearchResult();
          index.search(query, three, index.pointSet((id, _) -> id != 3), within);
          assertThat(within.size()).isEqualTo(2);
        } finally {
          graph.setNeighbors(lonely, neighbors, 0, degree);
        }
      }
    }
  }
}
