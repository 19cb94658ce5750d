// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.format;

import dev.arbalest.CorruptIndexException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * The first 4096 bytes of every binary index file, little-endian:
 *
 * <pre>
 *      0  8  magic "ARBALEST"
 *      8  4  format version
 *     12  4  kind, four ASCII letters
 *     16 64  eight numbers whose meaning the kind defines
 *     80  .. zeros
 *   4092  4  CRC32C of bytes [0, 4092)
 * </pre>
 */
public final class FileHeader {
  public static final int BYTES = 4096;
  static final int FORMAT_VERSION = 1;
  static final int NUMBERS = 8;

  public static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  public static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  public static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final byte[] MAGIC = "ARBALEST".getBytes(StandardCharsets.US_ASCII);
  private static final long VERSION_OFFSET = 8;
  private static final long KIND_OFFSET = 12;
  private static final long NUMBERS_OFFSET = 16;
  private static final long CHECKSUM_OFFSET = 4092;

  /** What a file holds. */
  public enum Kind {
    VECTORS("VECT"),
    GRAPH("GRPH"),
    CODES("CODE"),
    CODEC("CDEC"),
    IDS("IDS_"),
    SUMS("SUMS"),
    TEXTS("TEXT"),
    TOMBSTONES("TOMB"),
    LOG("WLOG");

    private final String letters;

    Kind(String letters) {
      this.letters = letters;
    }
  }

  private final Kind kind;
  private final long[] numbers;

  public FileHeader(Kind kind, long... numbers) {
    if (numbers.length > NUMBERS) {
      throw new IllegalArgumentException("a header holds eight numbers: " + numbers.length);
    }
    this.kind = kind;
    this.numbers = Arrays.copyOf(numbers, NUMBERS);
  }

  /** Writes the header into {@code target[0, BYTES)}. */
  public void write(MemorySegment target) {
    target.asSlice(0, BYTES).fill((byte) 0);
    MemorySegment.copy(MAGIC, 0, target, ValueLayout.JAVA_BYTE, 0, MAGIC.length);
    target.set(INT, VERSION_OFFSET, FORMAT_VERSION);
    byte[] letters = kind.letters.getBytes(StandardCharsets.US_ASCII);
    MemorySegment.copy(letters, 0, target, ValueLayout.JAVA_BYTE, KIND_OFFSET, letters.length);
    for (int i = 0; i < NUMBERS; i++) {
      target.set(LONG, NUMBERS_OFFSET + 8L * i, numbers[i]);
    }
    target.set(INT, CHECKSUM_OFFSET, checksum(target, 0, CHECKSUM_OFFSET));
  }

  /**
   * Reads a header of the given kind.
   *
   * @throws CorruptIndexException if magic, version, kind or checksum are not as they should be
   */
  public static FileHeader read(MemorySegment source, Path path, Kind kind)
      throws CorruptIndexException {
    byte[] magic = source.asSlice(0, MAGIC.length).toArray(ValueLayout.JAVA_BYTE);
    if (!Arrays.equals(magic, MAGIC)) {
      throw new CorruptIndexException(
          path, 0, "an Arbalest file (magic ARBALEST)", "a foreign or damaged one");
    }
    int version = source.get(INT, VERSION_OFFSET);
    int found = source.get(INT, CHECKSUM_OFFSET);
    int expected = checksum(source, 0, CHECKSUM_OFFSET);
    if (version != FORMAT_VERSION && found == expected) {
      throw new CorruptIndexException(
          path, VERSION_OFFSET, "format version " + FORMAT_VERSION, "version " + version);
    }
    if (found != expected) {
      throw new CorruptIndexException(
          path,
          CHECKSUM_OFFSET,
          "header checksum " + Integer.toHexString(expected),
          Integer.toHexString(found));
    }
    byte[] letters = source.asSlice(KIND_OFFSET, 4).toArray(ValueLayout.JAVA_BYTE);
    String foundKind = new String(letters, StandardCharsets.US_ASCII);
    if (!foundKind.equals(kind.letters)) {
      throw new CorruptIndexException(path, KIND_OFFSET, "kind " + kind.letters, foundKind);
    }
    long[] numbers = new long[NUMBERS];
    for (int i = 0; i < NUMBERS; i++) {
      numbers[i] = source.get(LONG, NUMBERS_OFFSET + 8L * i);
    }
    return new FileHeader(kind, numbers);
  }

  public long number(int index) {
    return numbers[index];
  }

  /** CRC32C of a range of off-heap memory of less than 2 GiB. */
  public static int checksum(MemorySegment memory, long offset, long length) {
    CRC32C crc = new CRC32C();
    ByteBuffer bytes = memory.asSlice(offset, length).asByteBuffer();
    crc.update(bytes);
    return (int) crc.getValue();
  }
}
