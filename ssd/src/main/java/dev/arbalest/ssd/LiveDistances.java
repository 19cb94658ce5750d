package dev.arbalest.ssd;

import dev.arbalest.pq.CodeScorer;
import dev.arbalest.pq.Codec;
import dev.arbalest.vamana.NodeDistances;
import dev.arbalest.vamana.NodeQuery;
import dev.arbalest.vamana.PairDistances;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;

/**
 * Distances of an index that is written to: searches for a new vector compare it as it is, in the
 * tail, with codes; pruning compares codes with each other. No vector is read from disk for it: on
 * embeddings graphs pruned by {@code saq:2} codes found as much as those pruned by vectors to
 * within a few tenths of a point, and a new vector would need a hundred reads.
 */
final class LiveDistances implements NodeDistances {
  private final IndexLoader.Loaded loaded;
  private final Tail tail;
  private final SegmentAllocator memory;
  private final List<DecodedPairs> pairs = new ArrayList<>();

  /** Open-addressed: positions in the tail of the nodes being linked. */
  private final int[] places;

  private final boolean[] taken;

  LiveDistances(IndexLoader.Loaded loaded, Tail tail, SegmentAllocator memory) {
    this.loaded = loaded;
    this.tail = tail;
    this.memory = memory;
    this.places = new int[2 * tail.capacity()];
    this.taken = new boolean[places.length];
  }

  /** Takes the rows of the tail [from, to) for those to be linked next. */
  void take(int from, int to) {
    pairs.forEach(DecodedPairs::forget);
    java.util.Arrays.fill(taken, false);
    for (int position = from; position != to; position++) {
      int place = place(tail.node(position));
      while (taken[place]) {
        place = (place + 1) & (places.length - 1);
      }
      places[place] = position;
      taken[place] = true;
    }
  }

  private int place(int node) {
    return ((node * 0x9E3779B9) >>> 16) & (places.length - 1);
  }

  private int position(int node) {
    int place = place(node);
    while (tail.node(places[place]) != node) {
      assert taken[place] : node;
      place = (place + 1) & (places.length - 1);
    }
    return places[place];
  }

  @Override
  public boolean isLive(int node) {
    return !loaded.isDead(node);
  }

  @Override
  public PairDistances newPairs() {
    MemorySegment codes = loaded.codes().segment();
    DecodedPairs made = new DecodedPairs(loaded.codec(), codes, 0, memory);
    pairs.add(made);
    return made;
  }

  @Override
  public NodeQuery newQuery() {
    return new TailQuery();
  }

  /** A row of the tail scored against codes. */
  private final class TailQuery implements NodeQuery {
    private final CodeScorer scorer;

    TailQuery() {
      Codec codec = loaded.codec();
      scorer = codec.newScorer(loaded.codes().segment(), loaded.graph().maxDegree(), memory);
    }

    @Override
    public void query(int node) {
      scorer.query(tail.row(position(node)));
    }

    @Override
    public void score(int[] nodes, int count, float limit, float[] distances) {
      scorer.scoreWithin(nodes, 0, count, limit, distances);
    }
  }
}
