// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import dev.arbalest.Ids;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.pq.CodeEncoder;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.RowCheck;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.log.LogAppender;
import dev.arbalest.ssd.log.LogRecord;
import dev.arbalest.ssd.log.WriteAheadLog;
import dev.arbalest.ssd.search.UnlinkedRows;
import dev.arbalest.ssd.store.LoadedIndex;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The part of a write that is applied at once: stages vectors, codes and checksums, and appends
 * them to the log as one block. The lock of the {@link LiveState} guards it.
 */
final class WriteChunk implements AutoCloseable {
  /** Chunks per unlinked rows: several fit while others are being linked. */
  private static final int CHUNKS_PER_RING = 4;

  /** Maximum bytes of text ids per chunk, so that a chunk always fits a log block. */
  private static final int MAX_ID_BYTES = 4 << 20;

  private final LoadedIndex loaded;
  private final VectorFile geometry;
  private final Metric metric;
  private final UnlinkedRows unlinked;
  private final SlabPool.Lease memory;
  private final CodeEncoder encoder;
  private final MemorySegment chunkCodes;
  private final MemorySegment payload;
  private final MemorySegment slotImage;
  private final ByteBuffer slotImageBytes;
  private final CRC32C crc = new CRC32C();
  private final float[] row;
  private final int[] chunkNodes;
  private @Nullable LogAppender appender;

  WriteChunk(LiveState state, SlabPool.Lease memory) {
    this.loaded = state.loaded;
    this.geometry = state.geometry;
    this.metric = loaded.manifest().metric();
    this.unlinked = state.unlinked;
    this.memory = memory;
    int dimension = geometry.dimension();
    int chunk = unlinked.capacity() / CHUNKS_PER_RING;
    this.chunkNodes = new int[chunk];
    this.row = new float[dimension];
    this.encoder = loaded.codec().newEncoder(memory);
    this.chunkCodes = memory.allocate((long) chunk * loaded.codec().codeBytes(), 64);
    this.payload = memory.allocate(MAX_ID_BYTES + 64L + 4L * dimension * chunk, 64);
    this.slotImage = memory.allocate(geometry.slotBytes(), 64);
    this.slotImageBytes = slotImage.asByteBuffer();
  }

  /** Appends to a log from now on. */
  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  void start(WriteAheadLog log) {
    appender = log.newAppender(Math.toIntExact(payload.byteSize()), memory);
  }

  /** Most vectors of a chunk. */
  int capacity() {
    return chunkNodes.length;
  }

  /** The nodes of the chunk; the caller sets them. */
  int[] nodes() {
    return chunkNodes;
  }

  /** The row behind the last that a chunk from a row holds. */
  int end(Ids ids, int from) {
    int to = Math.min(ids.size(), from + chunkNodes.length);
    while (to > from + 1 && LogRecord.idBytes(ids, from, to) > MAX_ID_BYTES) {
      to = from + (to - from) / 2;
    }
    return to;
  }

  /**
   * Stages vectors [from, to) for the nodes that were set: rows from {@code end} on, codes and
   * checksums.
   *
   * @param norms of the rows, or null if they were not checked
   */
  void stageAll(Ids ids, F32Rows rows, double @Nullable [] norms, int from, int to, int end) {
    int count = to - from;
    int idBytes = LogRecord.idBytes(ids, from, to);
    for (int i = 0; i < count; i++) {
      int source = from + i;
      double norm =
          norms == null ? RowCheck.norm(rows, source, metric, RowCheck::insert) : norms[source];
      RowCheck.take(rows, source, metric, norm, row);
      stage(source, end + i, chunkNodes[i], idBytes + 4L * i * row.length);
    }
    encode(end, count);
  }

  /** Appends the staged rows; returns their sequence. */
  long appendInsert(Ids ids, int from, int to) throws IOException {
    int floatsFrom =
        LogRecord.write(payload, LogRecord.INSERT, ids, from, to, geometry.dimension());
    return append(floatsFrom + 4 * (to - from) * row.length, floatsFrom);
  }

  /** The id behind the last that a delete from an id on holds. */
  int deleteEnd(Ids ids, int from, int most) {
    int to = Math.min(ids.size(), from + most);
    while (to > from + 1 && LogRecord.idBytes(ids, from, to) > payload.byteSize()) {
      to = from + (to - from) / 2;
    }
    return to;
  }

  /** Appends a delete; returns its sequence. */
  long appendDelete(Ids ids, int from, int to) throws IOException {
    int bytes = LogRecord.write(payload, LogRecord.DELETE, ids, from, to, 0);
    return append(bytes, bytes);
  }

  /**
   * Adds the taken row to the unlinked rows and the block, and its slot's checksum to the table.
   */
  private void stage(int source, int position, int node, long blockOffset) {
    slotImage.fill((byte) 0);
    geometry.type().store(row, source, slotImage, 0);
    crc.reset();
    crc.update(slotImageBytes.rewind());
    int checksum = (int) crc.getValue();
    loaded.checksums().segment().setAtIndex(FileHeader.INT, node, checksum);
    MemorySegment.copy(
        row, 0, unlinked.rows(), F32Rows.FLOAT, unlinked.offset(position), row.length);
    MemorySegment.copy(row, 0, payload, F32Rows.FLOAT, blockOffset, row.length);
  }

  private void encode(int position, int count) {
    int codeBytes = loaded.codec().codeBytes();
    int done = 0;
    while (done < count) {
      int run = unlinked.contiguous(position + done, count - done);
      F32Rows rows = unlinked.rowsFrom(position + done, run);
      F32Rows prefix =
          new F32Rows(
              rows.memory(),
              rows.offsetBytes(),
              rows.strideBytes(),
              run,
              loaded.codec().dimension());
      encoder.encode(prefix, 0, run, chunkCodes);
      for (int i = 0; i < run; i++) {
        MemorySegment.copy(
            chunkCodes,
            (long) i * codeBytes,
            loaded.codes().segment(),
            (long) chunkNodes[done + i] * codeBytes,
            codeBytes);
      }
      done += run;
    }
  }

  private long append(int bytes, int floatsFrom) throws IOException {
    return Objects.requireNonNull(appender).append(payload, bytes, floatsFrom);
  }

  @Override
  public void close() {
    @Nullable LogAppender present = appender;
    if (present != null) {
      present.close();
    }
  }
}
