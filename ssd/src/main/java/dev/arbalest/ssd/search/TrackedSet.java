// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import dev.arbalest.vamana.NodeSet;

/**
 * A set of vectors of an index, as a bitmap over slots that follows their ids: when a vector is
 * replaced or moves to another slot, its new slot belongs to the set, too. The slot of a deleted
 * vector keeps its bit until it is used again, for searches that began before.
 *
 * <p>The writer of an index changes it under its lock, before the change is published; searches
 * read it.
 */
public final class TrackedSet {
  private final NodeSet nodes;
  private volatile int count;

  /**
   * Makes a set.
   *
   * @param nodes of the set; owned by it from now on
   * @param count how many of them hold a vector
   */
  public TrackedSet(NodeSet nodes, int count) {
    this.nodes = nodes;
    this.count = count;
  }

  /** The bitmap; it may have nodes without a vector. */
  public NodeSet nodes() {
    return nodes;
  }

  /** Vectors of the set. */
  public int count() {
    return count;
  }

  /**
   * A vector takes a slot.
   *
   * @param former slot of the vector that it replaces, or a negative number
   */
  public void placed(int node, int former) {
    if (former >= 0 && nodes.contains(former)) {
      nodes.add(node);
    } else {
      nodes.remove(node);
    }
  }

  /**
   * Replaces all vectors of the set.
   *
   * @param words bitmap of the new ones; belongs to the set from now on
   * @param vectors how many of them hold a vector
   */
  public void replace(long[] words, int vectors) {
    nodes.assign(words);
    count = vectors;
  }

  /** Puts a node that holds a vector into the set, or takes it out. */
  public void put(int node, boolean isMember) {
    if (nodes.contains(node) != isMember) {
      int next = count + (isMember ? 1 : -1); // one thread writes
      count = next;
      if (isMember) {
        nodes.add(node);
      } else {
        nodes.remove(node);
      }
    }
  }

  /** A vector is deleted. */
  public void deleted(int node) {
    if (nodes.contains(node)) {
      int next = count - 1; // one thread writes
      count = next;
    }
  }
}
