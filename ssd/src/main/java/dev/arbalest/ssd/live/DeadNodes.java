// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

/**
 * Nodes whose vectors were deleted, oldest first, each with the end of the unlinked rows at that
 * time. A node may leave the graph only when the graph has taken in all rows up to that end. One
 * thread at a time.
 */
final class DeadNodes {
  private int[] nodes = new int[64];
  private int[] ends = new int[64];
  private int first;
  private int size;
  private long added;

  int size() {
    return size;
  }

  /** How many have ever been added. */
  long added() {
    return added;
  }

  /** Makes room for some more, so that adding them cannot fail. */
  void reserve(int more) {
    int wanted = Math.addExact(size, more);
    int present = nodes.length;
    if (wanted <= present) {
      return;
    }
    int newSize = (int) Math.min(Integer.MAX_VALUE - 8, Math.max(2L * present, wanted));
    int[] newNodes = new int[newSize];
    int[] newEnds = new int[newSize];
    for (int i = 0; i < size; i++) {
      newNodes[i] = nodes[(first + i) % present];
      newEnds[i] = ends[(first + i) % present];
    }
    nodes = newNodes;
    ends = newEnds;
    first = 0;
  }

  void add(int node, int unlinkedEnd) {
    reserve(1);
    added++;
    int place = (first + size++) % nodes.length;
    nodes[place] = node;
    ends[place] = unlinkedEnd;
  }

  /** Number of nodes that may leave the graph once all rows before a position are linked. */
  int ready(int unlinkedStart) {
    int low = 0;
    int high = size;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (unlinkedStart - ends[(first + middle) % nodes.length] >= 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Takes the first few. */
  int[] take(int count) {
    int[] taken = new int[count];
    for (int i = 0; i < count; i++) {
      taken[i] = nodes[(first + i) % nodes.length];
    }
    first = (first + count) % nodes.length;
    size -= count;
    return taken;
  }
}
