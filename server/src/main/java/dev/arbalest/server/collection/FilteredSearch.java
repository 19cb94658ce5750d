// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.collection;

import dev.arbalest.Index;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.server.attributes.AttributeStore;
import dev.arbalest.server.attributes.Filter;
import dev.arbalest.server.attributes.FilterEvaluator;
import dev.arbalest.server.model.PointId;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Searches an index with a filter on attributes. First candidates of the walk are asked about one
 * by one; if too few pass, all points the filter accepts are compared, as long as they are few;
 * else the walk goes further and further, and if that is not enough many are compared.
 */
public final class FilteredSearch {
  /** If a filter accepts no more points than this, all of them are compared with the query. */
  public static final int MAX_AMONG = 4096;

  /** The same limit when even the longest walk finds too few. */
  private static final int MAX_SCANNED = 500_000;

  private static final int LONGEST_LIST = 100_000;

  private FilteredSearch() {}

  /** Finds the nearest points that a request's filter, if it has one, accepts. */
  static SearchResult run(AttributeStore store, Index index, SearchRequest request)
      throws IOException {
    SearchResult result = new SearchResult();
    SearchParameters parameters = request.parameters(index);
    Filter filter = request.filter();
    if (filter == null) {
      index.search(request.vector(), parameters, result);
      return result;
    }
    search(store, index, request, parameters, filter, result);
    if (result.accepted() >= request.k()) {
      return result;
    }
    List<PointId> matching = store.matching(filter, MAX_AMONG + 1);
    if (matching.size() <= MAX_AMONG) {
      return among(index, request, parameters, matching, result);
    }
    int list = parameters.searchListSize();
    while (result.accepted() < request.k() && list < Math.min(LONGEST_LIST, index.count())) {
      list = Math.min(LONGEST_LIST, 4 * list);
      SearchParameters longer =
          SearchParameters.forK(request.k()).withList(list).withConfidence(parameters.confidence());
      SearchResult next = new SearchResult();
      search(store, index, request, longer, filter, next);
      next.addCosts(result);
      result = next;
    }
    if (result.accepted() < request.k()) { // those accepted are far from where the walk goes
      List<PointId> points = new ArrayList<>(store.matching(filter, MAX_SCANNED));
      for (int rank = 0; rank < result.size(); rank++) { // if there are more than that
        points.add(PointId.of(result, rank, index.idType()));
      }
      return among(index, request, parameters, points, result);
    }
    return result;
  }

  /** Compares points with the query; what was searched before is part of what it costs. */
  private static SearchResult among(
      Index index,
      SearchRequest request,
      SearchParameters parameters,
      List<PointId> points,
      SearchResult before)
      throws IOException {
    SearchResult result = new SearchResult();
    index.searchAmong(request.vector(), parameters, PointId.toIds(points, index.idType()), result);
    result.addCosts(before);
    return result;
  }

  private static void search(
      AttributeStore store,
      Index index,
      SearchRequest request,
      SearchParameters parameters,
      Filter filter,
      SearchResult result)
      throws IOException {
    try (FilterEvaluator test = store.evaluator(filter)) {
      index.search(request.vector(), parameters, test::accepts, result);
    }
  }
}
