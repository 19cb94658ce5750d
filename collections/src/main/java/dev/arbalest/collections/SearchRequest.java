// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.Index;
import dev.arbalest.SearchParameters;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A search as either protocol asks for it. Options that are 0 are not given.
 *
 * @param using name of the dense vector that is searched, empty for the one without a name
 * @param vector query, of that vector's dimension
 * @param k neighbours wanted
 * @param filter which points may be found, or null
 * @param list L
 * @param rerank most candidates read
 * @param recall wanted, as it was measured when the index was built or tuned
 * @param prefixDimension components read first
 * @param exact whether to read all candidates of the longest list
 */
@SuppressWarnings("ArrayRecordComponent") // never compared as a whole
public record SearchRequest(
    String using,
    float[] vector,
    int k,
    @Nullable Filter filter,
    int list,
    int rerank,
    double recall,
    int prefixDimension,
    boolean exact) {
  private static final int MAX_K = 10_000;
  private static final int LONGEST_LIST = 100_000;

  public SearchRequest {
    java.util.Objects.requireNonNull(vector, "vector");
    if (k < 1) {
      throw CollectionException.invalid("k must be at least 1");
    }
    if (k > MAX_K) {
      throw CollectionException.invalid("k must be at most " + MAX_K + ", found " + k);
    }
  }

  /** A search with defaults. */
  public static SearchRequest of(float[] vector, int k) {
    return new SearchRequest("", vector, k, null, 0, 0, 0, 0, false);
  }

  /** The same of another vector of the points. */
  public SearchRequest withUsing(String newUsing) {
    return new SearchRequest(
        newUsing, vector, k, filter, list, rerank, recall, prefixDimension, exact);
  }

  /** The same among the points that a filter accepts. */
  public SearchRequest withFilter(@Nullable Filter newFilter) {
    return new SearchRequest(
        using, vector, k, newFilter, list, rerank, recall, prefixDimension, exact);
  }

  /** The same for another query. */
  public SearchRequest withVector(float[] newVector) {
    return new SearchRequest(
        using, newVector, k, filter, list, rerank, recall, prefixDimension, exact);
  }

  /** Parameters of the engine. */
  SearchParameters parameters(Index index) throws IOException {
    try {
      if (exact) {
        return SearchParameters.forK(k).withList(LONGEST_LIST).withConfidence(1);
      }
      SearchParameters parameters =
          recall > 0 ? index.parametersFor(k, recall) : SearchParameters.forK(k);
      if (list > 0 || rerank > 0) {
        int reads = rerank > 0 ? Math.max(k, rerank) : Math.max(k, list);
        int longest = Math.max(list > 0 ? list : parameters.searchListSize(), reads);
        double confidence = rerank > 0 ? 1 : parameters.confidence();
        parameters =
            SearchParameters.forK(k).withList(longest).withRerank(reads).withConfidence(confidence);
      }
      return prefixDimension > 0 ? parameters.withPrefixDimension(prefixDimension) : parameters;
    } catch (IllegalArgumentException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID, String.valueOf(e.getMessage()), 0, e);
    }
  }
}
