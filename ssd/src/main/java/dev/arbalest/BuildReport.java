// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The outcome of a build.
 *
 * @param info the index it committed
 * @param seconds wall time
 * @param stageSeconds wall time of each stage, in order
 * @param recall measured after the build; empty for fewer than 1,000 vectors, which searches
 *     compare whole
 */
public record BuildReport(
    IndexInfo info,
    double seconds,
    Map<String, Double> stageSeconds,
    Optional<RecallCurve> recall) {
  /** Copies the map, keeping its order. */
  public BuildReport {
    stageSeconds = Collections.unmodifiableMap(new LinkedHashMap<>(stageSeconds));
  }
}
