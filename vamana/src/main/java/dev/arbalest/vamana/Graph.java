// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Out-neighbours of {@code nodeCount} nodes in off-heap memory it owns: node {@code n} has {@code
 * maxDegree} little-endian ints from byte {@code 4 * maxDegree * n}, its neighbours in order, the
 * rest {@value #NONE}. Memory may be reserved for more nodes than there are; it is taken from the
 * system as they come.
 *
 * <p>Any thread may read at any time. Callers ensure that one thread at a time writes a node; a
 * concurrent reader may find old and new neighbours mixed, with gaps of {@value #NONE}. A reader
 * that finds a node as a neighbour sees everything the writing thread had written before it added
 * that neighbour.
 */
public final class Graph implements AutoCloseable {
  /** Marks an unused neighbour place. */
  public static final int NONE = -1;

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final NativeMemory memory;
  private final MemorySegment segment;
  private final int capacity;
  private final int maxDegree;
  private volatile int nodeCount;
  private volatile int entryPoint;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  private Graph(int capacity, int nodeCount, int maxDegree) {
    this.memory = NativeMemory.reserve(byteSize(capacity, maxDegree));
    memory.use(byteSize(nodeCount, maxDegree));
    this.segment = memory.segment();
    this.capacity = capacity;
    this.nodeCount = nodeCount;
    this.maxDegree = maxDegree;
  }

  /**
   * Allocates a graph without edges whose entry point is node 0.
   *
   * @param nodeCount at least 1
   * @param maxDegree R, in [1, 1024]
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  public static Graph allocate(int nodeCount, int maxDegree) {
    Graph graph = allocateUnset(nodeCount, maxDegree);
    graph.segment.fill((byte) 0xff);
    return graph;
  }

  /**
   * Allocates a graph whose neighbour memory the caller fills through {@link #segment} before any
   * other use, with {@link #validate} after it.
   */
  @MustBeClosed
  public static Graph allocateUnset(int nodeCount, int maxDegree) {
    requireRanges(nodeCount, maxDegree);
    return new Graph(nodeCount, nodeCount, maxDegree);
  }

  /**
   * Reserves memory for nodes to come: a graph of none, without entry point.
   *
   * @param capacity most nodes it will have, at least 1
   * @param expected number of nodes to load
   * @param maxDegree R, in [1, 1024]
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  public static Graph reserve(int capacity, int expected, int maxDegree) {
    requireRanges(capacity, maxDegree);
    Graph graph = new Graph(capacity, expected, maxDegree);
    graph.nodeCount = 0;
    graph.entryPoint = NONE;
    return graph;
  }

  private static void requireRanges(int nodeCount, int maxDegree) {
    if (nodeCount < 1) {
      throw new IllegalArgumentException("nodeCount must be at least 1: " + nodeCount);
    }
    if (maxDegree < 1 || maxDegree > 1024) {
      throw new IllegalArgumentException("degree must be in [1, 1024]: " + maxDegree);
    }
  }

  /** Adds nodes without edges, so that there are {@code newCount}, at most the capacity. */
  public void extend(int newCount) {
    int present = nodeCount;
    if (newCount < present || newCount > capacity) {
      throw new IllegalArgumentException(
          "nodes must be in [" + present + ", " + capacity + "]: " + newCount);
    }
    memory.use(byteSize(newCount, maxDegree));
    segment
        .asSlice(byteSize(present, maxDegree), byteSize(newCount - present, maxDegree))
        .fill((byte) 0xff);
    nodeCount = newCount;
  }

  /** Forgets the nodes from {@code newCount} on, which no node may have as a neighbour. */
  public void shrink(int newCount) {
    if (newCount < 0 || newCount > nodeCount) {
      throw new IllegalArgumentException("nodes must be in [0, " + nodeCount + "]: " + newCount);
    }
    nodeCount = newCount;
  }

  /**
   * Takes the nodes of a loaded graph of a smaller or equal degree, whose neighbour memory is in
   * the first bytes of {@link #reserved}; {@link #tidy} or {@link #validate} checks it.
   */
  public void take(int count, int degree, int newEntryPoint) {
    if (nodeCount != 0 || count > capacity || degree > maxDegree) {
      throw new IllegalArgumentException(count + " nodes of degree " + degree + " do not fit");
    }
    if (degree < maxDegree) {
      int[] row = new int[degree];
      for (int node = count - 1; node >= 0; node--) { // last first: rows move up
        MemorySegment.copy(segment, INT, byteSize(node, degree), row, 0, degree);
        setNeighbors(node, row, 0, degree);
      }
    }
    nodeCount = count;
    entryPoint = newEntryPoint;
  }

  /** Takes out neighbours that are no nodes, as a copy made while nodes were written may have. */
  public void tidy() {
    int[] row = new int[maxDegree];
    for (int node = 0; node < nodeCount; node++) {
      MemorySegment.copy(segment, INT, base(node), row, 0, maxDegree);
      int kept = 0;
      for (int neighbor : row) {
        if (neighbor >= 0 && neighbor < nodeCount && neighbor != node) {
          row[kept++] = neighbor;
        }
      }
      setNeighbors(node, row, 0, kept);
    }
  }

  /** Bytes for the neighbours of some number of nodes. */
  public static long byteSize(int nodeCount, int maxDegree) {
    return 4L * nodeCount * maxDegree;
  }

  /** Number of nodes; nodes are [0, nodeCount). */
  public int nodeCount() {
    return nodeCount;
  }

  /** Most nodes it can have. */
  public int capacity() {
    return capacity;
  }

  /** R: most out-neighbours a node can have. */
  public int maxDegree() {
    return maxDegree;
  }

  /** Where searches start; {@link #NONE} while there is nowhere to. */
  public int entryPoint() {
    return entryPoint;
  }

  /** Sets where searches start. */
  public void setEntryPoint(int node) {
    if (node != NONE) {
      java.util.Objects.checkIndex(node, nodeCount);
    }
    entryPoint = node;
  }

  /** Number of out-neighbours of {@code node}. */
  public int degree(int node) {
    long base = base(node);
    int degree = 0;
    while (degree < maxDegree && segment.get(INT, base + 4L * degree) != NONE) {
      degree++;
    }
    return degree;
  }

  /** Neighbour {@code rank} of {@code node}, or {@link #NONE} from its degree on. */
  public int neighbor(int node, int rank) {
    java.util.Objects.checkIndex(rank, maxDegree);
    return segment.get(INT, base(node) + 4L * rank);
  }

  /**
   * Copies the neighbours of {@code node} into {@code target} and returns how many there are; while
   * the node is being written there may be {@link #NONE} among them.
   *
   * @param target at least {@link #maxDegree} long
   */
  public int neighbors(int node, int[] target) {
    MemorySegment.copy(segment, INT, base(node), target, 0, maxDegree);
    VarHandle.acquireFence();
    // Unused places come last: halving finds the first.
    int low = 0;
    int high = maxDegree;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (target[middle] == NONE) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /** Replaces the neighbours of {@code node} by {@code source[from, from + count)}. */
  public void setNeighbors(int node, int[] source, int from, int count) {
    if (count > maxDegree) {
      throw new IllegalArgumentException(count + " neighbours exceed the degree " + maxDegree);
    }
    VarHandle.releaseFence(); // a thread that finds new neighbours sees their codes
    long base = base(node);
    for (int i = 0; i < count; i++) {
      segment.set(INT, base + 4L * i, source[from + i]);
    }
    for (int i = count; i < maxDegree; i++) {
      segment.set(INT, base + 4L * i, NONE);
    }
  }

  /** Replaces one neighbour. */
  public void setNeighbor(int node, int rank, int neighbor) {
    java.util.Objects.checkIndex(rank, maxDegree);
    segment.set(INT, base(node) + 4L * rank, neighbor);
  }

  private long base(int node) {
    return 4L * maxDegree * node;
  }

  /** The neighbour memory of the present nodes, in the layout of the class comment. */
  public MemorySegment segment() {
    return segment.asSlice(0, byteSize(nodeCount, maxDegree));
  }

  /** The neighbour memory of as many nodes as it can have. */
  public MemorySegment reserved() {
    return segment;
  }

  /**
   * Checks that every neighbour is a node, that unused places come last, and that no node is its
   * own neighbour.
   *
   * @return the fault of the first bad node, or the empty string
   */
  public String validate() {
    for (int node = 0; node < nodeCount; node++) {
      boolean ended = false;
      for (int rank = 0; rank < maxDegree; rank++) {
        int neighbor = neighbor(node, rank);
        if (neighbor == NONE) {
          ended = true;
        } else if (ended || neighbor < 0 || neighbor >= nodeCount || neighbor == node) {
          return "node " + node + " has neighbour " + neighbor + " at rank " + rank;
        }
      }
    }
    return "";
  }

  @Override
  public void close() {
    memory.close();
  }
}
