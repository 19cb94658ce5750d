// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import dev.arbalest.SearchPlan;

/** What one search cost so far. One per search context; not thread-safe. */
public final class SearchCosts {
  /** Nodes expanded. */
  public int hops;

  /** Codes scored. */
  public int scored;

  /** Nodes outside a set whose neighbours were looked at. */
  public int lookedThrough;

  /** How candidates were found. */
  public SearchPlan plan = SearchPlan.TRAVERSAL;

  /** Nanoseconds that the plan was expected to take; 0 for a plain traversal. */
  public double expectedNanos;

  /** Candidates the list could hold in the end. */
  public int list;

  /** Neighbours that unread candidates are expected to hold; only estimated within a set. */
  public double expectedMisses;

  /** Vectors read from the file. */
  public int reads;

  /** Bytes read from the file. */
  public long readBytes;

  /** Vectors read whose exact distance the answer did not need. */
  public int wastedReads;

  /** Vectors found in the cache. */
  public int cacheHits;

  /** Nanoseconds spent checking the query and preparing the codec's tables. */
  public long prepareNanos;

  /** Nanoseconds spent traversing the graph. */
  public long walkNanos;

  /** Nanoseconds spent waiting for reads. */
  public long waitNanos;

  /** Nanoseconds spent checking and scoring full-precision vectors. */
  public long rerankNanos;

  void reset() {
    hops = 0;
    scored = 0;
    lookedThrough = 0;
    plan = SearchPlan.TRAVERSAL;
    expectedNanos = 0;
    list = 0;
    expectedMisses = 0;
    reads = 0;
    readBytes = 0;
    wastedReads = 0;
    cacheHits = 0;
    prepareNanos = 0;
    walkNanos = 0;
    waitNanos = 0;
    rerankNanos = 0;
  }
}
