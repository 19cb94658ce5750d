// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.BadInputException;
import dev.arbalest.ElementType;
import dev.arbalest.ProgressListener;
import dev.arbalest.VectorInput;
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
      VectorInput input,
      Metric metric,
      ElementType storage,
      MemorySegment checksums,
      MemorySegment resident,
      Workers workers,
      ProgressListener listener)
      throws IOException {
    F32Rows rows = input.rows();
    VectorFile geometry = new VectorFile(rows.dimension(), storage);
    int slotBytes = geometry.slotBytes();
    long rowBytes = 4L * rows.dimension();
    // Chunks end at multiples of 4096 bytes, which direct writes need on some disks.
    long share = Math.min(CHUNK_BYTES, BuildPlan.STAGING_BYTES / workers.size());
    int chunkSlots = (int) Math.max(8, share / slotBytes / 8 * 8);
    long chunkBytes = (long) chunkSlots * slotBytes;
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.CREATE);
        NativeMemory staging = NativeMemory.allocate(chunkBytes * workers.size())) {
      long size = geometry.fileBytes(rows.count());
      file.reserve(size);
      int headerChecksum = geometry.writeHeader(file);
      double[] longest = new double[workers.size()];
      workers.forRanges(
          rows.count(),
          chunkSlots,
          (worker, from, to) -> {
            MemorySegment stage = staging.segment().asSlice(worker * chunkBytes, chunkBytes);
            stage.fill((byte) 0);
            float[] row = new float[rows.dimension()];
            for (int i = from; i < to; i++) {
              double norm = input.checkRow(i, metric);
              longest[worker] = Math.max(longest[worker], norm);
              long offset = (long) (i - from) * slotBytes;
              RowCheck.take(rows, i, metric, norm, row);
              storage.store(row, i, stage, offset);
              if (resident.byteSize() > 0) {
                MemorySegment.copy(
                    row, 0, resident, F32Rows.FLOAT, (long) i * rowBytes, row.length);
              }
              checksums.setAtIndex(
                  FileHeader.INT, i, FileHeader.checksum(stage, offset, slotBytes));
            }
            long bytes = (long) (to - from) * slotBytes;
            file.write(stage, 0, (bytes + 4095) / 4096 * 4096, geometry.offset(from));
            input.release(from, to);
            synchronized (file) {
              listener.advanced(to - from);
            }
          });
      file.truncate(size);
      file.sync();
      noteTooShort(Arrays.stream(longest).max().orElse(0), input, metric, listener);
      return headerChecksum;
    }
  }

  private static void noteTooShort(
      double longest, VectorInput input, Metric metric, ProgressListener listener) {
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
