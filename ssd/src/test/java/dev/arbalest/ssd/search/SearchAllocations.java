// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import dev.arbalest.Index;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.testing.Allocations;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * Prints the bytes of heap a search allocates once it is compiled. In a process of its own: what a
 * JVM compiles of a kernel, and with it whether vectors are boxed, depends on all that ran before.
 */
final class SearchAllocations {
  private static final int ROUNDS = 600;
  private static final int QUERIES = 100;

  private SearchAllocations() {}

  /** Arguments: index, what is few. */
  public static void main(String[] arguments) throws IOException {
    double few = Double.parseDouble(arguments[1]);
    try (Index index = Index.open(Path.of(arguments[0]))) {
      F32Rows rows = TestRows.clustered(22, QUERIES, index.dimension(), 30);
      float[][] queries = new float[QUERIES][index.dimension()];
      for (int i = 0; i < QUERIES; i++) {
        MemorySegment.copy(
            rows.memory(), F32Rows.FLOAT, rows.offset(i), queries[i], 0, index.dimension());
      }
      SearchResult result = new SearchResult();
      SearchParameters parameters = SearchParameters.forK(10);
      // Interpreted and half-compiled code boxes vectors; only compiled code must not.
      double perSearch = Double.POSITIVE_INFINITY;
      for (int round = 0; round < ROUNDS && perSearch >= few; round++) {
        long before = Allocations.bytes();
        for (float[] query : queries) {
          index.search(query, parameters, result);
        }
        perSearch = (double) (Allocations.bytes() - before) / QUERIES;
      }
      System.out.println("bytes per search " + perSearch);
    }
  }
}
