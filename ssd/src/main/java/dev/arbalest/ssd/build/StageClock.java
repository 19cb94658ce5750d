// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.ProgressListener;
import java.util.LinkedHashMap;
import java.util.Map;

/** Announces the stages of a job and takes their time. Not thread-safe. */
final class StageClock {
  private final ProgressListener listener;
  private final Map<String, Double> seconds = new LinkedHashMap<>();
  private String stage = "";
  private long start;
  private BuildPhaseEvent event = new BuildPhaseEvent();

  StageClock(ProgressListener listener) {
    this.listener = listener;
  }

  /** Ends the present stage and begins another. */
  void begin(String name, long total) {
    Map<String, Double> _ = end();
    stage = name;
    start = System.nanoTime();
    event = new BuildPhaseEvent();
    event.begin();
    event.stage = name;
    event.total = total;
    listener.stage(name, total);
  }

  /** Ends the present stage; the seconds of all in order. */
  Map<String, Double> end() {
    if (!stage.isEmpty()) {
      event.commit();
      seconds.merge(stage, (System.nanoTime() - start) / 1e9, Double::sum);
      stage = "";
    }
    return seconds;
  }
}
