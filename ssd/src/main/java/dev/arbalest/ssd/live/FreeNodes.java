// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import java.util.Arrays;

/**
 * Nodes that may be used again, lowest first, so that the highest become superfluous: a heap. One
 * thread at a time.
 */
final class FreeNodes {
  private int[] nodes = new int[64];
  private int size;

  int size() {
    return size;
  }

  /** Makes room for some more, so that adding them cannot fail. */
  void reserve(int more) {
    int wanted = Math.addExact(size, more);
    if (wanted > nodes.length) {
      long doubled = 2L * nodes.length;
      nodes =
          Arrays.copyOf(nodes, (int) Math.min(Integer.MAX_VALUE - 8, Math.max(doubled, wanted)));
    }
  }

  void add(int node) {
    reserve(1);
    int place = size++;
    while (place > 0 && nodes[(place - 1) / 2] > node) {
      nodes[place] = nodes[(place - 1) / 2];
      place = (place - 1) / 2;
    }
    nodes[place] = node;
  }

  /** Takes the lowest. */
  int take() {
    int lowest = nodes[0];
    int last = nodes[--size];
    int place = 0;
    for (int child = 1; child < size; child = 2 * place + 1) {
      int lower = child + 1 < size && nodes[child + 1] < nodes[child] ? child + 1 : child;
      if (nodes[lower] >= last) {
        break;
      }
      nodes[place] = nodes[lower];
      place = lower;
    }
    nodes[place] = last;
    return lowest;
  }

  /** The node taken next. */
  int next() {
    return nodes[0];
  }

  /** Gives up the nodes at the end of {@code count}; returns how many are left, at least 1. */
  int trim(int count) {
    Arrays.sort(nodes, 0, size); // which is a heap, too
    int left = count;
    while (left > 1 && size > 0 && nodes[size - 1] == left - 1) {
      left--;
      size--;
    }
    return left;
  }
}
