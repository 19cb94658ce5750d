package dev.arbalest.vamana;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Out-neighbours of {@code nodeCount} nodes in off-heap memory it owns: node {@code n} has {@code
 * maxDegree} little-endian ints from byte {@code 4 * maxDegree * n}, its neighbours in order, the
 * rest {@value #NONE}.
 *
 * <p>Reads are safe from any thread; writes to a node need exclusion from other accesses to that
 * node, which the caller provides.
 */
public final class Graph implements AutoCloseable {
  /** Marks an unused neighbour place. */
  public static final int NONE = -1;

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final NativeMemory memory;
  private final MemorySegment segment;
  private final int nodeCount;
  private final int maxDegree;
  private int entryPoint;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  private Graph(int nodeCount, int maxDegree) {
    this.memory = NativeMemory.allocate(byteSize(nodeCount, maxDegree));
    this.segment = memory.segment();
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
    if (nodeCount < 1) {
      throw new IllegalArgumentException("nodeCount must be at least 1: " + nodeCount);
    }
    if (maxDegree < 1 || maxDegree > 1024) {
      throw new IllegalArgumentException("degree must be in [1, 1024]: " + maxDegree);
    }
    return new Graph(nodeCount, maxDegree);
  }

  /** Bytes the neighbours of so many nodes take. */
  public static long byteSize(int nodeCount, int maxDegree) {
    return 4L * nodeCount * maxDegree;
  }

  /** Number of nodes; nodes are [0, nodeCount). */
  public int nodeCount() {
    return nodeCount;
  }

  /** R: most out-neighbours a node can have. */
  public int maxDegree() {
    return maxDegree;
  }

  /** Where searches start. */
  public int entryPoint() {
    return entryPoint;
  }

  /** Sets where searches start. */
  public void setEntryPoint(int node) {
    java.util.Objects.checkIndex(node, nodeCount);
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
   * Copies the neighbours of {@code node} into {@code target} and returns how many there are.
   *
   * @param target at least {@link #maxDegree} long
   */
  public int neighbors(int node, int[] target) {
    MemorySegment.copy(segment, INT, base(node), target, 0, maxDegree);
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

  /** The neighbour memory, in the layout of the class comment. */
  public MemorySegment segment() {
    return segment;
  }

  /**
   * Checks that every neighbour is a node, that unused places come last, and that no node is its
   * own neighbour.
   *
   * @return what is wrong with the first bad node, or the empty string
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
