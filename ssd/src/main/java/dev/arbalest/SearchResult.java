// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.ssd.search.SearchCosts;
import org.jspecify.annotations.Nullable;

/**
 * Neighbours of a query, nearest first, and what finding them cost. Reusable: a search overwrites
 * it, allocating only when it needs room for more neighbours than before. Not thread-safe.
 */
public final class SearchResult {
  private long[] ids = new long[0];
  private @Nullable String[] texts = new String[0];
  private float[] distances = new float[0];
  private int size;
  private int hops;
  private int scored;
  private int lookedThrough;
  private SearchPlan plan = SearchPlan.TRAVERSAL;
  private double expectedNanos;
  private int list;
  private double expectedMisses;
  private int reads;
  private long readBytes;
  private int wastedReads;
  private int cacheHits;
  private long prepareNanos;
  private long walkNanos;
  private long waitNanos;
  private long rerankNanos;

  /** An empty result for a search to fill. */
  public SearchResult() {}

  void reset(int capacity) {
    if (ids.length < capacity) {
      ids = new long[capacity];
      texts = new String[capacity];
      distances = new float[capacity];
    }
    size = 0;
  }

  void setCosts(SearchCosts costs) {
    hops = costs.hops;
    scored = costs.scored;
    lookedThrough = costs.lookedThrough;
    plan = costs.plan;
    expectedNanos = costs.expectedNanos;
    list = costs.list;
    expectedMisses = costs.expectedMisses;
    reads = costs.reads;
    readBytes = costs.readBytes;
    wastedReads = costs.wastedReads;
    cacheHits = costs.cacheHits;
    prepareNanos = costs.prepareNanos;
    walkNanos = costs.walkNanos;
    waitNanos = costs.waitNanos;
    rerankNanos = costs.rerankNanos;
  }

  /** Adds a neighbour known by a text, which is null if it is known by its number. */
  void add(long id, @Nullable String text, float distance) {
    ids[size] = id;
    texts[size] = text;
    distances[size] = distance;
    size++;
  }

  /** Leaves out the neighbours beyond a distance. */
  void cutBeyond(float maxDistance) {
    while (size > 0 && distances[size - 1] > maxDistance) {
      size--;
    }
  }

  /** Neighbours found: k, or fewer if vectors were deleted meanwhile. */
  public int size() {
    return size;
  }

  /**
   * External id of the neighbour at {@code rank}, 0 being the nearest; 0 if the ids of the index
   * are text.
   */
  public long id(int rank) {
    java.util.Objects.checkIndex(rank, size);
    return ids[rank];
  }

  /** External id of the neighbour at {@code rank} as text, be it a number. */
  public String text(int rank) {
    java.util.Objects.checkIndex(rank, size);
    String text = texts[rank];
    return text == null ? Long.toString(ids[rank]) : text;
  }

  /** Exact distance of the neighbour at {@code rank} on the scale of the index's metric. */
  public float distance(int rank) {
    java.util.Objects.checkIndex(rank, size);
    return distances[rank];
  }

  /** Copies the ids into {@code target[from, from + size())}. */
  public void copyIds(long[] target, int from) {
    System.arraycopy(ids, 0, target, from, size);
  }

  /** Nodes the traversal expanded. */
  public int hops() {
    return hops;
  }

  /** Codes scored. */
  public int scored() {
    return scored;
  }

  /** How the search found its candidates. */
  public SearchPlan plan() {
    return plan;
  }

  /** Nanoseconds that the plan of a search within a set was expected to take, otherwise 0. */
  public double expectedNanos() {
    return expectedNanos;
  }

  /** Length of the candidate list in the end: within a set it grows until the answer is sure. */
  public int list() {
    return list;
  }

  /**
   * Neighbours that a search within a set is expected to miss, by the codes' errors, because it did
   * not read all candidates; otherwise 0.
   */
  public double expectedMisses() {
    return expectedMisses;
  }

  /** Nodes outside a set whose neighbours a traversal inside the set looked at. */
  public int lookedThrough() {
    return lookedThrough;
  }

  /** Vectors read from the file. */
  public int reads() {
    return reads;
  }

  /** Bytes read from the file. */
  public long readBytes() {
    return readBytes;
  }

  /** Vectors read whose exact distance was not needed in the end. */
  public int wastedReads() {
    return wastedReads;
  }

  /** Vectors found in the cache. */
  public int cacheHits() {
    return cacheHits;
  }

  /** Nanoseconds checking the query and preparing the code's tables for it. */
  public long prepareNanos() {
    return prepareNanos;
  }

  /** Nanoseconds traversing the graph. */
  public long walkNanos() {
    return walkNanos;
  }

  /** Nanoseconds waiting for reads. */
  public long waitNanos() {
    return waitNanos;
  }

  /** Nanoseconds checking and scoring full vectors. */
  public long rerankNanos() {
    return rerankNanos;
  }
}
