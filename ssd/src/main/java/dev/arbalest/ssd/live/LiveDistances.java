// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.pq.CodeScorer;
import dev.arbalest.pq.Codec;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.search.UnlinkedRows;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.ssd.store.SingleSlotReader;
import dev.arbalest.vamana.Graph;
import dev.arbalest.vamana.NodeDistances;
import dev.arbalest.vamana.NodeQuery;
import dev.arbalest.vamana.PairDistances;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;

/**
 * Distances of an index that is written to: searches for a new vector compare it as it is, in the
 * tail (or, should a node be linked again, in its slot), with codes; pruning compares codes with
 * each other. No vector is read from disk for it: on embeddings graphs pruned by {@code saq:2}
 * codes found as much as those pruned by vectors to within a few tenths of a point, and a new
 * vector would need a hundred reads.
 */
final class LiveDistances implements NodeDistances {
  private final LoadedIndex loaded;
  private final UnlinkedRows tail;
  private final SegmentAllocator memory;
  private final List<DecodedPairs> pairs = new ArrayList<>();

  /** Open-addressed: positions in the tail of the nodes being linked. */
  private final int[] places;

  private final boolean[] taken;
  private final VectorFile geometry;

  LiveDistances(LoadedIndex loaded, UnlinkedRows tail, SegmentAllocator memory) {
    this.loaded = loaded;
    this.tail = tail;
    this.memory = memory;
    this.geometry = new VectorFile(loaded.manifest().dimension(), loaded.manifest().storage());
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

  /** Its place among the nodes being linked, or -1 if it is in its slot. */
  private int find(int node) {
    int place = place(node);
    while (taken[place]) {
      if (tail.node(places[place]) == node) {
        return place;
      }
      place = (place + 1) & (places.length - 1);
    }
    return -1;
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

  /** A row of the tail, or of a slot, scored against codes. */
  private final class TailQuery implements NodeQuery {
    private final CodeScorer scorer;
    private final PairDistances decoded;
    private final SingleSlotReader slot;
    private final MemorySegment row;
    private int unreadable;

    TailQuery() {
      Codec codec = loaded.codec();
      scorer = codec.newScorer(loaded.codes().segment(), loaded.graph().maxDegree(), memory);
      decoded = newPairs();
      slot = new SingleSlotReader(loaded, geometry, memory);
      row = memory.allocate(4L * loaded.manifest().dimension(), 64);
    }

    @Override
    public void query(int node) {
      unreadable = Graph.NONE;
      int place = find(node);
      if (place >= 0) {
        scorer.query(tail.row(places[place]));
        return;
      }
      try {
        slot.read(node, row, 0);
        scorer.query(row);
      } catch (IOException e) {
        unreadable = node; // a read of the vector reports it; its code is enough here
      }
    }

    @Override
    public void score(int[] nodes, int count, float limit, float[] distances) {
      if (unreadable == Graph.NONE) {
        scorer.scoreWithin(nodes, 0, count, limit, distances);
      } else {
        decoded.distances(unreadable, nodes, 0, count, distances, 0);
      }
    }
  }
}
