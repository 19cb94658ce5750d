// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An index is closed while others use it. */
class IndexClosingTest {
  @TempDir Path directory;

  @Test
  @SuppressWarnings("MustBeClosedChecker") // closing is what is tested
  void closingWaitsForSearchesAndRefusesLaterOnes() throws Exception {
    F32Rows rows = TestRows.clustered(6, 500, 64, 9);
    Path path = TestIndexes.build(directory, rows, TestIndexes.options(Metric.L2, "rabitq:1"));
    for (int round = 0; round < 10; round++) {
      Index index = Index.open(path);
      try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
        List<Future<String>> searchers = new ArrayList<>();
        CountDownLatch searching = new CountDownLatch(4);
        for (int t = 0; t < 4; t++) {
          searchers.add(
              pool.submit(() -> {
                try {
                  while (true) { // until it is closed
                    SearchResult result =
                        index.search(TestIndexes.row(rows, 1), SearchParameters.forK(1));
                    assertThat(result.id(0)).isEqualTo(1);
                    searching.countDown();
                  }
                } catch (IllegalStateException e) {
                  return e.getMessage();
                }
              }));
        }
        searching.await();
        index.close();
        index.close();
        for (Future<String> searcher : searchers) {
          assertThat(searcher.get()).isEqualTo("the index is closed");
        }
      }
    }
  }

  @SuppressWarnings("MustBeClosedChecker") // closed by another thread
  @Test
  void idsAreLookedUpWhileTheIndexIsBeingClosed() throws Exception {
    F32Rows rows = TestRows.clustered(4, 200, 32, 5);
    Path path = TestIndexes.build(directory, rows, TestIndexes.options(Metric.L2, "rabitq:2"));
    Executor threads = command -> Thread.ofPlatform().daemon().start(command);
    for (int round = 0; round < 50; round++) {
      Index index = Index.open(path, OpenOptions.defaults(), ProgressListener.NONE);
      CountDownLatch begun = new CountDownLatch(1);
      CompletableFuture<Integer> looking =
          CompletableFuture.supplyAsync(
              () -> {
                int found = 0;
                begun.countDown();
                while (true) {
                  try {
                    found += index.contains(Ids.of(found % 200), 0) ? 1 : 0;
                  } catch (IllegalStateException e) {
                    return found; // it was closed
                  }
                }
              },
              threads);
      begun.await();
      CompletableFuture<Void> closing =
          CompletableFuture.runAsync(
              () -> {
                try {
                  index.close();
                } catch (IOException e) {
                  throw new java.io.UncheckedIOException(e);
                }
              },
              threads);
      assertThat(closing).succeedsWithin(Duration.ofMinutes(1)); // or waits for ever
      assertThat(looking).succeedsWithin(Duration.ofMinutes(1));
    }
  }
}
