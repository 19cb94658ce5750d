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
 * Distances for linking. The traversal for a new vector compares its full-precision row with codes;
 * the row comes from the unlinked rows, or from its slot if the node is linked again. Pruning
 * compares codes with codes. Neither reads other vectors from disk: on embeddings, graphs pruned by
 * {@code saq:2} codes reached the recall of graphs pruned by vectors to within a few tenths of a
 * point, and a new vector would need a hundred reads.
 */
final class LiveDistances implements NodeDistances {
  private final LoadedIndex loaded;
  private final UnlinkedRows unlinked;
  private final SegmentAllocator memory;
  private final List<DecodedPairs> pairs = new ArrayList<>();

  /** Open-addressed: positions in the unlinked rows of the nodes being linked. */
  private final int[] places;

  private final boolean[] taken;
  private final VectorFile geometry;

  LiveDistances(LoadedIndex loaded, UnlinkedRows unlinked, SegmentAllocator memory) {
    this.loaded = loaded;
    this.unlinked = unlinked;
    this.memory = memory;
    this.geometry = new VectorFile(loaded.manifest().dimension(), loaded.manifest().storage());
    this.places = new int[2 * unlinked.capacity()];
    this.taken = new boolean[places.length];
  }

  /** Takes the unlinked rows [from, to) for those to be linked next. */
  void take(int from, int to) {
    pairs.forEach(DecodedPairs::forget);
    java.util.Arrays.fill(taken, false);
    for (int position = from; position != to; position++) {
      int place = place(unlinked.node(position));
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
      if (unlinked.node(places[place]) == node) {
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
    return new UnlinkedQuery();
  }

  /** An unlinked row, or a row read from its slot, scored against codes. */
  private final class UnlinkedQuery implements NodeQuery {
    private final CodeScorer scorer;
    private final PairDistances decoded;
    private final SingleSlotReader slot;
    private final MemorySegment row;
    private int unreadable;

    UnlinkedQuery() {
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
        scorer.query(unlinked.row(places[place]));
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
