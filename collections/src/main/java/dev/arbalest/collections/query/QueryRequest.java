// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A ranking of points, or a stage of one.
 *
 * @param using name of the vector that is searched, empty for the one without a name
 * @param query what ranks them, or null: in the order of their ids, or as the only prefetch has
 *     them
 * @param prefetch stages whose points are ranked; without any, all points are
 * @param filter which points may be found, also by the prefetches, or null
 * @param threshold least score (largest, if the score is a distance), or null
 * @param limit points wanted
 * @param offset points passed over before them; 0 for a prefetch
 * @param lookup where ids of examples are looked up, or null for this collection
 */
public record QueryRequest(
    String using,
    @Nullable PointQuery query,
    List<QueryRequest> prefetch,
    @Nullable Filter filter,
    SearchOptions options,
    @Nullable Float threshold,
    int limit,
    int offset,
    @Nullable Place lookup) {
  /**
   * A vector of the points of a collection.
   *
   * @param collection its name
   * @param vector name of the vector, or null for the one that is searched
   */
  public record Place(String collection, @Nullable String vector) {}

  /** Most points a query can find. */
  public static final int MAX_LIMIT = 10_000;

  /** Most stages in one another. */
  public static final int MAX_DEPTH = 8;

  public QueryRequest {
    if (limit < 1 || limit > MAX_LIMIT || offset < 0 || offset > MAX_LIMIT) {
      throw CollectionException.invalid(
          "limit must be in [1, "
              + MAX_LIMIT
              + "] and offset in [0, "
              + MAX_LIMIT
              + "], found "
              + limit
              + " and "
              + offset);
    }
    if (query instanceof PointQuery.Fusion && prefetch.isEmpty()) {
      throw CollectionException.invalid("a fusion needs prefetches, whose rankings it makes one");
    }
    if (query instanceof PointQuery.Words && lookup != null) {
      throw CollectionException.invalid("lookup_from is for ids of examples, and BM25 takes words");
    }
    if (query == null && !prefetch.isEmpty()) {
      throw CollectionException.invalid("prefetch needs a query that ranks the points it finds");
    }
  }

  /** A query with defaults. */
  public static QueryRequest by(PointQuery query, @Nullable Filter filter, int limit) {
    return by("", query, filter, limit);
  }

  /** The same by a vector of some name. */
  public static QueryRequest by(
      String using, PointQuery query, @Nullable Filter filter, int limit) {
    return new QueryRequest(
        using, query, List.of(), filter, SearchOptions.DEFAULTS, null, limit, 0, null);
  }

  /** The same with another number of points, from the first on. */
  QueryRequest withLimit(int newLimit) {
    return new QueryRequest(
        using, query, prefetch, filter, options, threshold, newLimit, 0, lookup);
  }

  /** The same within another filter. */
  QueryRequest within(@Nullable Filter newFilter) {
    return new QueryRequest(
        using, query, prefetch, newFilter, options, threshold, limit, offset, lookup);
  }

  /** Stages in one another, itself included. */
  private int depth() {
    return 1 + prefetch.stream().mapToInt(QueryRequest::depth).max().orElse(0);
  }

  /** Points that all stages look for together. */
  public long work() {
    return (long) limit + offset + prefetch.stream().mapToLong(QueryRequest::work).sum();
  }

  /** Refuses what would take too much. */
  public QueryRequest checked() {
    if (depth() > MAX_DEPTH) {
      throw CollectionException.invalid("prefetches are at most " + MAX_DEPTH + " deep");
    }
    if (work() > 10L * MAX_LIMIT) {
      throw CollectionException.invalid(
          "a query asks for at most " + 10 * MAX_LIMIT + " points in all its stages");
    }
    return this;
  }
}
