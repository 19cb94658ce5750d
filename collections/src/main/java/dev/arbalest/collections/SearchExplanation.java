// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.SearchResult;
import dev.arbalest.collections.model.JsonBody;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/**
 * How a search came to its answer, for clients that ask.
 *
 * @param filter how its filter was evaluated, or null without one
 */
public record SearchExplanation(@Nullable FilterEvaluation filter) {
  /** No filter. */
  static final SearchExplanation PLAIN = new SearchExplanation(null);

  /**
   * How a filter was evaluated.
   *
   * @param source what did it: {@code columns}, {@code database}, or both
   * @param points that it accepts
   * @param share of all points
   * @param nanos that it took
   */
  public record FilterEvaluation(String source, int points, double share, long nanos) {}

  /** The explanation of a search with these figures. */
  public ObjectNode json(SearchResult result) {
    ObjectNode json =
        JsonBody.JSON
            .createObjectNode()
            .put("plan", result.plan().name().toLowerCase(Locale.ROOT))
            .put("expected_us", Math.round(result.expectedNanos() / 1000))
            .put("list", result.list())
            .put("expected_misses", result.expectedMisses())
            .put("hops", result.hops())
            .put("looked_through", result.lookedThrough())
            .put("scored", result.scored())
            .put("reads", result.reads())
            .put("read_bytes", result.readBytes())
            .put("wasted_reads", result.wastedReads())
            .put("cache_hits", result.cacheHits())
            .put("prepare_us", result.prepareNanos() / 1000)
            .put("walk_us", result.walkNanos() / 1000)
            .put("wait_us", result.waitNanos() / 1000)
            .put("rerank_us", result.rerankNanos() / 1000);
    FilterEvaluation evaluated = filter;
    if (evaluated != null) {
      json.putObject("filter")
          .put("source", evaluated.source())
          .put("points", evaluated.points())
          .put("share", evaluated.share())
          .put("us", evaluated.nanos() / 1000);
    }
    return json;
  }
}
