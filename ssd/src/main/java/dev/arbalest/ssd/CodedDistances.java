package dev.arbalest.ssd;

import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.pq.CodeScorer;
import dev.arbalest.pq.Codec;
import dev.arbalest.pq.ScalarQuantizer;
import dev.arbalest.pq.ScalarQuantizerPairs;
import dev.arbalest.vamana.BuildDistances;
import dev.arbalest.vamana.ExactDistances;
import dev.arbalest.vamana.NodeQuery;
import dev.arbalest.vamana.PairDistances;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A build's distances where searches walk on codes, which need a fraction of the memory traffic of
 * vectors, and pruning compares exact distances, or those of one-byte codes where the vectors do
 * not fit in memory.
 *
 * <p>Owns the scorers it makes; {@link #close} frees them. The code tables belong to the caller.
 */
final class CodedDistances implements BuildDistances, AutoCloseable {
  /** Most nodes one call scores: beyond any degree with its slack. */
  static final int BATCH = 1024;

  private final ExactDistances exact;
  private final Codec walkCodec;
  private final MemorySegment walkCodes;
  private final @Nullable Narrow narrow;
  private final float @Nullable [] lift;
  private final List<AutoCloseable> scorers = new ArrayList<>();

  /**
   * Codes that stand in for vectors.
   *
   * @param codec trained for L2
   * @param codes its table
   */
  record Narrow(ScalarQuantizer codec, MemorySegment codes) {}

  /**
   * Puts them together.
   *
   * @param narrow what to compare instead of vectors, null to compare vectors
   */
  CodedDistances(
      ExactDistances exact, Codec walkCodec, MemorySegment walkCodes, @Nullable Narrow narrow) {
    this.exact = exact;
    this.walkCodec = walkCodec;
    this.walkCodes = walkCodes;
    this.narrow = narrow;
    this.lift = exact.lift();
  }

  @Override
  public int count() {
    return exact.count();
  }

  @Override
  public int entryPoint(Workers workers) throws IOException {
    if (narrow == null) {
      return exact.entryPoint(workers);
    }
    // One pass over codes in memory; the vectors would have to be read twice.
    int[] nodes = new int[BATCH];
    float[] distances = new float[BATCH];
    int nearest = 0;
    float least = Float.POSITIVE_INFINITY;
    try (ScalarQuantizerPairs pairs = new ScalarQuantizerPairs(narrow.codec(), narrow.codes())) {
      pairs.queryMean();
      for (int first = 0; first < count(); first += BATCH) {
        int size = Math.min(BATCH, count() - first);
        for (int i = 0; i < size; i++) {
          nodes[i] = first + i;
        }
        pairs.score(nodes, 0, size, distances);
        for (int i = 0; i < size; i++) {
          if (distances[i] < least) {
            least = distances[i];
            nearest = first + i;
          }
        }
      }
    }
    return nearest;
  }

  @Override
  public PairDistances newPairs() {
    return narrow == null ? exact.newPairs() : new NarrowPairs(narrow);
  }

  @Override
  public NodeQuery newQuery() {
    return new CodeQuery();
  }

  @Override
  public void close() {
    for (AutoCloseable scorer : scorers) {
      try {
        scorer.close();
      } catch (Exception e) {
        throw new IllegalStateException("a scorer could not be closed", e);
      }
    }
  }

  private synchronized <T extends AutoCloseable> T own(T scorer) {
    scorers.add(scorer);
    return scorer;
  }

  /** Distances between decoded one-byte codes. */
  private final class NarrowPairs implements PairDistances {
    private final ScalarQuantizerPairs pairs;
    private float[] scores = new float[BATCH];

    @SuppressWarnings("MustBeClosedChecker") // closed by CodedDistances.close()
    NarrowPairs(Narrow narrow) {
      pairs = own(new ScalarQuantizerPairs(narrow.codec(), narrow.codes()));
    }

    @Override
    public void distances(int node, int[] others, int from, int count, float[] out, int outFrom) {
      if (scores.length < count) {
        scores = new float[2 * count];
      }
      pairs.query(node);
      pairs.score(others, from, count, scores);
      for (int i = 0; i < count; i++) {
        float distance = scores[i];
        if (lift != null) {
          float difference = lift[node] - lift[others[from + i]];
          distance += difference * difference;
        }
        out[outFrom + i] = distance;
      }
    }
  }

  /** A node's vector scored against codes. */
  private final class CodeQuery implements NodeQuery {
    private final CodeScorer scorer;
    private final @Nullable ScalarQuantizerPairs decoder;
    private final NativeMemory decoded;
    private int node;

    @SuppressWarnings("MustBeClosedChecker") // closed by CodedDistances.close()
    CodeQuery() {
      scorer = own(walkCodec.newScorer(walkCodes, BATCH));
      decoder =
          narrow == null ? null : own(new ScalarQuantizerPairs(narrow.codec(), narrow.codes()));
      decoded = own(NativeMemory.allocate(4L * walkCodec.dimension()));
    }

    @Override
    public void query(int newNode) {
      node = newNode;
      if (decoder != null) {
        decoder.decode(newNode, decoded.segment());
        scorer.query(decoded.segment());
        return;
      }
      F32Rows rows = exact.rows();
      scorer.query(rows.memory().asSlice(rows.offset(newNode), 4L * rows.dimension()));
    }

    @Override
    public void score(int[] nodes, int count, float[] distances) {
      scorer.score(nodes, 0, count, distances);
      if (lift != null) {
        // Half the lifted squared distance, less what is the same for all nodes.
        for (int i = 0; i < count; i++) {
          distances[i] -= lift[node] * lift[nodes[i]];
        }
      }
    }
  }
}
