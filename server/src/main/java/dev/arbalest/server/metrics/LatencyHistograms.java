// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.metrics;

import io.prometheus.metrics.model.registry.Collector;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.Recorder;

/**
 * Latencies by a label, recorded by HdrHistogram (a few tens of nanoseconds, no allocation, no
 * lock) and drained into a Prometheus histogram when that is asked for.
 */
final class LatencyHistograms implements Collector {
  private static final long MAX_NANOS = 600_000_000_000L;
  private static final int DIGITS = 2;
  private static final double[] BOUNDS = {
    0.0001,
    0.0002,
    0.0005,
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    Double.POSITIVE_INFINITY
  };

  private static final long RECENT_NANOS = 5_000_000_000L;

  private final String name;
  private final String help;
  private final String label;
  private final Map<String, Series> all = new ConcurrentHashMap<>();

  LatencyHistograms(String name, String help, String label) {
    this.name = name;
    this.help = help;
    this.label = label;
  }

  /** Counts by bucket of series that were given up, and the sum of what they counted. */
  @SuppressWarnings("ArrayRecordComponent") // added up, never compared
  private record Rest(long[] counts, double seconds, long total) {}

  private final Map<String, Rest> rests = new ConcurrentHashMap<>();

  private static final class Series {
    final Recorder recorder = new Recorder(MAX_NANOS, DIGITS);
    final Histogram total = new Histogram(MAX_NANOS, DIGITS);
    Histogram recent = new Histogram(MAX_NANOS, DIGITS);
    Histogram before = new Histogram(MAX_NANOS, DIGITS);
    long recentSince = System.nanoTime();
    double seconds;

    synchronized Histogram drain() {
      Histogram interval = recorder.getIntervalHistogram();
      total.add(interval);
      seconds +=
          interval.getTotalCount() == 0 ? 0 : interval.getMean() * interval.getTotalCount() / 1e9;
      long now = System.nanoTime();
      if (now - recentSince > 2 * RECENT_NANOS) {
        before.reset(); // nobody looked for long: of when the interval is is not known
        recent.reset();
        recentSince = now;
        return total;
      }
      if (now - recentSince > RECENT_NANOS) {
        Histogram oldest = before;
        before = recent;
        recent = oldest;
        recent.reset();
        recentSince = now;
      }
      recent.add(interval);
      return total;
    }
  }

  void record(String value, long nanos) {
    all.computeIfAbsent(value, _ -> new Series())
        .recorder
        .recordValue(Math.clamp(nanos, 0, MAX_NANOS));
  }

  void forget(String value) {
    all.remove(value);
    rests.remove(value);
  }

  /** Keeps of a series its counts by bucket alone, a hundredth of its memory. */
  void rest(String value) {
    Series series = all.remove(value);
    if (series == null) {
      return;
    }
    synchronized (series) {
      Histogram total = series.drain();
      rests.merge(
          value,
          new Rest(counts(total), series.seconds, total.getTotalCount()),
          LatencyHistograms::add);
    }
  }

  private static Rest add(Rest a, Rest b) {
    long[] counts = a.counts.clone();
    for (int i = 0; i < counts.length; i++) {
      counts[i] += b.counts[i];
    }
    return new Rest(counts, a.seconds + b.seconds, a.total + b.total);
  }

  private static long[] counts(Histogram total) {
    long[] counts = new long[BOUNDS.length];
    long below = 0;
    for (int i = 0; i < BOUNDS.length; i++) {
      long upTo =
          i == BOUNDS.length - 1
              ? total.getTotalCount()
              : total.getCountBetweenValues(0, (long) (BOUNDS[i] * 1e9));
      counts[i] = upTo - below;
      below = Math.max(below, upTo);
    }
    return counts;
  }

  /** Latency in microseconds below which a share of the last seconds' lies, 0 if there are none. */
  double quantileMicros(String value, double share) {
    Series series = all.get(value);
    if (series == null) {
      return 0;
    }
    synchronized (series) {
      Histogram _ = series.drain();
      Histogram both = series.recent.copy();
      both.add(series.before);
      return both.getValueAtPercentile(100 * share) / 1e3;
    }
  }

  /** How many were recorded. */
  long count(String value) {
    Series series = all.get(value);
    Rest rest = rests.get(value);
    return (series == null ? 0 : series.drain().getTotalCount()) + (rest == null ? 0 : rest.total);
  }

  @Override
  public MetricSnapshot collect() {
    HistogramSnapshot.Builder snapshot = HistogramSnapshot.builder().name(name).help(help);
    Map<String, Rest> sums = new HashMap<>(rests);
    all.forEach((value, series) -> {
      synchronized (series) {
        Histogram total = series.drain();
        sums.merge(
            value,
            new Rest(counts(total), series.seconds, total.getTotalCount()),
            LatencyHistograms::add);
      }
    });
    sums.forEach((value, sum) -> {
      Number[] counts = new Number[BOUNDS.length];
      java.util.Arrays.setAll(counts, i -> sum.counts[i]);
      snapshot.dataPoint(
          HistogramSnapshot.HistogramDataPointSnapshot.builder()
              .labels(Labels.of(label, value))
              .classicHistogramBuckets(ClassicHistogramBuckets.of(BOUNDS, counts))
              .sum(sum.seconds)
              .build());
    });
    return snapshot.build();
  }
}
