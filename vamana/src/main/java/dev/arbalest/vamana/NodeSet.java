// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import java.util.Arrays;

/**
 * A set of nodes as a bitmap. One thread at a time may change it while others read: a reader that
 * learns of a change through a volatile write sees it.
 */
public final class NodeSet {
  private volatile long[] words;

  /** Makes an empty set with room for some nodes; it grows as nodes are added. */
  public NodeSet(int nodes) {
    words = new long[(int) (((long) nodes + 63) >>> 6)];
  }

  private NodeSet(long[] words) {
    this.words = words;
  }

  /** The nodes of a bitmap like {@link #words}, which belongs to the set from now on. */
  public static NodeSet of(long[] words) {
    return new NodeSet(words);
  }

  /** Replaces all nodes by those of a bitmap, which belongs to the set from now on. */
  public void assign(long[] bitmap) {
    words = bitmap;
  }

  /** The words of the bitmap, node 0 in the lowest bit of the first; nodes beyond are absent. */
  public long[] words() {
    return words;
  }

  /** Whether a bitmap of {@link #words} has a node. */
  public static boolean contains(long[] words, int node) {
    int word = node >>> 6;
    return word < words.length && (words[word] >>> node & 1) != 0;
  }

  /** Whether the set has a node. */
  public boolean contains(int node) {
    return contains(words, node);
  }

  /** Adds a node, at least 0. */
  public void add(int node) {
    long[] present = words;
    int word = node >>> 6;
    if (word >= present.length) {
      present = Arrays.copyOf(present, word + word / 8 + 1);
      present[word] |= 1L << node;
      words = present;
    } else {
      present[word] |= 1L << node;
    }
  }

  /** Takes a node out. */
  public void remove(int node) {
    long[] present = words;
    if (node >>> 6 < present.length) {
      present[node >>> 6] &= ~(1L << node);
    }
  }

  /** A copy of this set. */
  public NodeSet copy() {
    return new NodeSet(words.clone());
  }

  /** The nodes that both sets have. */
  public NodeSet and(NodeSet other) {
    long[] a = words;
    long[] b = other.words;
    long[] both = Arrays.copyOf(a, Math.min(a.length, b.length));
    for (int i = 0; i < both.length; i++) {
      both[i] &= b[i];
    }
    return new NodeSet(both);
  }

  /** The nodes that at least one of the sets has. */
  public NodeSet or(NodeSet other) {
    long[] a = words;
    long[] b = other.words;
    long[] longer = a.length >= b.length ? a : b;
    long[] shorter = a.length >= b.length ? b : a;
    long[] either = longer.clone();
    for (int i = 0; i < shorter.length; i++) {
      either[i] |= shorter[i];
    }
    return new NodeSet(either);
  }

  /** The nodes of this set that another does not have. */
  public NodeSet without(NodeSet other) {
    long[] rest = words.clone();
    long[] b = other.words;
    for (int i = 0; i < Math.min(rest.length, b.length); i++) {
      rest[i] &= ~b[i];
    }
    return new NodeSet(rest);
  }

  /** Number of nodes. */
  public int size() {
    int size = 0;
    for (long word : words) {
      size += Long.bitCount(word);
    }
    return size;
  }

  /** Number of nodes that both sets have. */
  public int sizeOfIntersection(NodeSet other) {
    long[] a = words;
    long[] b = other.words;
    int size = 0;
    for (int i = 0; i < Math.min(a.length, b.length); i++) {
      size += Long.bitCount(a[i] & b[i]);
    }
    return size;
  }
}
