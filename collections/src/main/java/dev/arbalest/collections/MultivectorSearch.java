// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

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
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Searches multivectors by MaxSim (Khattab and Zaharia 2020): a score is the sum, over the parts of
 * the query, of the largest similarity with a part of the point. Few points are all scored. Of
 * many, each part of the query finds its nearest parts in the index, more and more until they are
 * of enough points; the points are judged by what was found (a part of the query that did not find
 * a point counts as its worst find), and the best are scored by their rows of the database.
 */
final class MultivectorSearch {
  /** Points that are all scored, and points scored at least. */
  private static final int MIN_SCORED = 500;

  /** Parts that a part of the query finds at least. */
  private static final int MIN_PARTS = 200;

  /** Points scored, and parts found, per point wanted. */
  private static final int PER_POINT = 10;

  private static final int MOST_PARTS = 10_000;

  /** Parts that all parts of a query find together. */
  private static final int MOST_FOUND = 2_000_000;

  private static final int ROWS = 100;

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
   * @param list parts that each part of the query finds at first, or 0 for as many as seem right
   * @param exact whether each part finds 10,000, or fewer if the query has more than 200 parts, and
   *     all of their points are scored
   */
  List<ScoredPoint> run(
      PointVector.Multi query, @Nullable Filter filter, int limit, int list, boolean exact)
      throws IOException {
    int number = space.spec().number();
    List<PointId> points = filter == null ? null : store.matching(filter, Integer.MAX_VALUE);
    if (points != null && points.size() <= Math.max(MIN_SCORED, limit)) {
      return score(query, points, limit);
    }
    int wanted = Math.max(MIN_SCORED, Math.min(PER_POINT * limit, MOST_PARTS));
    long having = points == null ? store.countMultivectors(number, wanted + 1L) : points.size();
    if (having <= Math.max(MIN_SCORED, limit)) {
      List<PointId> all = new ArrayList<>();
      store.forEachHead(number, vector -> all.add(vector.id()));
      return score(query, all, limit);
    }
    PointSet within = points == null ? null : partsOf(points);
    int most = Math.clamp(MOST_FOUND / query.parts().size(), MIN_PARTS, MOST_PARTS);
    int parts = Math.clamp(list > 0 ? list : (long) PER_POINT * limit, MIN_PARTS, most);
    Map<Long, Double> gains = findParts(query, exact ? most : parts, within);
    while (gains.size() < Math.min(wanted, having) && parts < most && !exact) {
      parts = Math.min(most, 4 * parts);
      gains = findParts(query, parts, within);
    }
    List<Candidate> candidates = new ArrayList<>();
    gains.forEach((ordinal, gain) -> candidates.add(new Candidate(ordinal, gain)));
    candidates.sort(Comparator.comparingDouble(Candidate::gain).reversed());
    int scored = exact ? candidates.size() : Math.min(wanted, candidates.size());
    return score(query, pointsOf(candidates.subList(0, scored)), limit);
  }

  private record Candidate(long ordinal, double gain) {}

  /** The parts of some points. */
  private PointSet partsOf(List<PointId> points) throws IOException {
    List<StoredVector> known =
        store.vectorHeads(space.spec().number(), points).stream().filter(Objects::nonNull).toList();
    return index.pointSet(VectorSpace.partIds(known));
  }

  /** The points that have multivectors, or had or get them at this moment; each once. */
  private List<PointId> pointsOf(List<Candidate> candidates) throws IOException {
    long[] ordinals = candidates.stream().mapToLong(Candidate::ordinal).toArray();
    List<@Nullable StoredVector> known = store.headsByOrdinal(space.spec().number(), ordinals);
    Set<PointId> points = new LinkedHashSet<>();
    for (int i = 0; i < ordinals.length; i++) {
      StoredVector vector = known.get(i);
      PointId id = vector == null ? space.recentPoint(ordinals[i]) : vector.id();
      if (id != null) {
        points.add(id);
      }
    }
    return List.copyOf(points);
  }

  /**
   * By ordinal of a point, by how much its score is larger than that of a point that no part of the
   * query found, as far as known.
   */
  private Map<Long, Double> findParts(PointVector.Multi query, int parts, @Nullable PointSet within)
      throws IOException {
    SearchParameters parameters = SearchParameters.forK(parts);
    SearchResult result = new SearchResult();
    Map<Long, Double> gains = new HashMap<>();
    Set<Long> seen = new HashSet<>();
    for (float[] part : query.parts()) {
      if (within == null) {
        index.search(part, parameters, result);
      } else {
        index.search(part, parameters, within, result);
      }
      seen.clear();
      for (int rank = 0; rank < result.size(); rank++) {
        long ordinal = VectorSpace.ordinalOf(result.id(rank));
        if (seen.add(ordinal)) { // nearest come first
          float worst = similarity(result.distance(result.size() - 1));
          double gain = similarity(result.distance(rank)) - (double) worst;
          gains.merge(ordinal, gain, Double::sum);
        }
      }
    }
    return gains;
  }

  private float similarity(float distance) {
    return switch (metric) {
      case COSINE -> 1 - distance;
      case DOT, L2 -> -distance;
    };
  }

  /** The points as they are now; those without the vector are left out. */
  private List<ScoredPoint> score(PointVector.Multi query, List<PointId> points, int limit)
      throws IOException {
    List<ScoredPoint> scored = new ArrayList<>();
    try (Rows queryRows = new Rows(query.parts())) {
      for (int from = 0; from < points.size(); from += ROWS) {
        List<PointId> some = points.subList(from, Math.min(points.size(), from + ROWS));
        for (StoredVector vector : store.vectors(space.spec().number(), some)) {
          if (vector != null) {
            try (Rows rows = new Rows(vector.parts().parts())) {
              scored.add(new ScoredPoint(vector.id(), maxSim(queryRows, rows)));
            }
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
    double score = metric == Metric.L2 ? Math.sqrt(Math.max(0, -sum)) : sum;
    return (float) Math.clamp(score, -Float.MAX_VALUE, Float.MAX_VALUE);
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
