// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.generate;

import dev.arbalest.ProgressListener;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.trial.ExactSearch;
import dev.arbalest.vamana.CandidateList;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Writes a model's base rows, queries and exact nearest neighbours. Files appear under their names
 * when they are complete.
 */
public final class DataSetWriter {
  /** Rows of a block and its queries' distances stay in the cache together. */
  private static final int BLOCK_ROWS = 64;

  private static final int TRUTH = 100;

  private final EmbeddingModel model;
  private final int queries;
  private final Workers workers;
  private final ProgressListener progress;

  public DataSetWriter(
      EmbeddingModel model, int queries, Workers workers, ProgressListener progress) {
    this.model = model;
    this.queries = queries;
    this.workers = workers;
    this.progress = progress;
  }

  /**
   * Writes all three files, or the base rows to a stream.
   *
   * @param prefix of the files' names
   * @param stream receives the base rows as an {@code .fbin} file, null to write one
   */
  public void write(Path prefix, @Nullable WritableByteChannel stream) throws IOException {
    int dimension = model.dimension();
    long rowBytes = 4L * dimension;
    try (NativeMemory queryMemory = NativeMemory.allocate(rowBytes * queries)) {
      F32Rows queryRows = new F32Rows(queryMemory.segment(), 0, rowBytes, queries, dimension);
      makeQueries(queryRows);
      try (PendingFile queryFile = new PendingFile(path(prefix, ".query.fbin"));
          PendingFile baseFile =
              stream == null ? new PendingFile(path(prefix, ".base.fbin")) : null;
          PendingFile truthFile = new PendingFile(path(prefix, ".gt.ibin"))) {
        writeRows(queryFile, queryRows);
        if (baseFile != null) {
          writeTruth(truthFile, writeBase(baseFile, queryRows));
          baseFile.commit();
        } else {
          PartWriter sender = new OrderedStream(Objects.requireNonNull(stream));
          writeTruth(truthFile, writeBase(sender, queryRows));
        }
        queryFile.commit();
        truthFile.commit();
      }
    }
  }

  private static Path path(Path prefix, String ending) {
    return prefix.resolveSibling(prefix.getFileName() + ending);
  }

  private void makeQueries(F32Rows rows) throws IOException {
    workers.forRanges(
        queries,
        BLOCK_ROWS,
        (worker, from, to) -> {
          float[] row = new float[model.scratchFloats()];
          for (int query = from; query < to; query++) {
            model.queryRow(query, row);
            MemorySegment.copy(
                row, 0, rows.memory(), F32Rows.FLOAT, rows.offset(query), rows.dimension());
          }
        });
  }

  private static void writeRows(PendingFile file, F32Rows rows) throws IOException {
    file.write(header(rows.count(), rows.dimension()), 0);
    long bytes = rows.strideBytes();
    for (int row = 0; row < rows.count(); row++) {
      file.write(rows.memory().asSlice(rows.offset(row), bytes).asByteBuffer(), 8 + row * bytes);
    }
  }

  private static ByteBuffer header(int count, int width) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putInt(count).putInt(width).flip();
  }

  /** Writes the base rows; returns each query's nearest. */
  private CandidateList[] writeBase(PartWriter file, F32Rows queryRows) throws IOException {
    int dimension = model.dimension();
    long rowBytes = 4L * dimension;
    long blockBytes = BLOCK_ROWS * rowBytes;
    int truth = Math.min(TRUTH, model.count());
    ExactSearch search = new ExactSearch(queryRows, Metric.L2, truth, workers.size());
    progress.stage("generate", model.count());
    try (NativeMemory blocks = NativeMemory.allocate(blockBytes * workers.size())) {
      file.write(header(model.count(), dimension), 0);
      workers.forRanges(
          model.count(),
          BLOCK_ROWS,
          (worker, from, to) -> {
            MemorySegment block = blocks.segment().asSlice(worker * blockBytes, blockBytes);
            try {
              makeBase(block, from, to);
              search.offer(worker, block, offsets(to - from), from);
              file.write(
                  block.asSlice(0, (to - from) * rowBytes).asByteBuffer(), 8 + from * rowBytes);
            } catch (Throwable e) {
              file.giveUp(e);
              throw e;
            }
            progress.advanced(to - from);
          });
    }
    return search.nearest();
  }

  /** Makes base rows [from, to), one after another. */
  private void makeBase(MemorySegment block, int from, int to) {
    float[] row = new float[model.scratchFloats()];
    long[] offsets = offsets(to - from);
    for (int i = from; i < to; i++) {
      model.baseRow(i, row);
      MemorySegment.copy(row, 0, block, F32Rows.FLOAT, offsets[i - from], model.dimension());
    }
  }

  private long[] offsets(int count) {
    long[] offsets = new long[count];
    Arrays.setAll(offsets, i -> 4L * model.dimension() * i);
    return offsets;
  }

  private void writeTruth(PendingFile file, CandidateList[] nearest) throws IOException {
    int k = nearest[0].size();
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.toIntExact(8 + 8L * queries * k)).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(queries).putInt(k);
    for (CandidateList list : nearest) {
      for (int rank = 0; rank < k; rank++) {
        bytes.putInt(list.node(rank));
      }
    }
    for (CandidateList list : nearest) {
      for (int rank = 0; rank < k; rank++) {
        bytes.putFloat(list.distance(rank));
      }
    }
    file.write(bytes.flip(), 0);
  }

  /** A file that gets its name when complete and vanishes otherwise. */
  private static final class PendingFile implements PartWriter, AutoCloseable {
    private final Path path;
    private final Path temporary;
    private final FileChannel channel;

    PendingFile(Path path) throws IOException {
      this.path = path;
      this.temporary = path.resolveSibling(path.getFileName() + ".part");
      this.channel =
          FileChannel.open(
              temporary,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE);
    }

    @Override
    public void write(ByteBuffer bytes, long position) throws IOException {
      long at = position;
      while (bytes.hasRemaining()) {
        at += channel.write(bytes, at);
      }
    }

    void commit() throws IOException {
      channel.close();
      Files.move(
          temporary, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    @Override
    public void close() throws IOException {
      channel.close();
      Files.deleteIfExists(temporary);
    }
  }
}
