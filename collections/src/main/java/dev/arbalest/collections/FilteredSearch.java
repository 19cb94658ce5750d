// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.Index;
import dev.arbalest.PointSet;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.collections.filter.Filter;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Searches an index, within the points that a filter accepts if there is one. */
final class FilteredSearch {
  private FilteredSearch() {}

  /**
   * Finds the nearest points that a request's filter, if it has one, accepts.
   *
   * @param space of a dense vector; there is no index before the first point
   * @param result takes them
   * @return how the filter was evaluated
   */
  static SearchExplanation run(
      VectorSpace space, CollectionFiles files, SearchRequest request, SearchResult result)
      throws IOException {
    Filter filter = request.filter();
    FilterMatches matches = filter == null ? null : files.matches(filter, space);
    Index index = space.index();
    if (index == null) {
      return matches == null
          ? SearchExplanation.PLAIN
          : new SearchExplanation(
              new SearchExplanation.FilterEvaluation(matches.source(), 0, 0, 0));
    }
    SearchParameters parameters = request.parameters(index);
    if (matches == null) {
      index.search(request.vector(), parameters, result);
      note(files, space, request, parameters, null);
      return SearchExplanation.PLAIN;
    }
    long start = System.nanoTime();
    PointSet set = matches.set();
    long nanos = System.nanoTime() - start;
    index.search(request.vector(), parameters, set, result);
    note(files, space, request, parameters, set);
    double share = set.count() / Math.max(1.0, index.count());
    return new SearchExplanation(
        new SearchExplanation.FilterEvaluation(matches.source(), set.count(), share, nanos));
  }

  /** A search that reads all candidates of a very long list has nothing to miss. */
  private static void note(
      CollectionFiles files,
      VectorSpace space,
      SearchRequest request,
      SearchParameters parameters,
      @Nullable PointSet set) {
    if (!request.exact()) {
      files.searched(space, request.vector(), parameters, set);
    }
  }
}
