// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.VectorFile;
import java.io.EOFException;
import java.io.IOException;
import java.util.function.LongConsumer;

/** Reads the whole vector file in large pieces and compares every slot with its checksum. */
public final class SlotChecker {
  private static final long CHUNK_BYTES = 4 << 20;

  private SlotChecker() {}

  /**
   * Checks all slots.
   *
   * @param progress told of slots as they are checked
   * @throws CorruptIndexException naming the first damaged slot a worker meets
   */
  public static void checkAll(LoadedIndex loaded, Workers workers, LongConsumer progress)
      throws IOException {
    VectorFile geometry =
        new VectorFile(loaded.manifest().dimension(), loaded.manifest().storage());
    int slotBytes = geometry.slotBytes();
    int chunkSlots = (int) Math.max(8, CHUNK_BYTES / slotBytes / 8 * 8);
    long chunkBytes = (long) chunkSlots * slotBytes;
    try (NativeMemory staging = NativeMemory.allocate(chunkBytes * workers.size())) {
      workers.forRanges(
          loaded.manifest().count(),
          chunkSlots,
          (worker, from, to) -> {
            long stage = worker * chunkBytes;
            long bytes = (long) (to - from) * slotBytes;
            readThrough(loaded, staging, stage, bytes, geometry.offset(from));
            for (int slot = from; slot < to; slot++) {
              if (loaded.isDead(slot)) {
                continue;
              }
              long at = stage + (long) (slot - from) * slotBytes;
              loaded.verifyChecksum(slot, FileHeader.checksum(staging.segment(), at, slotBytes));
            }
            synchronized (loaded) {
              progress.accept(to - from);
            }
          });
    }
  }

  /** Direct reads are whole alignments; the file's last one may be cut. */
  private static void readThrough(
      LoadedIndex loaded, NativeMemory staging, long stage, long bytes, long offset)
      throws IOException {
    long aligned = (bytes + 4095) / 4096 * 4096;
    try {
      loaded.vectors().read(staging.segment(), stage, aligned, offset);
    } catch (EOFException e) {
      if (offset + bytes > loaded.vectors().size()) {
        throw new CorruptIndexException(loaded.vectors().path(), "truncated: " + e.getMessage());
      }
    }
  }
}
