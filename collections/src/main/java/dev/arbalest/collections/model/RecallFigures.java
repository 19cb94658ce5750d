// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import dev.arbalest.RecallCurve;
import dev.arbalest.RecallMonitor;
import java.util.EnumMap;
import java.util.Map;
import java.util.OptionalDouble;
import tools.jackson.databind.node.ObjectNode;

/**
 * The recall of a collection as it is watched.
 *
 * @param estimates of each kind of search that was checked
 * @param distanceRatio as {@link RecallMonitor#distanceRatio} tells it
 */
public record RecallFigures(
    Map<RecallMonitor.Kind, RecallCurve.Estimate> estimates, OptionalDouble distanceRatio) {
  /** Nothing was checked. */
  public static final RecallFigures NONE = new RecallFigures(Map.of(), OptionalDouble.empty());

  /** Copies the estimates. */
  public RecallFigures {
    estimates = Map.copyOf(estimates);
  }

  /** What a monitor has seen. */
  public static RecallFigures of(RecallMonitor monitor) {
    Map<RecallMonitor.Kind, RecallCurve.Estimate> estimates =
        new EnumMap<>(RecallMonitor.Kind.class);
    for (RecallMonitor.Kind kind : RecallMonitor.Kind.values()) {
      monitor.estimate(kind).ifPresent(estimate -> estimates.put(kind, estimate));
    }
    return new RecallFigures(estimates, monitor.distanceRatio());
  }

  /** Writes the figures, as far as there are any, as member {@code recall} of an object. */
  public void put(ObjectNode object) {
    ObjectNode recall = object.putObject("recall");
    for (RecallMonitor.Kind kind : RecallMonitor.Kind.values()) {
      RecallCurve.Estimate estimate = estimates.get(kind);
      if (estimate != null) {
        recall
            .putObject(kind.label())
            .put("estimate", estimate.recall())
            .put("standard_error", estimate.standardError())
            .put("samples", estimate.samples());
      }
    }
    distanceRatio.ifPresent(ratio -> recall.put("query_distance_ratio", ratio));
  }
}
