// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The outcome of a build.
 *
 * @param info the index it committed
 * @param seconds wall time
 * @param stageSeconds wall time of each stage, in order
 */
public record BuildReport(IndexInfo info, double seconds, Map<String, Double> stageSeconds) {
  /** Copies the map, keeping its order. */
  public BuildReport {
    stageSeconds = Collections.unmodifiableMap(new LinkedHashMap<>(stageSeconds));
  }
}
