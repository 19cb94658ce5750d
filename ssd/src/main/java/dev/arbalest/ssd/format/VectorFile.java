// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.format;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.ElementType;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Geometry of the vector file: a header of 4096 bytes (numbers: dimension, bytes per component,
 * slot stride), then one slot per vector, each {@code dimension} little-endian components padded
 * with zeros to a multiple of 512 bytes: what direct I/O can read by itself on most disks.
 *
 * @param dimension components per vector, in [1, 65535]
 * @param type of a component
 */
public record VectorFile(int dimension, ElementType type) {
  public static final int MAX_DIMENSION = 65_535;
  private static final int SECTOR_BYTES = 512;

  public VectorFile {
    if (dimension < 1 || dimension > MAX_DIMENSION) {
      throw new BadInputException("dimension must be in [1, " + MAX_DIMENSION + "]: " + dimension);
    }
  }

  /** Bytes from one slot to the next. */
  public int slotBytes() {
    return slotBytes(dimension);
  }

  /** Bytes of a slot that its components take. */
  public int dataBytes() {
    return type.bytes() * dimension;
  }

  /** Bytes the first {@code components} take, in whole sectors. */
  public int slotBytes(int components) {
    return (type.bytes() * components + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
  }

  /** Where slot {@code slot} begins in the file. */
  public long offset(long slot) {
    return FileHeader.BYTES + slot * slotBytes();
  }

  /** Size in bytes of a file with some number of slots. */
  public long fileBytes(int count) {
    return offset(count);
  }

  /** Writes the header and returns its checksum. */
  public int writeHeader(DirectFile file) throws IOException {
    try (NativeMemory head = NativeMemory.allocate(FileHeader.BYTES)) {
      new FileHeader(FileHeader.Kind.VECTORS, dimension, type.bytes(), slotBytes())
          .write(head.segment());
      file.write(head.segment(), 0, FileHeader.BYTES, 0);
      return FileHeader.checksum(head.segment(), 0, FileHeader.BYTES);
    }
  }

  /**
   * Opens the vector file of an index after checking size and header. That of an index which was
   * not closed may be longer than the manifest says.
   *
   * @param writable whether to open it for writing, too
   * @throws CorruptIndexException if it is not the file the manifest names
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static DirectFile open(Path directory, Manifest manifest, boolean writable)
      throws IOException {
    Manifest.Entry entry = manifest.file(Manifest.Part.VECTORS);
    Path path = directory.resolve(entry.name());
    VectorFile geometry = new VectorFile(manifest.dimension(), manifest.storage());
    DirectFile file =
        DirectFile.open(path, writable ? DirectFile.Mode.READ_WRITE : DirectFile.Mode.READ);
    try (NativeMemory head = NativeMemory.allocate(FileHeader.BYTES)) {
      long size = file.size();
      boolean fits = manifest.checkpoint().clean() ? size == entry.bytes() : size >= entry.bytes();
      if (!fits || entry.bytes() != geometry.fileBytes(manifest.count())) {
        throw new CorruptIndexException(
            path,
            Math.min(size, entry.bytes()),
            entry.bytes() + " bytes for " + manifest.count() + " slots",
            size + " bytes");
      }
      file.read(head.segment(), 0, FileHeader.BYTES, 0);
      FileHeader header = FileHeader.read(head.segment(), path, FileHeader.Kind.VECTORS);
      int checksum = FileHeader.checksum(head.segment(), 0, FileHeader.BYTES);
      if (checksum != entry.checksum()
          || header.number(0) != manifest.dimension()
          || header.number(1) != manifest.storage().bytes()
          || header.number(2) != geometry.slotBytes()) {
        throw new CorruptIndexException(
            path,
            0,
            "the file the manifest names, of dimension " + manifest.dimension(),
            "another, of dimension " + header.number(0));
      }
      return file;
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }
}
