// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.sparse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.arbalest.WriteRefusedException;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.ScoredPoint;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The inverted index against scores of all vectors. */
class SparseIndexTest {
  private static PointVector.Sparse vector(Random random, int terms) {
    Map<Integer, Float> weights = new HashMap<>();
    int count = random.nextInt(12);
    for (int i = 0; i < count; i++) {
      int term = (int) (terms * Math.pow(random.nextDouble(), 3)) - 5; // some above 2^31
      weights.put(term, (float) random.nextGaussian());
    }
    int[] indices = new int[weights.size()];
    float[] values = new float[indices.length];
    int next = 0;
    for (Map.Entry<Integer, Float> entry : weights.entrySet()) {
      indices[next] = entry.getKey();
      values[next++] = entry.getValue();
    }
    return new PointVector.Sparse(indices, values);
  }

  private static Map<Integer, Float> weights(PointVector.Sparse vector) {
    Map<Integer, Float> weights = new HashMap<>();
    for (int i = 0; i < vector.indices().length; i++) {
      weights.put(vector.indices()[i], vector.values()[i]);
    }
    return weights;
  }

  private static Map<Long, Double> expected(
      Map<Long, PointVector.Sparse> all, PointVector.Sparse query, boolean idf) {
    Map<Integer, Integer> having = new HashMap<>();
    all.values()
        .forEach(vector -> {
          for (int term : vector.indices()) {
            having.merge(term, 1, Integer::sum);
          }
        });
    Map<Long, Double> scores = new HashMap<>();
    all.forEach((id, vector) -> {
      Map<Integer, Float> own = weights(vector);
      for (int i = 0; i < query.indices().length; i++) {
        Float weight = own.get(query.indices()[i]);
        if (weight != null) {
          double d = having.getOrDefault(query.indices()[i], 0);
          double factor = idf ? Math.log(1 + (all.size() - d + 0.5) / (d + 0.5)) : 1;
          scores.merge(id, factor * query.values()[i] * weight, Double::sum);
        }
      }
    });
    return scores;
  }

  @Test
  void findsWhatComparingAllFinds() throws Exception {
    for (int seed = 0; seed < 40; seed++) {
      Random random = new Random(seed);
      boolean idf = seed % 2 == 0;
      int terms = 5 + random.nextInt(300);
      Map<Long, PointVector.Sparse> all = new HashMap<>();
      try (SparseIndex index = new SparseIndex(idf)) {
        for (int step = 0; step < 4000; step++) {
          long id = random.nextInt(seed % 4 == 3 ? 3000 : 300);
          PointVector.Sparse old = all.remove(id);
          if (old != null) {
            index.remove(PointId.of(id), old);
          }
          if (random.nextInt(4) > 0) {
            PointVector.Sparse vector = vector(random, terms);
            all.put(id, vector);
            index.put(PointId.of(id), vector);
          }
        }
        assertThat(index.count()).isEqualTo(all.size());
        for (int i = 0; i < 20; i++) {
          PointVector.Sparse query = vector(random, terms);
          Map<Long, Double> scores = expected(all, query, idf);
          List<PointId> within = new ArrayList<>();
          if (i % 2 == 1) {
            scores.keySet().removeIf(id -> id % 3 == 0);
            scores.keySet().forEach(id -> within.add(PointId.of(id)));
          }
          int limit = 1 + random.nextInt(30);
          List<ScoredPoint> found = index.search(query, limit, i % 2 == 1 ? within : null);
          List<Double> best =
              scores.values().stream().sorted((a, b) -> Double.compare(b, a)).limit(limit).toList();
          assertThat(found).as("seed %d, query %d", seed, i).hasSameSizeAs(best);
          for (int rank = 0; rank < best.size(); rank++) {
            ScoredPoint point = found.get(rank);
            assertThat((double) point.score()).isCloseTo(best.get(rank), within(1e-4));
            assertThat(scores.get(point.id().number()))
                .isCloseTo((double) point.score(), within(1e-4));
          }
        }
      }
    }
  }

  @Test
  void memoryIsGivenBack() throws Exception {
    Random random = new Random(1);
    try (SparseIndex index = new SparseIndex(false)) {
      List<PointVector.Sparse> vectors = new ArrayList<>();
      for (int i = 0; i < 5000; i++) {
        vectors.add(vector(random, 100));
        index.put(PointId.of(i), vectors.getLast());
      }
      long full = index.bytes();
      for (int i = 0; i < 4900; i++) {
        index.remove(PointId.of(i), vectors.get(i));
      }
      assertThat(index.bytes()).isLessThan(full / 3);
    }
  }

  /** Replacing one long vector again and again takes no more memory. */
  @Test
  void aVectorThatIsReplacedTakesItsMemoryOnce() {
    int[] terms = java.util.stream.IntStream.range(0, 60_000).toArray();
    PointVector.Sparse vector = new PointVector.Sparse(terms, new float[terms.length]);
    try (SparseIndex index = new SparseIndex(false)) {
      index.put(PointId.of(1), vector);
      long once = index.bytes();
      for (int i = 0; i < 20; i++) {
        index.remove(PointId.of(1), vector);
        index.put(PointId.of(1), vector);
      }
      assertThat(index.bytes()).isLessThan(3 * once);
    }
  }

  @Test
  void noMoreThanHalfOfTheHeapIsTaken() throws Exception {
    try (SparseIndex index = new SparseIndex(false)) {
      int[] terms = java.util.stream.IntStream.range(0, 65_536).toArray();
      PointVector.Sparse vector = new PointVector.Sparse(terms, new float[terms.length]);
      int many = (int) (Runtime.getRuntime().maxMemory() / 65_536 / 10);
      index.requireRoom(List.of());
      assertThatThrownBy(() -> index.requireRoom(java.util.Collections.nCopies(many, vector)))
          .isInstanceOf(WriteRefusedException.class)
          .hasMessageContaining("-Xmx");
    }
  }

  @Test
  void vectorsAreSortedAndChecked() {
    PointVector.Sparse vector =
        new PointVector.Sparse(new int[] {-1, 7, 3}, new float[] {1, -2, 3});
    assertThat(vector.indices()).containsExactly(3, 7, -1);
    assertThat(vector.values()).containsExactly(3, -2, 1);
    assertThatThrownBy(() -> new PointVector.Sparse(new int[] {1, 1}, new float[] {1, 2}))
        .isInstanceOf(CollectionException.class)
        .hasMessageContaining("found 1 twice");
    assertThatThrownBy(() -> new PointVector.Sparse(new int[] {1}, new float[] {Float.NaN}))
        .isInstanceOf(CollectionException.class);
    assertThatThrownBy(() -> new PointVector.Sparse(new int[] {1}, new float[] {1, 2}))
        .isInstanceOf(CollectionException.class);
  }
}
