// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import java.util.function.IntPredicate;

/**
 * The best nodes a search has found, nearest first, at most {@code capacity} of them: the search
 * list L. Equal distances are ordered by node, so the list does not depend on the order of arrival.
 * Not thread-safe; nothing allocates after construction.
 */
public final class CandidateList {
  /** Distance as an order-preserving int in the high half, node in the low half. */
  private long[] keys;

  private boolean[] expanded;
  private int capacity;
  private int size;
  private int firstUnexpanded;

  /** Makes a list for up to {@code capacity} candidates, at least 1. */
  public CandidateList(int capacity) {
    keys = new long[capacity + 1];
    expanded = new boolean[capacity + 1];
    this.capacity = capacity;
  }

  /** Empties the list and sets how many candidates it keeps. */
  public void reset(int newCapacity) {
    if (newCapacity < 1) {
      throw new IllegalArgumentException("search list must be at least 1: " + newCapacity);
    }
    if (keys.length <= newCapacity) {
      keys = new long[newCapacity + 1];
      expanded = new boolean[newCapacity + 1];
    }
    capacity = newCapacity;
    size = 0;
    firstUnexpanded = 0;
  }

  /** Number of candidates held. */
  public int size() {
    return size;
  }

  /** Node at {@code rank}, 0 being the nearest. */
  public int node(int rank) {
    return (int) keys[rank];
  }

  /** Distance of the node at {@code rank}. */
  public float distance(int rank) {
    return toFloat((int) (keys[rank] >> 32));
  }

  /** Distance a candidate must be below (or equal with a lower node) to enter; +inf if not full. */
  public float threshold() {
    return size < capacity ? Float.POSITIVE_INFINITY : distance(size - 1);
  }

  /** Offers a candidate the list does not hold; returns whether it entered. */
  public boolean offer(int node, float distance) {
    long key = key(node, distance);
    if (size == capacity && key >= keys[size - 1]) {
      return false;
    }
    int low = 0;
    int high = size;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (keys[middle] < key) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    System.arraycopy(keys, low, keys, low + 1, size - low);
    System.arraycopy(expanded, low, expanded, low + 1, size - low);
    keys[low] = key;
    expanded[low] = false;
    if (size < capacity) {
      size++;
    }
    firstUnexpanded = Math.min(firstUnexpanded, low);
    return true;
  }

  /** Leaves out the candidates a condition does not hold for, at the end of a search. */
  public void retainIf(IntPredicate condition) {
    int kept = 0;
    for (int rank = 0; rank < size; rank++) {
      if (condition.test(node(rank))) {
        expanded[kept] = expanded[rank];
        keys[kept++] = keys[rank];
      }
    }
    size = kept;
    firstUnexpanded = Math.min(firstUnexpanded, size);
  }

  /** Marks the nearest candidate not yet expanded and returns its node, or -1 if there is none. */
  int expandNearest() {
    while (firstUnexpanded < size) {
      if (!expanded[firstUnexpanded]) {
        expanded[firstUnexpanded] = true;
        return node(firstUnexpanded);
      }
      firstUnexpanded++;
    }
    return -1;
  }

  /** Leading candidates that are all expanded. */
  int settled() {
    return firstUnexpanded;
  }

  /** A key that orders by distance, then node. */
  static long key(int node, float distance) {
    return ((long) toSortable(distance) << 32) | node;
  }

  static float distance(long key) {
    return toFloat((int) (key >> 32));
  }

  private static int toSortable(float distance) {
    int bits = Float.floatToIntBits(distance + 0f); // + 0f: -0 and 0 are one distance
    return bits ^ ((bits >> 31) & 0x7fffffff);
  }

  private static float toFloat(int sortable) {
    return Float.intBitsToFloat(sortable ^ ((sortable >> 31) & 0x7fffffff));
  }
}
