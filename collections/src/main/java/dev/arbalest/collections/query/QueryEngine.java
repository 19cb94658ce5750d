// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.Point;
import dev.arbalest.collections.SearchAnswer;
import dev.arbalest.collections.SearchPool;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.OrderedPoint;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.Scores;
import dev.arbalest.collections.model.VectorSelector;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.vector.Metric;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Answers queries: searches, and what is made of several searches. Thread-safe; searches run on the
 * threads of the {@link SearchPool}.
 */
public final class QueryEngine {
  private final SearchPool pool;

  public QueryEngine(SearchPool pool) {
    this.pool = pool;
  }

  /** Finds other collections by name, if the client may read them. */
  @FunctionalInterface
  public interface Lookup {
    Collection get(String name);
  }

  /**
   * Ranks points.
   *
   * @param lookup finds the collections that examples are looked up in
   */
  public QueryAnswer run(
      Collection collection,
      QueryRequest request,
      boolean withPayloads,
      VectorSelector vectors,
      Lookup lookup) {
    QueryRequest checked = request.checked();
    if (request.query() instanceof PointQuery.Nearest nearest
        && nearest.diversity() == null
        && request.prefetch().isEmpty()
        && isDense(collection, request)) {
      return search(collection, checked, nearest, withPayloads, vectors, lookup);
    }
    Examples examples = new Examples(collection, request, lookup);
    int wanted = request.limit() + request.offset();
    List<Ranked> ranked = rank(collection, request, request.filter(), wanted, examples);
    List<Ranked> page = ranked.subList(Math.min(request.offset(), ranked.size()), ranked.size());
    return new QueryAnswer(hits(collection, page, vectors), null);
  }

  private static boolean isDense(Collection collection, QueryRequest request) {
    return collection.settings().vector(request.using()).kind() == VectorSpec.Kind.DENSE;
  }

  /** One search, which reads attributes and vectors as it goes. */
  private QueryAnswer search(
      Collection collection,
      QueryRequest request,
      PointQuery.Nearest nearest,
      boolean withPayloads,
      VectorSelector vectors,
      Lookup lookup) {
    Examples examples = new Examples(collection, request, lookup);
    float[] vector = examples.dense(nearest.example());
    PointId self = examples.own(nearest.example());
    int k = request.limit() + request.offset() + (self == null ? 0 : 1);
    SearchAnswer answer =
        pool.call(() ->
            collection.search(
                request.options().request(request.using(), vector, k, request.filter()),
                withPayloads,
                vectors));
    Metric metric = collection.settings().vector(request.using()).metric();
    List<Hit> hits = new ArrayList<>();
    int passed = 0;
    for (Point point : answer.points()) {
      float score = Scores.qdrant(metric, point.distance());
      if (isSame(point.id(), self) || !reaches(score, request.threshold(), metric == Metric.L2)) {
        continue;
      }
      if (passed++ >= request.offset() && hits.size() < request.limit()) {
        hits.add(new Hit(point, score, null));
      }
    }
    return new QueryAnswer(hits, answer);
  }

  private static boolean isSame(PointId id, @Nullable PointId other) {
    return other != null && id.toString().equals(other.toString());
  }

  private static boolean reaches(float score, @Nullable Float threshold, boolean smallerIsBetter) {
    return threshold == null || (smallerIsBetter ? score <= threshold : score >= threshold);
  }

  private List<Hit> hits(Collection collection, List<Ranked> page, VectorSelector vectors) {
    List<PointId> ids = page.stream().map(Ranked::id).toList();
    Map<String, Point> points = new HashMap<>();
    collection.retrieve(ids, vectors).forEach(point -> points.put(point.id().toString(), point));
    List<Hit> hits = new ArrayList<>();
    for (Ranked ranked : page) {
      Point point = points.get(ranked.id().toString());
      if (point != null) { // else it was deleted just now
        hits.add(new Hit(point, ranked.score(), ranked.orderValue()));
      }
    }
    return hits;
  }

  /**
   * The best points of a stage.
   *
   * @param filter of this stage and of those it is part of
   * @param limit points wanted, offset included
   */
  private List<Ranked> rank(
      Collection collection,
      QueryRequest request,
      @Nullable Filter filter,
      int limit,
      Examples examples) {
    if (!(request.query() instanceof PointQuery.Words) && !request.using().isEmpty()) {
      VectorSpec _ = collection.settings().vector(request.using());
    }
    if (request.prefetch().isEmpty()) {
      return rankAll(collection, request, filter, limit, examples);
    }
    List<List<Ranked>> rankings = new ArrayList<>();
    for (QueryRequest stage : request.prefetch()) {
      rankings.add(
          rank(collection, stage, both(filter, stage.filter()), stage.limit(), examples.of(stage)));
    }
    if (request.query() instanceof PointQuery.Fusion fusion) {
      return best(Fusions.fuse(rankings, fusion), limit, request.threshold());
    }
    Map<String, PointId> found = new LinkedHashMap<>();
    rankings.forEach(
        ranking -> ranking.forEach(ranked -> found.put(ranked.id().toString(), ranked.id())));
    if (found.isEmpty()) {
      return List.of();
    }
    Filter within = new Filter.HasId(List.copyOf(found.values()));
    return rankAll(collection, request, within, limit, examples);
  }

  private static List<Ranked> best(List<Ranked> ranked, int limit, @Nullable Float threshold) {
    return ranked.stream()
        .filter(one -> reaches(one.score(), threshold, false))
        .limit(limit)
        .toList();
  }

  private static @Nullable Filter both(@Nullable Filter one, @Nullable Filter other) {
    return one == null ? other : other == null ? one : new Filter.And(List.of(one, other));
  }

  /** Ranks all points that a filter accepts. */
  private List<Ranked> rankAll(
      Collection collection,
      QueryRequest request,
      @Nullable Filter filter,
      int limit,
      Examples examples) {
    Float threshold = request.threshold();
    return switch (request.query()) {
      case null ->
          collection
              .scroll(filter, null, Math.min(limit, QueryRequest.MAX_LIMIT), false)
              .points()
              .stream()
              .map(point -> new Ranked(point.id(), 0, null))
              .toList();
      case PointQuery.Nearest nearest -> {
        PointQuery.Diversity diversity = nearest.diversity();
        PointVector vector = examples.vector(nearest.example());
        Set<String> others = new LinkedHashSet<>();
        PointId self = examples.own(nearest.example());
        if (self != null) {
          others.add(self.toString());
        }
        int depth = diversity == null ? limit : Math.max(limit, diversity.candidates());
        List<Ranked> found = nearest(collection, request, filter, vector, depth, others, threshold);
        yield diversity == null
            ? found
            : Diversities.choose(collection, request.using(), found, diversity, limit);
      }
      case PointQuery.Recommend recommend ->
          recommend(collection, request, recommend, filter, limit, examples);
      case PointQuery.OrderBy order ->
          collection
              .ordered(filter, order.field(), order.descending(), order.startFrom(), limit)
              .stream()
              .map(QueryEngine::ranked)
              .toList();
      case PointQuery.Words words ->
          pool
              .call(() -> collection.rankByText(words.field(), words.text(), filter, limit))
              .stream()
              .map(point -> new Ranked(point.id(), point.score(), null))
              .filter(one -> reaches(one.score(), threshold, false))
              .toList();
      case PointQuery.Sample _ ->
          collection.sample(filter, limit).stream().map(id -> new Ranked(id, 0, null)).toList();
      case PointQuery.Fusion _ -> throw new IllegalStateException("a fusion has prefetches");
    };
  }

  private static Ranked ranked(OrderedPoint point) {
    return new Ranked(point.id(), 0, point.value());
  }

  private List<Ranked> nearest(
      Collection collection,
      QueryRequest request,
      @Nullable Filter filter,
      PointVector vector,
      int limit,
      Set<String> without,
      @Nullable Float threshold) {
    int k = Math.min(QueryRequest.MAX_LIMIT, limit + without.size());
    VectorSpec spec = collection.settings().vector(request.using());
    List<Ranked> found =
        pool.call(() ->
            spec.kind() == VectorSpec.Kind.DENSE && vector instanceof PointVector.Dense dense
                ? byDistance(collection, request, filter, dense.components(), k)
                : byScore(collection, request, filter, vector, k));
    return found.stream()
        .filter(one -> !without.contains(one.id().toString()))
        .filter(one -> reaches(one.score(), threshold, spec.metric() == Metric.L2))
        .limit(limit)
        .toList();
  }

  private static List<Ranked> byDistance(
      Collection collection, QueryRequest request, @Nullable Filter filter, float[] vector, int k) {
    String using = request.using();
    Metric metric = collection.settings().vector(using).metric();
    SearchAnswer answer =
        collection.search(request.options().request(using, vector, k, filter), false, false);
    return answer.points().stream()
        .map(point -> new Ranked(point.id(), Scores.qdrant(metric, point.distance()), null))
        .toList();
  }

  private static List<Ranked> byScore(
      Collection collection,
      QueryRequest request,
      @Nullable Filter filter,
      PointVector vector,
      int k) {
    return collection
        .rankByVector(
            request.using(), vector, filter, k, request.options().list(), request.options().exact())
        .stream()
        .map(point -> new Ranked(point.id(), point.score(), null))
        .toList();
  }

  private List<Ranked> recommend(
      Collection collection,
      QueryRequest request,
      PointQuery.Recommend recommend,
      @Nullable Filter filter,
      int limit,
      Examples examples) {
    VectorSpec spec = collection.settings().dense(request.using());
    List<float[]> positive = examples.vectors(recommend.positive());
    List<float[]> negative = examples.vectors(recommend.negative());
    Set<String> own = new LinkedHashSet<>();
    for (List<PointQuery.Example> side : List.of(recommend.positive(), recommend.negative())) {
      for (PointQuery.Example example : side) {
        PointId id = examples.own(example);
        if (id != null) {
          own.add(id.toString());
        }
      }
    }
    if (recommend.strategy() == PointQuery.Strategy.AVERAGE_VECTOR) {
      float[] vector = Recommendations.average(positive, negative, spec);
      PointVector query = new PointVector.Dense(vector);
      return nearest(collection, request, filter, query, limit, own, request.threshold());
    }
    // The best by either score are near one of the positive examples.
    int depth = Math.clamp(4L * limit, 100, QueryRequest.MAX_LIMIT - own.size());
    Map<String, PointId> candidates = new LinkedHashMap<>();
    for (float[] vector : positive) {
      nearest(collection, request, filter, new PointVector.Dense(vector), depth, own, null)
          .forEach(ranked -> candidates.put(ranked.id().toString(), ranked.id()));
    }
    List<Point> points =
        collection
            .retrieve(List.copyOf(candidates.values()), VectorSelector.of(List.of(spec.name())))
            .stream()
            .filter(point -> point.dense(spec.name()) != null)
            .toList();
    return best(
        Recommendations.score(points, positive, negative, recommend.strategy(), spec),
        limit,
        request.threshold());
  }

  /** The examples of a stage: its vectors, and ids looked up. */
  private record Examples(Collection collection, QueryRequest request, Lookup lookup) {
    Examples of(QueryRequest stage) {
      return new Examples(collection, stage, lookup);
    }

    /** The id of an example in the collection that is searched, or null. */
    @Nullable PointId own(PointQuery.Example example) {
      return request.lookup() == null && example instanceof PointQuery.Example.Id known
          ? known.id()
          : null;
    }

    List<float[]> vectors(List<PointQuery.Example> all) {
      return all.stream().map(this::dense).toList();
    }

    /** A vector of the kind that is searched. */
    PointVector vector(PointQuery.Example example) {
      return switch (example) {
        case PointQuery.Example.Vector sent -> sent.vector();
        case PointQuery.Example.Id known -> stored(known.id());
      };
    }

    float[] dense(PointQuery.Example example) {
      int dimension = collection.settings().dense(request.using()).dimension();
      if (!(vector(example) instanceof PointVector.Dense dense)) {
        throw CollectionException.invalid(
            collection.settings().vector(request.using()).label()
                + " is dense: an example is a list of components, or an id");
      }
      if (dense.components().length != dimension) {
        throw CollectionException.dimensionMismatch(dimension, dense.components().length);
      }
      return dense.components();
    }

    private PointVector stored(PointId id) {
      QueryRequest.Place place = request.lookup();
      Collection source = place == null ? collection : lookup.get(place.collection());
      String other = place == null ? null : place.vector();
      String name = other == null ? request.using() : other;
      if (place != null && source.settings().find(name) == null) {
        throw CollectionException.invalid(
            "lookup_from: collection " + source.name() + " has no vector \"" + name + '"');
      }
      List<Point> points = source.retrieve(List.of(id), VectorSelector.of(List.of(name)));
      if (points.isEmpty()) {
        throw new CollectionException(
            CollectionException.Kind.NOT_FOUND,
            "point " + id + " is not in collection " + source.name());
      }
      PointVector vector = points.getFirst().named(name);
      if (vector == null) {
        throw new CollectionException(
            CollectionException.Kind.NOT_FOUND,
            "point "
                + id
                + " of collection "
                + source.name()
                + " has not the vector \""
                + name
                + '"');
      }
      return vector;
    }
  }
}
