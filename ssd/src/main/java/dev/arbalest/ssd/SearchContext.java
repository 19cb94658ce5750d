package dev.arbalest.ssd;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.cache.VectorCache;
import dev.arbalest.natives.F32Distance;
import dev.arbalest.natives.F32Rows;
import dev.arbalest.natives.Metric;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.pq.CodeScorer;
import dev.arbalest.vamana.CandidateList;
import dev.arbalest.vamana.GreedySearch;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Everything one search at a time needs: query memory, tables of the codec, candidate lists, read
 * buffers. Made once per searching thread and reused; a search allocates nothing once its lists
 * have grown to size.
 */
final class SearchContext implements AutoCloseable {
  private static final int DEFAULT_LIST = 128;

  private final Index index;
  private final SlotReader reader;
  private final CodeScorer scorer;
  private final GreedySearch walk;
  private final CandidateList nearest = new CandidateList(DEFAULT_LIST);
  private final CandidateList preliminary = new CandidateList(DEFAULT_LIST);
  private final NativeMemory query;
  private final ByteBuffer bytes;
  private final CRC32C crc = new CRC32C();
  private final int[] bufferNodes;
  private final long[] rowOffsets;
  private final float[] exactDistances;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  SearchContext(Index index, SlotReader reader) {
    this.index = index;
    this.reader = reader;
    this.bytes = reader.memory().asByteBuffer();
    this.query = NativeMemory.allocate(4L * index.dimension());
    this.scorer = index.codec().newScorer(index.codes(), index.graph().maxDegree());
    this.walk = new GreedySearch(index.graph(), DEFAULT_LIST);
    this.bufferNodes = new int[reader.capacity()];
    this.rowOffsets = new long[reader.capacity()];
    this.exactDistances = new float[reader.capacity()];
  }

  /** Answers a query into {@code result}. */
  void search(float[] vector, SearchParameters parameters, SearchResult result) throws IOException {
    long start = System.nanoTime();
    takeQuery(vector);
    scorer.query(query.segment());
    CandidateList candidates =
        walk.search(
            (nodes, count, out) -> scorer.score(nodes, 0, count, out),
            Math.min(parameters.searchListSize(), index.count()));
    result.reset(parameters.k());
    result.hops = walk.hops();
    result.scored = walk.scored();
    result.walkNanos = System.nanoTime() - start;
    int rerank = Math.min(parameters.rerank(), candidates.size());
    if (parameters.prefix() > 0 && parameters.prefix() < index.dimension()) {
      preliminary.reset(Math.min(rerank, parameters.survivors()));
      rerank(candidates, rerank, parameters.prefix(), preliminary, result);
      nearest.reset(parameters.k());
      rerank(preliminary, preliminary.size(), index.dimension(), nearest, result);
    } else {
      nearest.reset(parameters.k());
      rerank(candidates, rerank, index.dimension(), nearest, result);
    }
    for (int rank = 0; rank < nearest.size(); rank++) {
      result.add(index.externalId(nearest.node(rank)), nearest.distance(rank));
    }
  }

  /** Copies the query into aligned memory, normalised for cosine. */
  private void takeQuery(float[] vector) {
    MemorySegment memory = query.segment();
    MemorySegment.copy(vector, 0, memory, F32Rows.FLOAT, 0, vector.length);
    double squaredNorm = 0;
    for (float component : vector) {
      squaredNorm += (double) component * component;
    }
    if (!(squaredNorm < VectorInput.LARGEST_SQUARED_NORM)) {
      throw new BadInputException("query has a component that is NaN or infinite, or overflows");
    }
    if (index.metric() == Metric.COSINE) {
      if (squaredNorm == 0) {
        throw new BadInputException("query of norm 0 has no direction under cosine");
      }
      double norm = Math.sqrt(squaredNorm);
      for (int i = 0; i < vector.length; i++) {
        memory.setAtIndex(F32Rows.FLOAT, i, (float) (vector[i] / norm));
      }
    }
  }

  /** Reads the first {@code count} candidates and offers the distances of their prefixes. */
  private void rerank(
      CandidateList candidates, int count, int prefix, CandidateList target, SearchResult result)
      throws IOException {
    for (int from = 0; from < count; from += reader.capacity()) {
      int to = Math.min(count, from + reader.capacity());
      rerank(candidates, from, to, prefix, target, result);
    }
  }

  /** One batch of at most as many candidates as there are buffers. */
  private void rerank(
      CandidateList candidates,
      int from,
      int to,
      int prefix,
      CandidateList target,
      SearchResult result)
      throws IOException {
    long start = System.nanoTime();
    @Nullable VectorCache cache = index.cache();
    boolean whole = prefix == index.dimension();
    int slotBytes = index.geometry().slotBytes();
    int bytes = whole ? slotBytes : (4 * prefix + 511) / 512 * 512;
    int buffers = 0;
    int submitted = 0;
    for (int rank = from; rank < to; rank++) {
      int node = candidates.node(rank);
      int buffer = buffers++;
      bufferNodes[buffer] = node;
      rowOffsets[buffer] = -1;
      if (cache != null && cache.get(node, reader.memory(), reader.offset(buffer))) {
        rowOffsets[buffer] = reader.offset(buffer);
      } else {
        result.readBytes += reader.submit(node, bytes, buffer);
        submitted++;
      }
    }
    if (submitted > 0) {
      reader.await();
    }
    long arrived = System.nanoTime();
    for (int buffer = 0; buffer < buffers; buffer++) {
      if (rowOffsets[buffer] < 0) {
        rowOffsets[buffer] = reader.offset(buffer);
        if (whole) { // a prefix has no checksum of its own; it only chooses what is read whole
          check(bufferNodes[buffer], rowOffsets[buffer]);
        }
        if (whole && cache != null) {
          cache.offer(bufferNodes[buffer], reader.memory(), rowOffsets[buffer]);
        }
      }
    }
    F32Distance.stored(
        // Prefixes have not unit norm: the cosine of the whole is nearest to their L2 order.
        whole || index.metric() == Metric.DOT ? index.metric() : Metric.L2,
        query.segment(),
        0,
        reader.memory(),
        rowOffsets,
        0,
        buffers,
        prefix,
        exactDistances,
        0);
    for (int buffer = 0; buffer < buffers; buffer++) {
      boolean _ = target.offer(bufferNodes[buffer], exactDistances[buffer]);
    }
    result.reads += submitted;
    result.cacheHits += buffers - submitted;
    result.waitNanos += arrived - start;
    result.rerankNanos += System.nanoTime() - arrived;
  }

  /** Compares a slot just read with its checksum: a damaged vector must not give an answer. */
  private void check(int slot, long offset) throws CorruptIndexException {
    crc.reset();
    bytes.limit((int) offset + index.geometry().slotBytes()).position((int) offset);
    crc.update(bytes);
    index.checkSum(slot, (int) crc.getValue());
  }

  @Override
  public void close() throws IOException {
    try (query;
        scorer) {
      reader.close();
    }
  }
}
