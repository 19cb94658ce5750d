// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.sparse;

import java.util.Arrays;

/** The points that have a term, in the order they came, and the weight of the term in each. */
final class Postings {
  /** Bytes of memory of an empty list, arrays and place in a table included. */
  static final int EMPTY_BYTES = 120;

  /** Bytes of memory of an entry; a quarter of the room is empty. */
  static final int ENTRY_BYTES = 10;

  private int[] points = new int[4];
  private float[] weights = new float[4];
  private int count;
  private int live;

  /** Adds a point that is numbered higher than all there are. */
  void add(int point, float weight) {
    if (count == points.length) {
      int room = Math.addExact(count, Math.max(4, count / 2));
      points = Arrays.copyOf(points, room);
      weights = Arrays.copyOf(weights, room);
    }
    points[count] = point;
    weights[count++] = weight;
    live++;
  }

  /** Notes that one of the points is dead. */
  void died() {
    live--;
  }

  /** Points that live. */
  int live() {
    return live;
  }

  /** Renumbers the points and drops the dead. */
  void renumber(int[] numbers) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
      int number = numbers[points[i]];
      if (number >= 0) {
        points[kept] = number;
        weights[kept++] = weights[i];
      }
    }
    count = kept;
    live = kept;
    if (points.length > 2 * Math.max(4, kept)) {
      points = Arrays.copyOf(points, Math.max(4, kept));
      weights = Arrays.copyOf(weights, Math.max(4, kept));
    }
  }

  /** Adds the products of the weights with that of the term in a query to scores. */
  void score(float queryWeight, ScoreTable scores) {
    int[] numbers = points;
    float[] values = weights;
    for (int i = 0; i < count; i++) {
      scores.add(numbers[i], queryWeight * values[i]);
    }
  }
}
