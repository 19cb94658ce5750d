// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.Recorder;
import tools.jackson.databind.node.ObjectNode;

/** What the clients of a load count. Thread-safe. */
final class LoadFigures {
  final Recorder searchTimes = new Recorder(2);
  final Recorder writeTimes = new Recorder(2);
  final AtomicLong searchErrors = new AtomicLong();
  final AtomicLong writeErrors = new AtomicLong();
  final AtomicLong backpressure = new AtomicLong();
  final AtomicLong putByFlight = new AtomicLong();
  private volatile boolean stopped;
  private volatile boolean killed;
  private volatile String firstError = "";

  /** Whether the clients are to stop. */
  boolean isStopped() {
    return stopped;
  }

  /** Stops the clients. */
  void stop() {
    stopped = true;
  }

  /** Stops the clients, whose calls fail from now on as the server is killed. */
  void stopForKill() {
    killed = true;
    stopped = true;
  }

  String firstError() {
    return firstError;
  }

  /** Counts an error, unless it comes from killing the server. */
  void failed(AtomicLong errors, Exception e) {
    if (!killed) {
      errors.incrementAndGet();
      firstError = firstError.isEmpty() ? e.toString() : firstError;
    }
  }

  /** Figures of a recorder in microseconds, since the last call. */
  static ObjectNode times(Recorder recorder) {
    Histogram histogram = recorder.getIntervalHistogram();
    ObjectNode node = HttpLoad.JSON.createObjectNode();
    node.put("count", histogram.getTotalCount());
    node.put("p50", histogram.getValueAtPercentile(50) / 1e3);
    node.put("p99", histogram.getValueAtPercentile(99) / 1e3);
    node.put("max", histogram.getMaxValue() / 1e3);
    return node;
  }
}
