// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.trial;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.ElementType;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.read.SlotReader;
import dev.arbalest.ssd.read.SlotReaders;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * Reads blocks at random places of any file with one of the readers searches use, a batch at a
 * time: what a disk gives them. One thread's; not thread-safe.
 */
public final class ReadTrial implements AutoCloseable {
  private final DirectFile file;
  private final @Nullable FileMapping mapping;
  private final @Nullable ExecutorService pool;
  private final SlotReader reader;
  private final SlabPool slabs = new SlabPool();
  private final SlabPool.Lease memory;
  private final long blocks;
  private final int blockBytes;
  private final SplittableRandom random = new SplittableRandom();

  /**
   * Opens a file.
   *
   * @param kind any but auto
   * @param blockBytes bytes per read, a multiple of 512
   * @param depth reads per batch, in [1, 128]
   * @throws BadInputException if the file is too small for a batch
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  public ReadTrial(Path path, ReaderKind kind, int blockBytes, int depth) throws IOException {
    if (blockBytes < 512 || blockBytes % 512 != 0 || blockBytes / 4 > VectorFile.MAX_DIMENSION) {
      throw new BadInputException("block must be a multiple of 512, at most 261632: " + blockBytes);
    }
    if (depth < 1 || depth > SlotReaders.CAPACITY) {
      throw new BadInputException("depth must be in [1, " + SlotReaders.CAPACITY + "]: " + depth);
    }
    this.blockBytes = blockBytes;
    this.memory = slabs.lease();
    this.file = DirectFile.open(path, DirectFile.Mode.READ);
    try {
      VectorFile geometry = new VectorFile(blockBytes / 4, ElementType.F32);
      this.blocks = (file.size() - FileHeader.BYTES) / blockBytes;
      if (blocks < 2L * depth) {
        throw new BadInputException(
            path + " of " + file.size() + " bytes is too small for reads of " + blockBytes);
      }
      this.mapping = kind == ReaderKind.MMAP ? FileMapping.of(file) : null;
      if (mapping != null) {
        mapping.adviseRandom();
      }
      this.pool = kind == ReaderKind.PREAD ? SlotReaders.newPreadPool() : null;
      this.reader = SlotReaders.open(kind, file, geometry, mapping, pool, memory);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  /** Reads {@code depth} blocks and waits for all; returns the nanoseconds. */
  public long batch(int depth) throws IOException {
    long start = System.nanoTime();
    for (int i = 0; i < depth; i++) {
      int unused = reader.submit(random.nextLong(blocks), blockBytes, i);
      assert unused >= blockBytes;
    }
    reader.await();
    return System.nanoTime() - start;
  }

  @Override
  public void close() throws IOException {
    try (file;
        FileMapping _ = mapping;
        ExecutorService _ = pool;
        slabs;
        memory) {
      reader.close();
    }
  }
}
