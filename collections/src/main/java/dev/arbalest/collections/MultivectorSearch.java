// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.Ids;
import dev.arbalest.LiveIndex;
import dev.arbalest.PointSet;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.StoredVector;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.ScoredPoint;
import dev.arbalest.collections.model.Scores;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Searches multivectors by MaxSim (Khattab and Zaharia 2020): a score is the sum, over the parts of
 * the query, of the largest similarity with a part of the point. Each part of the query finds its
 * nearest parts in the index; the points that have them are judged by what was found (a part of the
 * query that did not find a point counts as its worst find), and the best are scored exactly.
 */
final class MultivectorSearch {
  private static final int MIN_PARTS = 64;
  private static final int MIN_SCORED = 128;

  /** Points scored exactly, and parts found, per point wanted. */
  private static final int PER_POINT = 4;

  private static final int MOST_PARTS = 10_000;

  private final AttributeStore store;
  private final VectorSpace space;
  private final LiveIndex index;
  private final Metric metric;

  MultivectorSearch(AttributeStore store, VectorSpace space, LiveIndex index) {
    this.store = store;
    this.space = space;
    this.index = index;
    this.metric = space.spec().metric();
  }

  /**
   * The points with the best scores, best first.
   *
   * @param filter which points may be found, or null
   * @param exact whether to score all points that any part finds among its nearest 10,000
   */
  List<ScoredPoint> run(PointVector.Multi query, @Nullable Filter filter, int limit, boolean exact)
      throws IOException {
    PointSet within = filter == null ? null : partsOf(store.matching(filter, Integer.MAX_VALUE));
    int parts = Math.clamp((long) PER_POINT * limit, MIN_PARTS, MOST_PARTS);
    Map<Long, float[]> found = findParts(query, exact ? MOST_PARTS : parts, within);
    List<Candidate> candidates = new ArrayList<>();
    found.forEach((ordinal, similarities) -> {
      float sum = 0;
      for (float similarity : similarities) {
        sum += similarity;
      }
      candidates.add(new Candidate(ordinal, sum));
    });
    candidates.sort(Comparator.comparingDouble(Candidate::score).reversed());
    int scored = exact ? candidates.size() : Math.max(MIN_SCORED, PER_POINT * limit);
    return score(query, candidates.subList(0, Math.min(scored, candidates.size())), limit);
  }

  private record Candidate(long ordinal, float score) {}

  /** The parts of some points. */
  private PointSet partsOf(List<PointId> points) throws IOException {
    List<StoredVector> known =
        store.vectors(space.spec().number(), points).stream().filter(Objects::nonNull).toList();
    return index.pointSet(VectorSpace.partIds(known));
  }

  /** By ordinal of a point, its largest similarity with each part of the query, as far as known. */
  private Map<Long, float[]> findParts(
      PointVector.Multi query, int parts, @Nullable PointSet within) throws IOException {
    int count = query.parts().size();
    SearchParameters parameters = SearchParameters.forK(parts);
    SearchResult result = new SearchResult();
    Map<Long, float[]> found = new HashMap<>();
    float[] worst = new float[count];
    for (int part = 0; part < count; part++) {
      if (within == null) {
        index.search(query.parts().get(part), parameters, result);
      } else {
        index.search(query.parts().get(part), parameters, within, result);
      }
      for (int rank = 0; rank < result.size(); rank++) {
        float similarity = similarity(result.distance(rank));
        float[] known =
            found.computeIfAbsent(
                VectorSpace.ordinalOf(result.id(rank)),
                _ -> {
                  float[] unknown = new float[count];
                  Arrays.fill(unknown, Float.NaN);
                  return unknown;
                });
        if (!(known[part] >= similarity)) {
          known[part] = similarity;
        }
        worst[part] = similarity; // nearest come first
      }
    }
    for (float[] known : found.values()) {
      for (int part = 0; part < count; part++) {
        known[part] = Float.isNaN(known[part]) ? worst[part] : known[part];
      }
    }
    return found;
  }

  private float similarity(float distance) {
    return switch (metric) {
      case COSINE -> 1 - distance;
      case DOT, L2 -> -distance;
    };
  }

  private List<ScoredPoint> score(PointVector.Multi query, List<Candidate> candidates, int limit)
      throws IOException {
    long[] ordinals = candidates.stream().mapToLong(Candidate::ordinal).toArray();
    List<ScoredPoint> scored = new ArrayList<>();
    try (Rows queryRows = new Rows(query.parts())) {
      for (StoredVector vector : store.vectorsByOrdinal(space.spec().number(), ordinals)) {
        List<float[]> parts = vector == null ? List.of() : read(index, vector);
        if (vector != null && parts.size() == vector.parts()) { // else it was replaced just now
          try (Rows rows = new Rows(parts)) {
            scored.add(new ScoredPoint(vector.id(), maxSim(queryRows, rows)));
          }
        }
      }
    }
    Comparator<ScoredPoint> order = Comparator.comparingDouble(ScoredPoint::score);
    scored.sort(
        (metric == Metric.L2 ? order : order.reversed())
            .thenComparing(ScoredPoint::id, PointId.ORDER));
    return scored.subList(0, Math.min(limit, scored.size()));
  }

  /** The parts of a multivector, as far as they are there. */
  static List<float[]> read(LiveIndex index, StoredVector vector) throws IOException {
    List<float[]> parts = new ArrayList<>();
    Ids ids = VectorSpace.partIds(List.of(vector));
    index.vectors(ids, (_, components) -> parts.add(components.clone()));
    return parts;
  }

  /** Qdrant's score: for l2 the root of the sum of the least squared distances. */
  private float maxSim(Rows query, Rows point) {
    double sum = 0;
    for (int i = 0; i < query.count; i++) {
      double most = Double.NEGATIVE_INFINITY;
      for (int j = 0; j < point.count; j++) {
        most = Math.max(most, similarity(query, i, point, j));
      }
      sum += most;
    }
    return metric == Metric.L2 ? Scores.distance(metric, (float) -sum) : (float) sum;
  }

  private double similarity(Rows a, int i, Rows b, int j) {
    MemorySegment one = a.memory.segment();
    MemorySegment other = b.memory.segment();
    int dimension = a.dimension;
    return switch (metric) {
      case COSINE -> {
        double distance = F32Distance.cosine(one, a.offset(i), other, b.offset(j), dimension);
        yield Double.isNaN(distance) ? 0 : 1 - distance;
      }
      case DOT -> F32Distance.dot(one, a.offset(i), other, b.offset(j), dimension);
      case L2 -> -F32Distance.squaredL2(one, a.offset(i), other, b.offset(j), dimension);
    };
  }

  /** Vectors in native memory of their own, which {@link #close} frees. */
  private static final class Rows implements AutoCloseable {
    final int count;
    final int dimension;
    final NativeMemory memory;

    @SuppressWarnings("MustBeClosedChecker") // closed by close()
    Rows(List<float[]> rows) {
      this.count = rows.size();
      this.dimension = rows.getFirst().length;
      this.memory = NativeMemory.allocate(4L * dimension * count);
      for (int row = 0; row < count; row++) {
        MemorySegment.copy(
            rows.get(row), 0, memory.segment(), F32Rows.FLOAT, offset(row), dimension);
      }
    }

    long offset(int row) {
      return 4L * dimension * row;
    }

    @Override
    public void close() {
      memory.close();
    }
  }
}
