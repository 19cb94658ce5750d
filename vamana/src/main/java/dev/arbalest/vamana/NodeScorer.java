package dev.arbalest.vamana;

/** Distances of a fixed query to nodes, a batch at a time. */
@FunctionalInterface
public interface NodeScorer {
  /** Sets {@code distances[i]} to the distance of {@code nodes[i]}, for {@code i} in [0, count). */
  void score(int[] nodes, int count, float[] distances);
}
