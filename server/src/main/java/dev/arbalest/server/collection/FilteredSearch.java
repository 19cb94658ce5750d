// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.collection;

import dev.arbalest.Index;
import dev.arbalest.SearchResult;
import dev.arbalest.server.attributes.Filter;
import java.io.IOException;

/** Searches an index, within the points that a filter accepts if there is one. */
final class FilteredSearch {
  private FilteredSearch() {}

  /** Finds the nearest points that a request's filter, if it has one, accepts. */
  static SearchResult run(Index index, FilterSets sets, SearchRequest request) throws IOException {
    SearchResult result = new SearchResult();
    Filter filter = request.filter();
    if (filter == null) {
      index.search(request.vector(), request.parameters(index), result);
    } else {
      index.search(request.vector(), request.parameters(index), sets.of(filter), result);
    }
    return result;
  }
}
