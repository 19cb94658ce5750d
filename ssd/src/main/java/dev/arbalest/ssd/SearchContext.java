package dev.arbalest.ssd;

import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.Metric;
import dev.arbalest.pq.CodeScorer;
import dev.arbalest.vamana.CandidateList;
import dev.arbalest.vamana.GreedySearch;
import dev.arbalest.vamana.NodeScorer;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Everything one search at a time needs: query memory, tables of the codec, candidate lists, read
 * buffers. Made once per searching thread and reused; a search allocates nothing once its lists
 * have grown to size.
 */
final class SearchContext implements AutoCloseable {
  private static final int DEFAULT_LIST = 128;

  /** Excludes nothing. */
  static final int NO_NODE = -1;

  /**
   * Expanded candidates per neighbour wanted after which reading ahead begins. With 1, a fifth of
   * what is read ahead is in vain; with 3, a twentieth, at the same latency.
   */
  private static final int SETTLED_PER_NEIGHBOR = 3;

  private final Index index;
  private final Reranker reranker;
  private final CodeScorer scorer;
  private final GreedySearch walk;
  private final NodeScorer scoring = this::score;
  private final MemorySegment query;
  private final SlabPool.Lease memory;

  /**
   * Makes one, which owns the reader and the memory.
   *
   * @param memory where the reader has its buffers
   */
  SearchContext(Index index, SlotReader reader, SlabPool.Lease memory) {
    this.index = index;
    this.memory = memory;
    this.query = memory.allocate(4L * index.dimension(), 64);
    this.scorer = index.codec().newScorer(index.codes(), index.graph().maxDegree(), memory);
    this.walk = new GreedySearch(index.graph(), DEFAULT_LIST);
    this.reranker = new Reranker(index, reader, scorer, query, memory, DEFAULT_LIST);
  }

  /** Answers a query into {@code result}, as if there were no node {@code excluded}. */
  void search(float[] vector, SearchParameters parameters, int excluded, SearchResult result)
      throws IOException {
    long start = System.nanoTime();
    takeQuery(vector);
    scorer.query(query);
    result.reset(parameters.k());
    result.prepareNanos = System.nanoTime() - start;
    reranker.begin();
    CandidateList candidates = walk(parameters, excluded, result);
    result.hops = walk.hops();
    result.scored = walk.scored();
    result.walkNanos = System.nanoTime() - start - result.prepareNanos;
    CandidateList nearest = reranker.nearest(candidates, parameters, result);
    for (int rank = 0; rank < nearest.size(); rank++) {
      result.add(index.externalId(nearest.node(rank)), nearest.distance(rank));
    }
  }

  /**
   * Walks the graph on codes. Once some multiple of k candidates have all been expanded the k
   * nearest seldom change any more: their vectors are read while the walk goes on.
   */
  private CandidateList walk(SearchParameters parameters, int excluded, SearchResult result)
      throws IOException {
    int listSize = Math.min(parameters.searchListSize(), index.count());
    boolean adaptive = parameters.confidence() < 1 && parameters.prefix() == 0;
    int k = parameters.k();
    int settled = Math.max(k, Math.min(SETTLED_PER_NEIGHBOR * k, listSize / 2));
    boolean ahead = adaptive;
    walk.begin(listSize, scoring);
    if (excluded != NO_NODE) {
      boolean _ = walk.exclude(excluded);
    }
    while (walk.step(scoring)) {
      if (ahead && walk.settled() >= settled) {
        reranker.readAhead(walk.candidates(), k, result);
        ahead = false;
      }
    }
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
    if (!(squaredNorm < VectorInput.LARGEST_SQUARED_NORM)) {
      throw new BadInputException("query has a component that is NaN or infinite, or overflows");
    }
    if (index.metric() == Metric.COSINE) {
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
