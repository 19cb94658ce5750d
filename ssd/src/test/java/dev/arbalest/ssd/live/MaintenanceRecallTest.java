// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.IndexRepair;
import dev.arbalest.IndexVerifier;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.TestIndexes;
import dev.arbalest.WriteOptions;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.LongStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * No step of maintenance costs recall: searches find as many of the nearest after it as before,
 * through the graph and with default parameters.
 */
class MaintenanceRecallTest {
  private static final int VECTORS = 4000;
  private static final int DIMENSION = 64;
  private static final int QUERIES = 500;
  private static final int K = 10;
  private static final double MAX_LOSS = 0.005;

  @TempDir private Path directory;

  private final F32Rows rows = TestRows.clustered(21, VECTORS + QUERIES, DIMENSION, 12);

  /** Whether a vector is there, by id. */
  private final boolean[] present = new boolean[VECTORS];

  private Metric metric = Metric.L2;

  /** Distance of the tenth neighbour of each query among those present. */
  private double[] limits() {
    double[] limits = new double[QUERIES];
    for (int query = 0; query < QUERIES; query++) {
      float[] vector = TestIndexes.row(rows, VECTORS + query);
      limits[query] =
          LongStream.range(0, VECTORS)
              .filter(id -> present[(int) id])
              .mapToDouble(
                  id -> LiveIndexTest.distance(metric, vector, TestIndexes.row(rows, (int) id)))
              .sorted()
              .skip(K - 1)
              .findFirst()
              .orElseThrow();
    }
    return limits;
  }

  private double recall(Index index, double[] limits) throws IOException {
    TestIndexes.alwaysTraverse(index);
    int hits = 0;
    for (int query = 0; query < QUERIES; query++) {
      float[] vector = TestIndexes.row(rows, VECTORS + query);
      SearchResult result = index.search(vector, SearchParameters.forK(K));
      for (int rank = 0; rank < result.size(); rank++) {
        hits += result.distance(rank) <= limits[query] + 1e-5 ? 1 : 0;
      }
    }
    return hits / (double) QUERIES / K;
  }

  private double recall(Path path, double[] limits) throws IOException {
    try (Index index = Index.open(path)) {
      return recall(index, limits);
    }
  }

  @MustBeClosed
  private static LiveIndex open(Path path) throws IOException {
    return LiveIndex.openForWriting(
        path,
        OpenOptions.defaults().withWarmUpMillis(0),
        WriteOptions.defaults(),
        ProgressListener.NONE);
  }

  private static void assertKept(String step, double before, double after) {
    assertThat(after)
        .as("recall after %s, before it %.4f", step, before)
        .isGreaterThanOrEqualTo(before - MAX_LOSS);
  }

  @ParameterizedTest
  @CsvSource({"L2, saq:2, rabitq:4", "COSINE, rabitq:4, saq:2", "DOT, saq:2, sq8"})
  void noStepCostsRecall(Metric metric, String codec, String other) throws IOException {
    this.metric = metric;
    F32Rows built = new F32Rows(rows.memory(), 0, rows.strideBytes(), VECTORS / 2, DIMENSION);
    Path path = TestIndexes.build(directory, built, TestIndexes.options(metric, codec));
    Arrays.fill(present, 0, VECTORS / 2, true);
    Path copy = directory.resolve("crashed");
    double[] limits;
    double before;
    try (LiveIndex index = open(path)) {
      float[][] more = new float[VECTORS / 2][];
      Arrays.setAll(more, i -> TestIndexes.row(rows, VECTORS / 2 + i));
      index.insert(Ids.range(VECTORS / 2, VECTORS / 2), more);
      Arrays.fill(present, true);
      long[] gone = LongStream.range(0, VECTORS).filter(id -> id % 5 < 2).toArray();
      index.delete(Ids.of(gone));
      for (long id : gone) {
        present[(int) id] = false;
      }
      index.awaitLinked();
      limits = limits();
      before = recall(index, limits);
      assertThat(before).isGreaterThan(0.95);

      LiveIndexTest.copy(path, copy);
      index.checkpoint();
      assertKept("a checkpoint", before, recall(index, limits));
      index.compact(ProgressListener.NONE);
      assertKept("a compaction", before, recall(index, limits));
    }
    assertKept("closing and opening again", before, recall(path, limits));

    try (LiveIndex index = open(copy)) {
      index.awaitLinked();
      assertKept("a crash", before, recall(index, limits));
    }

    Files.delete(path.resolve(Manifest.read(path).file(Manifest.Part.GRAPH).name()));
    assertThat(IndexRepair.repair(path, 2, ProgressListener.NONE)).containsExactly("graph");
    assertKept("a repair of the graph", before, recall(path, limits));

    IndexRepair.recode(path, codec, 2, ProgressListener.NONE);
    assertKept("training the codec again", before, recall(path, limits));
    IndexRepair.recode(path, other, 2, ProgressListener.NONE);
    IndexRepair.recode(path, codec, 2, ProgressListener.NONE);
    assertKept("another codec and back", before, recall(path, limits));
    assertThat(IndexVerifier.verify(path, 2, ProgressListener.NONE).reachable())
        .isEqualTo(VECTORS * 3 / 5);
  }
}
