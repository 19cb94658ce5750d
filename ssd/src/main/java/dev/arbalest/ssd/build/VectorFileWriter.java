// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.BadInputException;
import dev.arbalest.ElementType;
import dev.arbalest.ProgressListener;
import dev.arbalest.VectorSource;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.RowCheck;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/** Writes the vector file of a new index: checks, normalises, checksums and stores every row. */
final class VectorFileWriter {
  private static final long CHUNK_BYTES = 4 << 20;

  /** Squares of the components of a vector this short are among the subnormal floats. */
  private static final double TOO_SHORT = 4e-18;

  private VectorFileWriter() {}

  /**
   * Writes all rows of {@code input} as slots of {@code path} and syncs the file.
   *
   * @param checksums receives the CRC32C of every slot, 4 bytes each
   * @param resident where the stored vectors are kept too, as floats one after another, or empty
   * @return the header's checksum
   * @throws BadInputException naming the row that cannot be indexed
   */
  static int write(
      Path path,
      VectorSource input,
      Metric metric,
      ElementType storage,
      MemorySegment checksums,
      MemorySegment resident,
      Workers workers,
      ProgressListener listener)
      throws IOException {
    int dimension = input.dimension();
    VectorFile geometry = new VectorFile(dimension, storage);
    int slotBytes = geometry.slotBytes();
    long rowBytes = 4L * dimension;
    // Chunks end at multiples of 4096 bytes, which direct writes need on some disks.
    long share = Math.min(CHUNK_BYTES, BuildPlan.STAGING_BYTES / 2 / workers.size());
    int chunkSlots = (int) Math.max(8, share / Math.max(slotBytes, rowBytes) / 8 * 8);
    long chunkBytes = (long) chunkSlots * slotBytes;
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.CREATE);
        NativeMemory staging = NativeMemory.allocate(chunkBytes * workers.size());
        SourceChunks chunks = new SourceChunks(input, chunkSlots, workers.size())) {
      long size = geometry.fileBytes(input.count());
      file.reserve(size);
      int headerChecksum = geometry.writeHeader(file);
      double[] longest = new double[workers.size()];
      workers.forRanges(
          input.count(),
          chunkSlots,
          (worker, _, _) -> {
            // The source hands out rows in order, to whoever comes: not the range of this call.
            SourceChunks.Chunk chunk = chunks.next(worker);
            MemorySegment stage = staging.segment().asSlice(worker * chunkBytes, chunkBytes);
            stage.fill((byte) 0);
            float[] row = new float[dimension];
            for (int i = 0; i < chunk.count(); i++) {
              int slot = chunk.first() + i;
              double norm =
                  RowCheck.norm(chunk.rows(), chunk.offset() + i, metric, chunk::describe);
              longest[worker] = Math.max(longest[worker], norm);
              long offset = (long) i * slotBytes;
              RowCheck.take(chunk.rows(), chunk.offset() + i, metric, norm, row);
              storage.store(row, slot, stage, offset);
              if (resident.byteSize() > 0) {
                MemorySegment.copy(row, 0, resident, F32Rows.FLOAT, slot * rowBytes, row.length);
              }
              checksums.setAtIndex(
                  FileHeader.INT, slot, FileHeader.checksum(stage, offset, slotBytes));
            }
            long bytes = (long) chunk.count() * slotBytes;
            file.write(stage, 0, (bytes + 4095) / 4096 * 4096, geometry.offset(chunk.first()));
            chunks.release(chunk);
            synchronized (file) {
              listener.advanced(chunk.count());
            }
          });
      file.truncate(size);
      file.sync();
      noteTooShort(Arrays.stream(longest).max().orElse(0), input, metric, listener);
      return headerChecksum;
    }
  }

  private static void noteTooShort(
      double longest, VectorSource input, Metric metric, ProgressListener listener) {
    if (metric != Metric.COSINE && longest > 0 && longest < TOO_SHORT) {
      listener.note(
          String.format(
              Locale.ROOT,
              "warning: the longest vector of %s has norm %.2g, and single precision cannot tell its"
                  + " distances apart; multiply all vectors by the same factor, or use metric cosine",
              input.name(),
              longest));
    }
  }
}
