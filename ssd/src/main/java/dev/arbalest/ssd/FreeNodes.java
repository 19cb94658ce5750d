package dev.arbalest.ssd;

/** Nodes that may be used again, last freed first. One thread at a time. */
final class FreeNodes {
  private int[] nodes = new int[64];
  private int size;

  int size() {
    return size;
  }

  void add(int node) {
    if (size == nodes.length) {
      nodes = java.util.Arrays.copyOf(nodes, 2 * size);
    }
    nodes[size++] = node;
  }

  int take() {
    return nodes[--size];
  }

  /** Has the lowest taken next, so that the highest become superfluous. */
  void lowestNext() {
    java.util.Arrays.sort(nodes, 0, size);
    for (int i = 0; i < size / 2; i++) {
      int node = nodes[i];
      nodes[i] = nodes[size - 1 - i];
      nodes[size - 1 - i] = node;
    }
  }

  /** Gives up the nodes at the end of {@code count}; returns how many are left, at least 1. */
  int trim(int count) {
    lowestNext();
    int left = count;
    for (int i = 0; i < size && left > 1 && nodes[i] == left - 1; i++) {
      left--;
    }
    drop(left);
    return left;
  }

  /** The node taken next. */
  int next() {
    return nodes[size - 1];
  }

  private void drop(int first) {
    int kept = 0;
    for (int i = 0; i < size; i++) {
      if (nodes[i] < first) {
        nodes[kept++] = nodes[i];
      }
    }
    size = kept;
  }
}
