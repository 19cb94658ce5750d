// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import dev.arbalest.vamana.NodeSet;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/**
 * The newest vectors, which are not in the graph yet: a ring of rows in memory that every search
 * scans. Its bounded size bounds the cost of that scan.
 *
 * <p>Positions count rows ever added, modulo 2^32. A search scans rows in [{@link #start}, {@link
 * #end}). The ring keeps rows in [{@link #kept}, {@link #end}), because searches that started
 * earlier may still read them.
 *
 * <p>Each change of an index (a batch inserted, some ids deleted) has an operation number, which
 * counts from 1. {@link #publish} makes it visible together with its rows, in one write: a search
 * that has read {@link #state} sees every change up to it and none that came later. One thread at a
 * time adds and publishes, another moves {@link #start} and {@link #kept}.
 */
public final class UnlinkedRows {
  /** Bytes of rows: to look through them takes a tenth of a search. */
  private static final long MAX_BYTES = 2L << 20;

  private static final int MIN_ROWS = 64;
  private static final int MAX_ROWS = 2048;

  private final int dimension;
  private final int capacity;
  private final MemorySegment rows;
  private final MemorySegment[] rowSegments;
  private final int[] nodes;
  private final long[] sequences;
  private volatile int start;
  private volatile int kept;

  private volatile NodeSet linked = new NodeSet(0);

  /** Operation in the high half, end in the low half. */
  private volatile long state;

  public UnlinkedRows(int dimension, SegmentAllocator memory) {
    this.dimension = dimension;
    this.capacity = capacity(dimension);
    this.rows = memory.allocate(4L * dimension * capacity, 64);
    this.rowSegments = new MemorySegment[capacity];
    java.util.Arrays.setAll(rowSegments, i -> rows.asSlice(4L * dimension * i, 4L * dimension));
    this.nodes = new int[capacity];
    this.sequences = new long[capacity];
  }

  /** Rows that fit, a power of two. */
  public static int capacity(int dimension) {
    long fit = MAX_BYTES / (4L * dimension);
    return (int) Long.highestOneBit(Math.clamp(fit, MIN_ROWS, MAX_ROWS));
  }

  public int capacity() {
    return capacity;
  }

  /** Memory of all rows. */
  public MemorySegment rows() {
    return rows;
  }

  /** Where the row at a position lies. */
  public long offset(int position) {
    return 4L * dimension * (position & (capacity - 1));
  }

  /**
   * The rows from a position on that lie one after the other, as if they were of nodes 0, 1, ...
   */
  public F32Rows rowsFrom(int position, int count) {
    return new F32Rows(rows, offset(position), 4L * dimension, count, dimension);
  }

  /** A row by itself. */
  public MemorySegment row(int position) {
    return rowSegments[position & (capacity - 1)];
  }

  /** Of {@code count} rows from a position on, how many lie one after the other. */
  public int contiguous(int position, int count) {
    return Math.min(count, capacity - (position & (capacity - 1)));
  }

  public int node(int position) {
    return nodes[position & (capacity - 1)];
  }

  /** Sequence of the log's block that holds a row. */
  public long sequence(int position) {
    return sequences[position & (capacity - 1)];
  }

  /** Places for rows. */
  public int room() {
    return capacity - (end() - kept);
  }

  /** Sets what a row's node and block are, before it is published. */
  public void set(int position, int node, long sequence) {
    nodes[position & (capacity - 1)] = node;
    sequences[position & (capacity - 1)] = sequence;
  }

  /** Makes an operation visible with the rows it added. */
  public void publish(int operation, int end) {
    state = ((long) operation << 32) | (end & 0xffffffffL);
  }

  /** What is visible: {@link #operation} and {@link #end} of it belong together. */
  public long state() {
    return state;
  }

  static int operation(long state) {
    return (int) (state >>> 32);
  }

  public static int end(long state) {
    return (int) state;
  }

  public int end() {
    return (int) state;
  }

  /** First row that is not in the graph. */
  public int start() {
    return start;
  }

  /** Notes that rows before a position are in the graph. */
  public void moveStart(int position) {
    start = position;
  }

  /** Gives up rows before a position. */
  public void moveKept(int position) {
    kept = position;
  }

  /** Has searches know the nodes that are in the graph and in their slots; the set may change. */
  public void link(NodeSet nodes) {
    linked = nodes;
  }

  /** Whether a node is in the graph and in its slot. */
  boolean isLinked(int node) {
    return linked.contains(node);
  }

  /** Rows not in the graph. */
  public int pending() {
    return end() - start;
  }
}
