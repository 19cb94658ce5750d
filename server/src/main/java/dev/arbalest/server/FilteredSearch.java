package dev.arbalest.server;

import dev.arbalest.ssd.Ids;
import dev.arbalest.ssd.Index;
import dev.arbalest.ssd.SearchParameters;
import dev.arbalest.ssd.SearchResult;
import java.io.IOException;
import java.util.List;

/**
 * Searches an index with a filter on attributes. First candidates of the walk are asked about one
 * by one; if too few pass, all points the filter accepts are compared, as long as they are few, and
 * else the walk goes further and further.
 */
final class FilteredSearch {
  /** Up to so many points that a filter accepts are all compared with the query. */
  static final int MOST_AMONG = 4096;

  private static final int LONGEST_LIST = 100_000;

  private FilteredSearch() {}

  /** Finds the nearest points that a request's filter, if it has one, accepts. */
  static void run(AttributeStore store, Index index, SearchRequest request, SearchResult result)
      throws IOException {
    SearchParameters parameters = request.parameters(index);
    Filter filter = request.filter();
    if (filter == null) {
      index.search(request.vector(), parameters, result);
      return;
    }
    searchFiltered(store, index, request, parameters, filter, result);
    if (result.size() >= request.k()) {
      return;
    }
    List<PointId> matching = store.matching(filter, MOST_AMONG + 1);
    if (matching.size() <= MOST_AMONG) {
      Ids ids = PointId.toIds(matching, index.idType());
      index.searchAmong(request.vector(), parameters, ids, result);
      return;
    }
    int list = parameters.searchListSize();
    while (result.size() < request.k() && list < Math.min(LONGEST_LIST, index.count())) {
      list = Math.min(LONGEST_LIST, 4 * list);
      SearchParameters longer =
          new SearchParameters(request.k(), list, list, 0, parameters.confidence());
      searchFiltered(store, index, request, longer, filter, result);
    }
  }

  private static void searchFiltered(
      AttributeStore store,
      Index index,
      SearchRequest request,
      SearchParameters parameters,
      Filter filter,
      SearchResult result)
      throws IOException {
    try (AttributeStore.Test test = store.test(filter)) {
      index.search(request.vector(), parameters, test::accepts, result);
    }
  }
}
