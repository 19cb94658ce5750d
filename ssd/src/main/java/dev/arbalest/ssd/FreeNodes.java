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
}
