// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalDouble;

/** The latest checks of one kind of query: those of some minutes, or some more if these are few. */
final class RecallWindow {
  private static final int CAPACITY = 1024;
  private static final long WINDOW_NANOS = 300_000_000_000L;

  /** Checks that are kept however old they are. */
  private static final int MIN_KEPT = 30;

  private final long[] times = new long[CAPACITY];
  private final double[] recalls = new double[CAPACITY];
  private final int[] neighbors = new int[CAPACITY];
  private final double[] distances = new double[CAPACITY];
  private long added;

  /**
   * Adds a check.
   *
   * @param now in nanoseconds, as everywhere here
   * @param recall of one search
   * @param wanted neighbours it could find, at least 1
   * @param distance how far its neighbours are
   */
  synchronized void add(long now, double recall, int wanted, double distance) {
    int at = (int) (added % CAPACITY);
    times[at] = now;
    recalls[at] = recall;
    neighbors[at] = wanted;
    distances[at] = distance;
    added++;
  }

  /** Latest checks to look at; the caller holds the lock. */
  private int size(long now) {
    int present = (int) Math.min(added, CAPACITY);
    int size = Math.min(present, MIN_KEPT);
    while (size < present && now - times[place(size)] <= WINDOW_NANOS) {
      size++;
    }
    return size;
  }

  /** Where the check is that so many came after. */
  private int place(int later) {
    return (int) ((added - 1 - later) % CAPACITY);
  }

  /** The mean recall, empty before the first check. */
  synchronized Optional<RecallCurve.Estimate> estimate(long now) {
    int size = size(now);
    if (size == 0) {
      return Optional.empty();
    }
    double sum = 0;
    double squares = 0;
    long counted = 0;
    for (int i = 0; i < size; i++) {
      double recall = recalls[place(i)];
      sum += recall;
      squares += recall * recall;
      counted += neighbors[place(i)];
    }
    double mean = sum / size;
    double variance = Math.max(0, squares / size - mean * mean) * size / Math.max(1, size - 1);
    double error = Math.max(Math.sqrt(variance / size), countingError(mean, counted));
    return Optional.of(new RecallCurve.Estimate(mean, error, size));
  }

  /**
   * Standard error of a share that was counted, with two more hits and misses than there were
   * (Agresti and Coull, 1998): a sample without a miss does not say that there are none.
   */
  private static double countingError(double recall, long neighbors) {
    double missed = ((1 - recall) * neighbors + 2) / (neighbors + 4);
    return Math.sqrt(missed * (1 - missed) / (neighbors + 4));
  }

  /** The median distance, empty before there are enough checks to tell. */
  synchronized OptionalDouble medianDistance(long now) {
    int size = size(now);
    if (size < MIN_KEPT) {
      return OptionalDouble.empty();
    }
    double[] sorted = new double[size];
    for (int i = 0; i < size; i++) {
      sorted[i] = distances[place(i)];
    }
    Arrays.sort(sorted);
    return OptionalDouble.of(sorted[size / 2]);
  }
}
