// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import dev.arbalest.BadInputException;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchPlan;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.cache.VectorCache;
import dev.arbalest.natives.kernels.F32Distance;
import dev.arbalest.pq.CodeScorer;
import dev.arbalest.ssd.format.RowCheck;
import dev.arbalest.ssd.read.SlotReader;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.vamana.CandidateList;
import dev.arbalest.vamana.GreedySearch;
import dev.arbalest.vamana.NodeScorer;
import dev.arbalest.vamana.NodeSet;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.IntPredicate;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Everything one search at a time needs: query memory, tables of the codec, candidate lists, read
 * buffers. Made once per searching thread and reused; a search allocates nothing once its lists
 * have grown to size.
 */
public final class SearchContext implements AutoCloseable {
  private static final int DEFAULT_LIST = 128;

  /** Excludes nothing. */
  public static final int NO_NODE = -1;

  /**
   * Reading ahead begins after this many expanded candidates per wanted neighbour. With 1, a fifth
   * of the early reads are wasted; with 3, a twentieth, at the same latency.
   */
  private static final int SETTLED_PER_NEIGHBOR = 3;

  /** Upper bound for growing a list that proved too short. */
  private static final int MAX_LIST = 4096;

  /** Factor by which the list is longer in a set far from the query. */
  private static final int FAR_LISTS = 8;

  /** A set far from the query is scanned unless that takes this many times as long as a walk. */
  private static final double MAX_FAR_SCAN = 16;

  /** Factor by which a list grows that turned out to be too short. */
  private static final int LIST_GROWTH = 4;

  private final LoadedIndex index;
  private final IntSupplier live;
  private final int dimension;
  private final Metric metric;
  private final SearchCosts costs = new SearchCosts();
  private final Reranker reranker;
  private final CodeScorer scorer;
  private final GreedySearch walk;
  private final NodeScorer scoring = this::score;
  private final IntPredicate isWanted = this::isWanted;
  private final MemorySegment query;
  private final @Nullable UnlinkedRows unlinked;
  private final long[] unlinkedOffsets;
  private final int[] unlinkedNodes;
  private final float[] unlinkedDistances;

  /** Last operation this search sees. */
  private int operation;

  /** A node that the walk also meets, though the unlinked rows already gave its exact distance. */
  private int known;

  /** Bitmap of the set that a search is within, or null for everything. */
  private long @Nullable [] setWords;

  private final SetSearch setSearch;
  private final SlabPool.Lease memory;

  /**
   * Makes one, which owns the reader and the memory.
   *
   * @param unlinked rows that are not in the graph yet, null if nothing is written
   * @param live how many vectors there are now
   * @param memory where the reader has its buffers
   */
  public SearchContext(
      LoadedIndex index,
      @Nullable UnlinkedRows unlinked,
      IntSupplier live,
      @Nullable VectorCache cache,
      SlotReader reader,
      SlabPool.Lease memory) {
    this.index = index;
    this.live = live;
    this.dimension = index.manifest().dimension();
    this.metric = index.manifest().metric();
    this.memory = memory;
    this.unlinked = unlinked;
    int rows = unlinked == null ? 0 : unlinked.capacity();
    this.unlinkedOffsets = new long[rows];
    this.unlinkedNodes = new int[rows];
    this.unlinkedDistances = new float[rows];
    this.query = memory.allocate(4L * dimension, 64);
    this.scorer =
        index.codec().newScorer(index.codes().segment(), index.graph().maxDegree(), memory);
    this.walk = new GreedySearch(index.graph(), DEFAULT_LIST);
    this.setSearch = new SetSearch(index, unlinked, scorer, DEFAULT_LIST);
    this.reranker = new Reranker(index, cache, reader, scorer, query, memory, DEFAULT_LIST);
  }

  /**
   * Finds the nearest neighbours of a query, as if node {@code excluded} did not exist. The list is
   * valid until the next search.
   */
  public CandidateList search(
      float[] vector, SearchParameters parameters, int excluded, ScanPolicy policy)
      throws IOException {
    begin(vector, parameters);
    int nodes = index.graph().nodeCount();
    int listSize = Math.clamp(parameters.searchListSize(), 1, Math.max(1, nodes));
    int longest = parameters.isListDefault() ? Math.max(listSize, MAX_LIST) : listSize;
    longest = Math.clamp(longest, 1, Math.max(1, nodes));
    while (true) {
      long start = System.nanoTime();
      CandidateList candidates = find(parameters, listSize, longest, excluded, policy);
      costs.walkNanos += System.nanoTime() - start;
      CandidateList nearest = reranker.nearest(candidates, reading(candidates, parameters), costs);
      if (costs.list >= longest || !reranker.endsTooSoon(candidates, costs.list, parameters)) {
        return nearest;
      }
      listSize = Math.min(longest, LIST_GROWTH * costs.list);
      reranker.begin(parameters.k());
    }
  }

  /** Finds candidates, with a longer list if the codes' errors demand it. */
  private CandidateList find(
      SearchParameters parameters, int firstListSize, int longest, int excluded, ScanPolicy policy)
      throws IOException {
    UnlinkedRows present = unlinked;
    int unlinkedCount = present == null ? 0 : scanUnlinked(present, present.state());
    int nodes = index.graph().nodeCount();
    int listSize = firstListSize;
    boolean isFirst = listSize <= parameters.searchListSize();
    while (!policy.scans(nodes, listSize)) {
      CandidateList candidates = walk(parameters, listSize, isFirst, excluded, unlinkedCount);
      if (listSize >= longest || isLongEnough(candidates, listSize, parameters)) {
        return candidates;
      }
      isFirst = false;
      listSize = Math.min(longest, LIST_GROWTH * listSize);
    }
    reranker.boundMisses();
    Arrays.sort(unlinkedNodes, 0, unlinkedCount);
    known = excluded;
    costs.plan = SearchPlan.SCAN;
    return scan(null, listSize, longest, unlinkedCount, parameters);
  }

  /**
   * Finds the nearest neighbours of a query within a set.
   *
   * @param set as the writer of the index, if there is one, keeps it
   */
  CandidateList searchSet(
      float[] vector, SearchParameters parameters, TrackedSet set, SetPlanner planner)
      throws IOException {
    begin(vector, parameters);
    reranker.boundMisses();
    int unlinkedCount = 0;
    try {
      UnlinkedRows present = unlinked;
      // Read the state first: the bitmap then contains every change published up to it.
      long state = present == null ? 0 : present.state();
      long[] words = set.nodes().words();
      int count = set.count();
      setWords = words;
      unlinkedCount = present == null ? 0 : scanUnlinked(present, state);
      Arrays.sort(unlinkedNodes, 0, unlinkedCount);
      known = NO_NODE;
      long start = System.nanoTime();
      CandidateList candidates = within(words, count, unlinkedCount, parameters, planner);
      costs.walkNanos = System.nanoTime() - start;
      return reranker.nearest(candidates, reading(candidates, parameters), costs);
    } finally {
      setWords = null;
    }
  }

  /** The parameters with a list that grew. */
  private static SearchParameters reading(CandidateList candidates, SearchParameters parameters) {
    return candidates.size() > parameters.searchListSize()
        ? parameters.withList(candidates.size())
        : parameters;
  }

  private CandidateList within(
      long[] words, int count, int unlinkedCount, SearchParameters parameters, SetPlanner planner)
      throws IOException {
    int nodes = index.graph().nodeCount();
    // Where all candidates are read, a longer list would read more than was asked for.
    boolean readsAll = parameters.confidence() >= 1 || parameters.prefixDimension() > 0;
    int listSize =
        readsAll
            ? Math.clamp(parameters.searchListSize(), 1, Math.max(1, nodes))
            : SetSearch.listSize(parameters.searchListSize(), Math.max(1, nodes), count);
    int longest = Math.max(listSize, Math.min(count, MAX_LIST));
    double scan = planner.scanNanos(nodes, count);
    int degree = index.graph().maxDegree();
    // A list that holds the whole set makes the scan exact.
    double walk =
        listSize >= count ? Double.MAX_VALUE : planner.walkNanos(nodes, count, degree, listSize);
    boolean isFirst = true;
    while (walk < scan) {
      long before = System.nanoTime();
      costs.plan = SearchPlan.SET_TRAVERSAL;
      costs.list = listSize;
      costs.expectedNanos += walk;
      beginInSet(words, nodes, count, listSize, unlinkedCount);
      CandidateList found = walkInSet(isFirst, listSize, parameters);
      planner.walked(walk, (double) (System.nanoTime() - before));
      if (found.size() + reranker.found() < Math.min(parameters.k(), count)) {
        break;
      }
      boolean isFar = isFirst && setSearch.isFar(found, count / (double) nodes);
      isFirst = false;
      if (isFar && scan < MAX_FAR_SCAN * walk) {
        break;
      }
      if ((!isFar && isLongEnough(found, listSize, parameters)) || listSize >= longest) {
        return found;
      }
      listSize = Math.min(longest, (isFar ? FAR_LISTS : LIST_GROWTH) * listSize);
      walk = planner.walkNanos(nodes, count, degree, listSize);
    }
    long before = System.nanoTime();
    costs.plan = SearchPlan.SET_SCAN;
    costs.expectedNanos += scan;
    CandidateList found = scan(words, listSize, longest, unlinkedCount, parameters);
    planner.scanned(scan, (double) (System.nanoTime() - before));
    return found;
  }

  /**
   * Compares all codes of a set, or of the index; again, with the longest list, if the list proves
   * too short.
   */
  private CandidateList scan(
      long @Nullable [] words,
      int listSize,
      int longest,
      int unlinkedCount,
      SearchParameters parameters) {
    costs.list = listSize;
    float everything = Float.POSITIVE_INFINITY;
    CandidateList found =
        setSearch.scan(words, listSize, everything, unlinkedNodes, unlinkedCount, isWanted, costs);
    if (listSize < longest && !isLongEnough(found, listSize, parameters)) {
      costs.list = longest;
      float reach = (float) reranker.reach(found, parameters);
      found = setSearch.scan(words, longest, reach, unlinkedNodes, unlinkedCount, isWanted, costs);
    }
    return found;
  }

  /** Whether no vector behind the end of a list is likely to be among the nearest. */
  private boolean isLongEnough(CandidateList found, int listSize, SearchParameters parameters) {
    return found.size() < listSize
        || found.distance(found.size() - 1) >= reranker.reach(found, parameters);
  }

  private void beginInSet(long[] words, int nodes, int count, int listSize, int unlinkedCount) {
    setSearch.begin(words, listSize);
    for (int i = 0; i < unlinkedCount; i++) {
      setSearch.exclude(unlinkedNodes[i]);
    }
    setSearch.approach(words, nodes, count / (double) nodes);
  }

  private CandidateList walkInSet(boolean mayReadAhead, int listSize, SearchParameters parameters)
      throws IOException {
    boolean adaptive =
        mayReadAhead && parameters.confidence() < 1 && parameters.prefixDimension() == 0;
    int k = parameters.k();
    CandidateList found =
        setSearch.walk(
            adaptive ? Math.max(k, Math.min(SETTLED_PER_NEIGHBOR * k, listSize / 2)) : 0,
            candidates -> reranker.readAhead(candidates, k, isWanted, costs),
            costs);
    found.retainIf(isWanted);
    return found;
  }

  private void begin(float[] vector, SearchParameters parameters) {
    long start = System.nanoTime();
    takeQuery(vector);
    scorer.query(query);
    costs.reset();
    costs.prepareNanos = System.nanoTime() - start;
    reranker.begin(parameters.k());
  }

  /** What the last search cost; overwritten by the next. */
  public SearchCosts costs() {
    return costs;
  }

  /**
   * Offers the exact distances of the unlinked rows visible to this search.
   *
   * @return how many unlinked rows {@link #unlinkedNodes} holds, dead ones too
   */
  private int scanUnlinked(UnlinkedRows present, long state) {
    operation = UnlinkedRows.operation(state);
    int end = UnlinkedRows.end(state);
    int count = 0;
    // The head is read last: what it has passed is in the graph.
    for (int position = present.start(); position - end < 0; position++) {
      unlinkedNodes[count] = present.node(position);
      unlinkedOffsets[count] = present.offset(position);
      count++;
    }
    if (count > 0) {
      F32Distance.stored(
          metric,
          query,
          0,
          present.rows(),
          unlinkedOffsets,
          0,
          count,
          dimension,
          unlinkedDistances,
          0);
      for (int i = 0; i < count; i++) {
        if (index.isVisible(unlinkedNodes[i], operation)
            && reranker.wouldTake(unlinkedDistances[i])
            && isAccepted(unlinkedNodes[i])) {
          reranker.offer(unlinkedNodes[i], unlinkedDistances[i]);
        }
      }
    }
    return count;
  }

  private boolean isWanted(int node) {
    return node != known
        && (unlinked == null ? !index.isDead(node) : index.isVisible(node, operation))
        && isAccepted(node);
  }

  private boolean isAccepted(int node) {
    long[] words = setWords;
    return words == null || NodeSet.contains(words, node);
  }

  /** Walks the graph; with a longer list if too few of those found are still there. */
  private CandidateList walk(
      SearchParameters parameters,
      int firstListSize,
      boolean mayReadAhead,
      int excluded,
      int unlinkedCount)
      throws IOException {
    int nodes = index.graph().nodeCount();
    int listSize = firstListSize;
    CandidateList candidates =
        walkOnce(parameters, listSize, mayReadAhead, excluded, unlinkedCount);
    if (unlinked != null) {
      candidates.retainIf(isWanted);
      int wanted = Math.min(parameters.k(), live.getAsInt());
      while (candidates.size() + reranker.found() < wanted && listSize < nodes) {
        listSize = (int) Math.min(nodes, 4L * listSize);
        candidates = walkOnce(parameters, listSize, false, excluded, unlinkedCount);
        candidates.retainIf(isWanted);
      }
    }
    return candidates;
  }

  /**
   * Walks the graph on codes. Once some multiple of k candidates have all been expanded the k
   * nearest seldom change any more: their vectors are read while the walk goes on.
   */
  private CandidateList walkOnce(
      SearchParameters parameters,
      int listSize,
      boolean mayReadAhead,
      int excluded,
      int unlinkedCount)
      throws IOException {
    boolean ahead =
        mayReadAhead && parameters.confidence() < 1 && parameters.prefixDimension() == 0;
    int k = parameters.k();
    int settled = Math.max(k, Math.min(SETTLED_PER_NEIGHBOR * k, listSize / 2));
    costs.list = listSize;
    walk.begin(listSize, scoring);
    known = NO_NODE;
    if (excluded != NO_NODE) {
      boolean _ = walk.exclude(excluded);
    }
    for (int i = 0; i < unlinkedCount; i++) {
      if (!walk.exclude(unlinkedNodes[i])) {
        known = unlinkedNodes[i]; // it has just become the entry point
      }
    }
    while (walk.step(scoring)) {
      if (ahead && walk.settled() >= settled) {
        reranker.readAhead(walk.candidates(), k, isWanted, costs);
        ahead = false;
      }
    }
    costs.hops += walk.hops();
    costs.scored += walk.scored();
    return walk.candidates();
  }

  private void score(int[] nodes, int count, float limit, float[] distances) {
    scorer.scoreWithin(nodes, 0, count, limit, distances);
  }

  /** Copies the query into aligned memory, normalised for cosine. */
  private void takeQuery(float[] vector) {
    MemorySegment.copy(vector, 0, query, F32Rows.FLOAT, 0, vector.length);
    double squaredNorm = 0;
    for (float component : vector) {
      squaredNorm += (double) component * component;
    }
    if (!(squaredNorm < RowCheck.LARGEST_SQUARED_NORM)) {
      throw new BadInputException("query has a component that is NaN or infinite, or overflows");
    }
    if (metric == Metric.COSINE) {
      if (squaredNorm == 0) {
        throw new BadInputException("query of norm 0 has no direction under cosine");
      }
      double norm = Math.sqrt(squaredNorm);
      for (int i = 0; i < vector.length; i++) {
        query.setAtIndex(F32Rows.FLOAT, i, (float) (vector[i] / norm));
      }
    }
  }

  @Override
  public void close() throws IOException {
    try (memory) {
      reranker.close();
    }
  }
}
