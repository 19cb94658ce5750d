// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Edges learnt from queries that are unlike the vectors. */
class QueryLearningTest {
  private static final int VECTORS = 5000;
  private static final int DIMENSION = 128;
  private static final int FACTORS = 80;
  private static final int K = 10;

  @TempDir Path directory;

  private final SplittableRandom random = new SplittableRandom(3);
  private final float[][] encoder = matrix();
  private final float[][] other = matrix();
  private final float[] center = matrix()[0];
  private Path path;
  private float[][] rows;

  private float[][] matrix() {
    float[][] made = new float[FACTORS][DIMENSION];
    for (float[] row : made) {
      for (int i = 0; i < DIMENSION; i++) {
        row[i] = (float) random.nextGaussian();
      }
    }
    return made;
  }

  /** Unit vectors; those of queries by an encoder that agrees with that of the rows in part. */
  private float[][] vectors(int count, boolean areQueries) {
    float[][] made = new float[count][DIMENSION];
    for (float[] row : made) {
      double squares = 0;
      for (int j = 0; j < FACTORS; j++) {
        float factor = (float) random.nextGaussian();
        for (int i = 0; i < DIMENSION; i++) {
          float mixed = 0.3f * encoder[j][i] + 0.95f * other[j][i];
          row[i] += factor * (areQueries ? mixed : encoder[j][i]);
        }
      }
      for (int i = 0; i < DIMENSION; i++) {
        row[i] += areQueries ? 12 * center[i] : 0;
        squares += row[i] * row[i];
      }
      for (int i = 0; i < DIMENSION; i++) {
        row[i] /= (float) Math.sqrt(squares);
      }
    }
    return made;
  }

  @BeforeEach
  void build() throws IOException {
    path = directory.resolve("index");
    rows = vectors(VECTORS, false);
    BuildOptions options =
        BuildOptions.builder().metric(Metric.COSINE).codec("f16").degree(32).threads(2).build();
    try (VectorInput input = VectorInput.of(rows)) {
      assertThat(Index.build(path, input, options, ProgressListener.NONE).info().slots())
          .isEqualTo(VECTORS);
    }
  }

  private double recall(Index index, float[][] queries, int list) throws IOException {
    TestIndexes.alwaysTraverse(index);
    int hits = 0;
    for (float[] query : queries) {
      double[] dots = new double[VECTORS];
      for (int row = 0; row < VECTORS; row++) {
        for (int i = 0; i < DIMENSION; i++) {
          dots[row] -= (double) query[i] * rows[row][i];
        }
      }
      double[] sorted = dots.clone();
      Arrays.sort(sorted);
      SearchResult result = index.search(query, SearchParameters.forK(K).withList(list));
      for (int rank = 0; rank < result.size(); rank++) {
        hits += dots[(int) result.id(rank)] <= sorted[K - 1] + 1e-6 ? 1 : 0;
      }
    }
    return hits / (double) queries.length / K;
  }

  @Test
  void queriesOfAnotherEncoderFindMore() throws IOException {
    float[][] unseen = vectors(200, true);
    float[][] alike = vectors(200, false);
    double before;
    double beforeAlike;
    try (Index index = Index.open(path)) {
      before = recall(index, unseen, 30);
      beforeAlike = recall(index, alike, 30);
    }
    long added;
    try (VectorInput queries = VectorInput.of(vectors(3000, true))) {
      added = Tuner.learn(path, queries, K, 100, 2, ProgressListener.NONE);
    }
    assertThat(added).isGreaterThan(1000);
    try (Index index = Index.open(path)) {
      assertThat(TestIndexes.reachable(index).cardinality()).isEqualTo(VECTORS);
      assertThat(recall(index, unseen, 30)).isGreaterThan(before + (1 - before) / 3);
      assertThat(recall(index, alike, 30)).isGreaterThan(beforeAlike - 0.005);
    }
    assertThat(IndexVerifier.verify(path, 2, ProgressListener.NONE).reachable()).isEqualTo(VECTORS);
    try (LiveIndex index = LiveIndex.openForWriting(path)) { // it can still be written to
      index.insert(Ids.range(VECTORS, 200), alike);
      index.awaitLinked();
      assertThat(index.search(alike[3], SearchParameters.forK(1)).id(0)).isEqualTo(VECTORS + 3);
    }
  }

  @Test
  void whatCannotBeLearntFromIsRefused() throws IOException {
    long generation = IndexInfo.read(path).generation();
    try (VectorInput few = VectorInput.of(vectors(50, true))) {
      assertThatThrownBy(() -> Tuner.learn(path, few, K, 50, 1, ProgressListener.NONE))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("more queries than the 50");
    }
    try (VectorInput flat = VectorInput.of(new float[100][DIMENSION - 1])) {
      assertThatThrownBy(() -> Tuner.learn(path, flat, K, 50, 1, ProgressListener.NONE))
          .isInstanceOf(BadInputException.class)
          .hasMessageContaining("dimension 127");
    }
    try (VectorInput queries = VectorInput.of(vectors(100, true));
        Index reading = Index.open(path)) {
      assertThatThrownBy(() -> Tuner.learn(path, queries, K, 50, 1, ProgressListener.NONE))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("is being read");
      assertThat(reading.count()).isEqualTo(VECTORS);
    }
    assertThat(IndexInfo.read(path).generation()).isEqualTo(generation);
  }
}
