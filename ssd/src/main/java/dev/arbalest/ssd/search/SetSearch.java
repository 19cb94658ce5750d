// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import dev.arbalest.pq.CodeScorer;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.vamana.CandidateList;
import dev.arbalest.vamana.FilteredWalk;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.NodeScorer;
import java.io.IOException;
import java.util.Arrays;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Finds the candidates of a search within a set of nodes: by comparing all codes of the set in the
 * order of their slots where that is cheaper, otherwise by a {@link FilteredWalk}. Scans whole
 * indexes, too. One per search context; not thread-safe.
 */
final class SetSearch {
  /** Codes compared at a time by a scan. */
  private static final int BATCH = 64;

  /** Nodes of the set that a walk begins from in addition to what its approach finds. */
  private static final int SEEDS = 32;

  /**
   * The same where the approach met fewer nodes of the set than its share: of a thousand at random
   * the best are among the nearest thousandth of the set, which walks do not find from afar.
   */
  private static final int FAR_SEEDS = 1024;

  /**
   * Where the nearest nodes found are not this many deviations nearer than the median of a set, the
   * set has no part that is close to the query, and walks inside it are not reliable.
   */
  private static final double MIN_CONTRAST = 5;

  /** A set has its share of the nodes around a query if it has this much of it. */
  private static final double NEAR_SHARE = 0.8;

  /** Rank of the node whose distance shows the contrast. */
  private static final int CONTRAST_RANK = 9;

  /** List of the approach to a set. */
  private static final int APPROACH_LIST = 24;

  /** List of the approach to a sparse set, of which the surroundings of a query hold little. */
  private static final int SPARSE_APPROACH_LIST = 48;

  /** Sets of a smaller share of all nodes are sparse. */
  private static final double MAX_SPARSE_SHARE = 0.15;

  /** Neighbours in the set that an expansion looks for. */
  private static final int TARGET = 32;

  /** Share of a batch that was not met before, as seen on embeddings. */
  private static final double NEW_SHARE = 0.5;

  private final LoadedIndex index;
  private final CodeScorer scorer;
  private final FilteredWalk walk;
  private final NodeScorer scoring = this::score;

  /** What is not in the graph yet, or null if nothing is written. */
  private final @Nullable UnlinkedRows unlinked;

  private final CandidateList scanned = new CandidateList(BATCH);
  private final int[] batch;
  private final float[] distances;
  private final float[] seedDistances;
  private int seedCount;
  private int approached;
  private int passed;

  SetSearch(LoadedIndex index, @Nullable UnlinkedRows unlinked, CodeScorer scorer, int listSize) {
    this.unlinked = unlinked;
    this.index = index;
    this.scorer = scorer;
    this.walk = new FilteredWalk(index.graph(), listSize);
    int most = Math.min(BATCH, index.graph().maxDegree());
    this.batch = new int[most];
    this.distances = new float[most];
    this.seedDistances = new float[FAR_SEEDS];
  }

  private void score(int[] nodes, int count, float limit, float[] target) {
    scorer.scoreWithin(nodes, 0, count, limit, target);
  }

  private static int approachList(double share) {
    return share < MAX_SPARSE_SHARE ? SPARSE_APPROACH_LIST : APPROACH_LIST;
  }

  /**
   * The list of a walk inside a set: longer by an eighth, in a sparse set by a quarter, as each hop
   * meets fewer nodes of the set than a plain walk meets nodes.
   *
   * @param searchListSize of a plain search
   */
  static int listSize(int searchListSize, int nodes, int count) {
    boolean isSparse = count < MAX_SPARSE_SHARE * nodes;
    int more = count == nodes ? 0 : searchListSize / (isSparse ? 4 : 8);
    return Math.clamp((long) searchListSize + more, 1, nodes);
  }

  /** Nanoseconds that a scan of a set is expected to take. */
  static double scanNanos(CodeTimes times, int nodes, int count) {
    double density = count / (double) Math.max(1, nodes);
    double perCode = density * times.sequential() + (1 - density) * times.scattered();
    return count * perCode + nodes / 64.0;
  }

  /**
   * Nanoseconds that a walk inside a set is expected to take. Where a node has few nodes of the set
   * within two steps, walks end early: they are ruled out.
   */
  static double walkNanos(CodeTimes times, int nodes, int count, int degree, int listSize) {
    double share = Math.max(1e-6, count / (double) Math.max(1, nodes));
    double perRow = share * degree;
    if (perRow * degree < TARGET) {
      return Double.MAX_VALUE;
    }
    double rows = perRow >= TARGET ? 1 : TARGET / perRow;
    double perHop = rows * times.row() + NEW_SHARE * Math.max(TARGET, perRow) * times.scattered();
    double approach = approachList(share) * (times.row() + NEW_SHARE * degree * times.scattered());
    return approach + 1.2 * listSize * perHop;
  }

  /**
   * Compares all codes of a set; the result is valid until the next search.
   *
   * @param words bitmap of the set, null for all nodes
   * @param unlinkedNodes nodes [0, unlinkedCount) whose distances are known, ascending
   * @param reach distance beyond which nodes are left out
   * @param isWanted which nodes may be found
   */
  CandidateList scan(
      long @Nullable [] words,
      int listSize,
      float reach,
      int[] unlinkedNodes,
      int unlinkedCount,
      IntPredicate isWanted,
      SearchCosts costs) {
    scanned.reset(listSize);
    int count = 0;
    int total = 0;
    int nodes = index.graph().nodeCount();
    int end = (nodes + 63) >>> 6;
    end = words == null ? end : Math.min(words.length, end);
    for (int word = 0; word < end; word++) {
      long present = words == null ? -1L >>> Math.max(0, ((word + 1) << 6) - nodes) : words[word];
      for (long bits = present; bits != 0; bits &= bits - 1) {
        int node = (word << 6) + Long.numberOfTrailingZeros(bits);
        if (!isWanted.test(node)
            || (unlinkedCount > 0
                && Arrays.binarySearch(unlinkedNodes, 0, unlinkedCount, node) >= 0)) {
          continue;
        }
        batch[count++] = node;
        if (count == batch.length) {
          offer(count, reach);
          total += count;
          count = 0;
        }
      }
    }
    offer(count, reach);
    costs.scored += total + count;
    return scanned;
  }

  private void offer(int count, float reach) {
    float threshold = Math.min(reach, scanned.threshold());
    scorer.scoreWithin(batch, 0, count, threshold, distances);
    for (int i = 0; i < count; i++) {
      if (distances[i] <= threshold
          && isLinked(batch[i])
          && scanned.offer(batch[i], distances[i])) {
        threshold = Math.min(reach, scanned.threshold());
      }
    }
  }

  /**
   * Whether a node of a bitmap is part of the graph. A vector that came after the search began is
   * in the bitmap, but neither in the rows that the search has looked at nor in its slot; it is
   * linked only after the search has ended. A linked node may be without edges while others leave.
   */
  private boolean isLinked(int node) {
    return unlinked == null
        ? index.graph().neighbor(node, 0) != Graph.NONE || node == index.graph().entryPoint()
        : unlinked.isLinked(node);
  }

  /** Begins a walk inside a set; {@link #exclude} and {@link #approach} follow. */
  void begin(long[] words, int listSize) {
    walk.begin(listSize, words, TARGET);
  }

  /** Takes a node out of the walk that was begun. */
  void exclude(int node) {
    boolean _ = walk.exclude(node);
  }

  /**
   * Reaches the surroundings of the query, and begins from some nodes of the set.
   *
   * @param share of all nodes that belong to the set
   */
  void approach(long[] words, int nodes, double share) {
    walk.approach(scoring, approachList(share));
    approached = walk.scored();
    passed = walk.passed();
    takeSeeds(words, nodes, isNear(share) ? SEEDS : FAR_SEEDS);
  }

  /** Begins from some nodes of the set as well, at even distances. */
  private void takeSeeds(long[] words, int nodes, int most) {
    int wordCount = Math.min(words.length, (nodes + 63) >>> 6);
    seedCount = 0;
    int pending = 0;
    int next = 0;
    for (int seed = 0; seed < most; seed++) {
      int word = Math.max(next, (int) ((long) seed * wordCount / most));
      while (word < wordCount && words[word] == 0) {
        word++;
      }
      if (word >= wordCount) {
        break;
      }
      batch[pending++] = (word << 6) + Long.numberOfTrailingZeros(words[word]);
      next = word + 1;
      if (pending == batch.length) {
        scoreSeeds(pending);
        pending = 0;
      }
    }
    scoreSeeds(pending);
  }

  private void scoreSeeds(int count) {
    scorer.score(batch, 0, count, distances);
    for (int i = 0; i < count; i++) {
      seedDistances[seedCount++] = distances[i];
      if (distances[i] <= walk.found().threshold() && isLinked(batch[i])) {
        walk.seed(batch[i], distances[i]);
      }
    }
  }

  /** Whether the nodes that the approach met belong to the set about as often as all nodes. */
  private boolean isNear(double share) {
    return passed > NEAR_SHARE * share * approached;
  }

  /**
   * Whether a set avoids the query: it has a smaller share of the nodes around the query than of
   * all, and the nearest nodes that a walk found are hardly nearer than nodes of the set anywhere.
   * Takes the deviation of the farther half, because the nearer half may contain clusters.
   *
   * @param share of all nodes that belong to the set
   */
  boolean isFar(CandidateList found, double share) {
    if (isNear(share)) {
      return false;
    }
    if (found.size() == 0 || seedCount < 2) {
      return true;
    }
    Arrays.sort(seedDistances, 0, seedCount);
    int middle = seedCount / 2;
    float median = seedDistances[middle];
    double squares = 0;
    for (int seed = middle + 1; seed < seedCount; seed++) {
      double difference = seedDistances[seed] - median;
      squares += difference * difference;
    }
    double deviation = Math.sqrt(squares / Math.max(1, seedCount - middle - 1));
    float near = found.distance(Math.min(CONTRAST_RANK, found.size() - 1));
    return median - near < MIN_CONTRAST * deviation;
  }

  /** Reads ahead the nearest candidates of a walk. */
  @FunctionalInterface
  interface ReadAhead {
    void run(CandidateList candidates) throws IOException;
  }

  /**
   * Walks to the end.
   *
   * @param settled candidates that must have settled before the nearest are read ahead; 0 for never
   */
  CandidateList walk(int settled, ReadAhead ahead, SearchCosts costs) throws IOException {
    boolean pending = settled > 0;
    while (walk.step(scoring)) {
      if (pending && walk.settled() >= settled) {
        ahead.run(walk.found());
        pending = false;
      }
    }
    costs.hops += walk.hops();
    costs.scored += walk.scored();
    costs.lookedThrough += walk.rowsLookedThrough();
    return walk.found();
  }
}
