// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.SearchRequest;
import dev.arbalest.collections.filter.Filter;
import org.jspecify.annotations.Nullable;

/**
 * How thoroughly to search. Options that are 0 are not given.
 *
 * @param list L
 * @param rerank most candidates read
 * @param recall wanted
 * @param prefixDimension components read first
 * @param exact whether to read all candidates of the longest list
 */
public record SearchOptions(
    int list, int rerank, double recall, int prefixDimension, boolean exact) {
  public static final SearchOptions DEFAULTS = new SearchOptions(0, 0, 0, 0, false);

  /**
   * A search with these options.
   *
   * @param using name of the vector
   */
  public SearchRequest request(String using, float[] vector, int k, @Nullable Filter filter) {
    return new SearchRequest(
        using, vector, k, filter, list, rerank, recall, prefixDimension, exact);
  }
}
