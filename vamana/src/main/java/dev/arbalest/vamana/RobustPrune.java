// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import java.util.function.IntConsumer;

/**
 * RobustPrune of the DiskANN paper (Subramanya et al., NeurIPS 2019): picks up to R diverse
 * neighbours. Candidates are taken nearest first; one is left out when a neighbour already picked
 * is closer to it by more than the factor alpha. A first round with alpha 1 picks the essential
 * edges, a second with the full alpha fills the remaining places with long ones.
 *
 * <p>Distances are squared, and alpha applies to them as they are. Not thread-safe; allocates only
 * when given more candidates than ever before.
 */
final class RobustPrune {
  private static final int MAX_INSERTED = 256;

  private final PairDistances distances;
  private final float alpha;
  private final int[] picked;
  private long[] keys = new long[0];
  private int[] nodes = new int[0];
  private float[] toNode = new float[0];
  private float[] occlusion = new float[0];
  private int[] alive = new int[0];
  private int[] aliveNodes = new int[0];
  private float[] fromPicked = new float[0];
  private int count;
  private int distinctCount;
  private int pickedCount;

  RobustPrune(PairDistances distances, int degree, float alpha) {
    this.distances = distances;
    this.alpha = alpha;
    this.picked = new int[degree];
  }

  /** Forgets the candidates. */
  void begin() {
    count = 0;
  }

  /** Adds a candidate by its sort key; the same node may be added twice. */
  void add(int node, float distance) {
    if (count == keys.length) {
      int capacity = Math.max(256, 2 * count);
      keys = java.util.Arrays.copyOf(keys, capacity);
      nodes = new int[capacity];
      toNode = new float[capacity];
      occlusion = new float[capacity];
      alive = new int[capacity];
      aliveNodes = new int[capacity];
      fromPicked = new float[capacity];
    }
    keys[count++] = CandidateList.key(node, distance);
  }

  /** The neighbours picked by {@link #prune}, {@link #pickedCount} of them. */
  int[] picked() {
    return picked;
  }

  int pickedCount() {
    return pickedCount;
  }

  /** Calls an action with each candidate {@link #prune} did not pick. */
  void forEachDropped(IntConsumer action) {
    for (int i = 0; i < distinctCount; i++) {
      boolean isPicked = false;
      for (int j = 0; j < pickedCount && !isPicked; j++) {
        isPicked = picked[j] == nodes[i];
      }
      if (!isPicked) {
        action.accept(nodes[i]);
      }
    }
  }

  /** Picks neighbours for {@code node} from the candidates, itself and repetitions left out. */
  void prune(int node) {
    sort();
    int distinct = 0;
    for (int i = 0; i < count; i++) {
      int candidate = (int) keys[i];
      if (candidate != node && (i == 0 || keys[i] != keys[i - 1])) {
        nodes[distinct] = candidate;
        toNode[distinct] = CandidateList.distance(keys[i]);
        occlusion[distinct] = 0;
        distinct++;
      }
    }
    distinctCount = distinct;
    pickedCount = 0;
    round(distinct, 1);
    if (alpha > 1) {
      round(distinct, alpha);
    }
  }

  /** Few keys, which come nearly in order: the library's sort would allocate for those. */
  private void sort() {
    if (count > MAX_INSERTED) {
      java.util.Arrays.sort(keys, 0, count);
      return;
    }
    for (int i = 1; i < count; i++) {
      long key = keys[i];
      int at = i;
      while (at > 0 && keys[at - 1] > key) {
        keys[at] = keys[at - 1];
        at--;
      }
      keys[at] = key;
    }
  }

  /** One round over the candidates whose occlusion is at most {@code limit}. */
  private void round(int distinct, float limit) {
    for (int i = 0; i < distinct && pickedCount < picked.length; i++) {
      if (occlusion[i] > limit) {
        continue;
      }
      picked[pickedCount++] = nodes[i];
      occlusion[i] = Float.POSITIVE_INFINITY;
      if (pickedCount == picked.length) {
        return;
      }
      int living = 0;
      for (int j = i + 1; j < distinct; j++) {
        if (occlusion[j] <= alpha) {
          alive[living] = j;
          aliveNodes[living] = nodes[j];
          living++;
        }
      }
      distances.distances(nodes[i], aliveNodes, 0, living, fromPicked, 0);
      for (int j = 0; j < living; j++) {
        float between = fromPicked[j];
        // A duplicate of a picked node adds nothing; equal distances to others do not occlude.
        float factor = between == 0 ? Float.POSITIVE_INFINITY : toNode[alive[j]] / between;
        occlusion[alive[j]] = Math.max(occlusion[alive[j]], factor);
      }
    }
  }
}
