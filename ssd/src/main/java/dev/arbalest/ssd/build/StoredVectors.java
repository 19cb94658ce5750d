// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.build;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.ProgressListener;
import dev.arbalest.VectorSource;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.format.BlockFile;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.store.IndexDirectory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;

/**
 * The vectors of a build: stores them in the file of the new index, and reads back what an earlier
 * run stored.
 */
final class StoredVectors {
  private final VectorSource input;
  private final BuildSpec options;
  private final IndexDirectory directory;
  private final VectorFile geometry;
  private final Workers workers;
  private final ProgressListener listener;

  StoredVectors(
      VectorSource input,
      BuildSpec options,
      IndexDirectory directory,
      Workers workers,
      ProgressListener listener) {
    this.input = input;
    this.options = options;
    this.directory = directory;
    this.geometry = new VectorFile(input.dimension(), options.storage());
    this.workers = workers;
    this.listener = listener;
  }

  VectorFile geometry() {
    return geometry;
  }

  /**
   * Stores the vectors.
   *
   * @param resident receives a copy of them, or {@link MemorySegment#NULL}
   * @return the files of vectors and checksums, which are durable
   */
  Map<Manifest.Part, Manifest.Entry> store(MemorySegment resident) throws IOException {
    int count = input.count();
    try (NativeMemory checksums = NativeMemory.allocate(4L * count)) {
      Path path = directory.newVectorFile(options.storage());
      int headerChecksum =
          VectorFileWriter.write(
              path,
              input,
              options.metric(),
              options.storage(),
              checksums.segment(),
              resident,
              workers,
              listener);
      Manifest.Entry vectors =
          new Manifest.Entry(
              path.getFileName().toString(), geometry.fileBytes(count), headerChecksum);
      Manifest.Entry checksumFile =
          directory.write(Manifest.Part.SUMS, FileHeader.Kind.SUMS, checksums.segment(), workers);
      return Map.of(Manifest.Part.VECTORS, vectors, Manifest.Part.SUMS, checksumFile);
    }
  }

  /**
   * Reads vectors that an earlier run stored, and checks them.
   *
   * @param resident receives them; {@link MemorySegment#NULL} if they are read from the file later
   */
  void load(Map<Manifest.Part, Manifest.Entry> files, MemorySegment resident) throws IOException {
    int count = input.count();
    if (resident.byteSize() == 0) {
      listener.advanced(count);
      return;
    }
    Path path =
        directory.path().resolve(Objects.requireNonNull(files.get(Manifest.Part.VECTORS)).name());
    Manifest.Entry sumsEntry = Objects.requireNonNull(files.get(Manifest.Part.SUMS));
    int slotBytes = geometry.slotBytes();
    try (NativeMemory checksums = NativeMemory.allocate(4L * count);
        FileMapping mapping = FileMapping.open(path)) {
      FileHeader _ =
          BlockFile.read(
              directory.path().resolve(sumsEntry.name()),
              FileHeader.Kind.SUMS,
              new BlockFile.Written(sumsEntry.bytes(), sumsEntry.checksum()),
              _ -> checksums.segment(),
              workers,
              _ -> {});
      workers.forRanges(
          count,
          1024,
          (worker, from, to) -> {
            for (int slot = from; slot < to; slot++) {
              long offset = geometry.offset(slot);
              int found = FileHeader.checksum(mapping.segment(), offset, slotBytes);
              int expected = checksums.segment().getAtIndex(FileHeader.INT, slot);
              if (found != expected) {
                throw new CorruptIndexException(
                    path,
                    offset,
                    "slot " + slot + " with checksum " + Integer.toHexString(expected),
                    Integer.toHexString(found));
              }
            }
            int dimension = geometry.dimension();
            for (int slot = from; slot < to; slot++) {
              options
                  .storage()
                  .load(
                      mapping.segment(),
                      geometry.offset(slot),
                      dimension,
                      resident,
                      4L * dimension * slot);
            }
            mapping.release(geometry.offset(from), (long) (to - from) * slotBytes);
            synchronized (mapping) {
              listener.advanced(to - from);
            }
          });
    }
  }
}
