// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import java.util.Arrays;

/** The nodes that {@link GraphUpdater#unlink} takes out of a graph; written by one thread. */
final class LeavingNodes {
  private long[] bits = new long[0];

  /** Marks {@code nodes[from, from + count)} of a graph of some size. */
  void add(int[] nodes, int from, int count, int nodeCount) {
    int words = (nodeCount + 63) / 64;
    if (bits.length < words) {
      bits = Arrays.copyOf(bits, words + words / 4);
    }
    for (int i = from; i < from + count; i++) {
      bits[nodes[i] >> 6] |= 1L << nodes[i];
    }
  }

  /** Takes back the marks of {@code nodes[from, from + count)}. */
  void remove(int[] nodes, int from, int count) {
    for (int i = from; i < from + count; i++) {
      bits[nodes[i] >> 6] &= ~(1L << nodes[i]);
    }
  }

  /** Whether a node leaves; nodes that were added to the graph since the marks do not. */
  boolean contains(int node) {
    int word = node >> 6;
    return word < bits.length && (bits[word] >>> node & 1) != 0;
  }

  /** Whether a node is alive and does not leave. */
  boolean stays(int node, NodeDistances distances) {
    return !contains(node) && distances.isLive(node);
  }
}
