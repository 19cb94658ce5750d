// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.SearchResult;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a search found.
 *
 * @param points nearest first
 * @param result the engine's figures
 * @param how the filter was evaluated
 */
public record SearchAnswer(List<Point> points, SearchResult result, SearchExplanation how) {
  /** How the search came to its answer. */
  public ObjectNode explanation() {
    return how.json(result);
  }
}
