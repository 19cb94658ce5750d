// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.sparse;

import java.util.Arrays;

/** Scores of points by their numbers while one query runs. One thread uses it at a time. */
final class ScoreTable {
  private float[] scores = new float[0];
  private long[] isTouched = new long[0];
  private int[] touched = new int[1024];
  private int count;

  /** Makes room for points, all without a score. */
  void reset(int points) {
    if (points > scores.length) {
      int room = points + points / 4;
      long[] bits = new long[room / 64 + 1];
      scores = new float[room];
      isTouched = bits; // both, or without memory none
    }
    count = 0;
  }

  void add(int point, float score) {
    long bit = 1L << point; // modulo 64
    int word = point >>> 6;
    if ((isTouched[word] & bit) == 0) {
      isTouched[word] |= bit;
      scores[point] = score;
      if (count == touched.length) {
        touched = Arrays.copyOf(touched, 2 * count);
      }
      touched[count++] = point;
    } else {
      scores[point] += score;
    }
  }

  int size() {
    return count;
  }

  /** One of the points with a score. */
  int point(int i) {
    return touched[i];
  }

  float score(int point) {
    return scores[point];
  }

  /** Forgets all scores. */
  void clear() {
    for (int i = 0; i < count; i++) {
      isTouched[touched[i] >>> 6] = 0;
    }
    count = 0;
  }
}
