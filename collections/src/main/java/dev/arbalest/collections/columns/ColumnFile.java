// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.columns;

import dev.arbalest.natives.DirectFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/**
 * The columns of a collection that was closed, in a file beside its database, little-endian: magic
 * number, version, the {@link Stamp} of database and index, the columns, and in the last 8 bytes
 * the CRC32C of all before it. A file that is missing, damaged, of another version or of another
 * state is as good as none: columns are then made of the database.
 */
final class ColumnFile {
  static final String NAME = "columns";

  private static final int MAGIC = 0x41524243;
  private static final int VERSION = 2;
  private static final int HEAD_BYTES = 8;
  private static final int END_BYTES = 8;
  private static final int CHUNK_BYTES = 1 << 20;

  private ColumnFile() {}

  /**
   * The state that columns belong to.
   *
   * @param changes committed to the database
   * @param generation of the index's manifest
   * @param sequence last block of the log that the index holds
   */
  record Stamp(long changes, long generation, long sequence) {}

  /** Writes a file. */
  @FunctionalInterface
  interface Content {
    void write(Writer writer) throws IOException;
  }

  /** Takes values in order and adds them to the checksum. */
  static final class Writer {
    private final FileChannel channel;
    private final CRC32C crc = new CRC32C();
    private final ByteBuffer chunk =
        ByteBuffer.allocateDirect(CHUNK_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    private Writer(FileChannel channel) {
      this.channel = channel;
    }

    private ByteBuffer room(int bytes) throws IOException {
      if (chunk.remaining() < bytes) {
        flush();
      }
      return chunk;
    }

    private void flush() throws IOException {
      chunk.flip();
      crc.update(chunk.duplicate());
      while (chunk.hasRemaining()) {
        int _ = channel.write(chunk);
      }
      chunk.clear();
    }

    void putInt(int value) throws IOException {
      room(4).putInt(value);
    }

    void putLong(long value) throws IOException {
      room(8).putLong(value);
    }

    void putText(String text) throws IOException {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      putInt(bytes.length);
      put(MemorySegment.ofArray(bytes));
    }

    void putLongs(long[] values) throws IOException {
      putInt(values.length);
      for (long value : values) {
        putLong(value);
      }
    }

    void put(MemorySegment bytes) throws IOException {
      for (long at = 0; at < bytes.byteSize(); ) {
        ByteBuffer target = room(1);
        int length = (int) Math.min(target.remaining(), bytes.byteSize() - at);
        target.put(bytes.asSlice(at, length).asByteBuffer());
        at += length;
      }
    }
  }

  /** Returns values in the order in which they were written. */
  static final class Reader {
    private static final ValueLayout.OfInt INT =
        ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
        ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment file;
    private long at;

    private Reader(MemorySegment file, long at) {
      this.file = file;
      this.at = at;
    }

    int getInt() {
      at += 4;
      return file.get(INT, at - 4);
    }

    long getLong() {
      at += 8;
      return file.get(LONG, at - 8);
    }

    String getText() {
      byte[] bytes = new byte[getInt()];
      get(MemorySegment.ofArray(bytes));
      return new String(bytes, StandardCharsets.UTF_8);
    }

    long[] getLongs() {
      long[] values = new long[getInt()];
      for (int i = 0; i < values.length; i++) {
        values[i] = getLong();
      }
      return values;
    }

    void get(MemorySegment target) {
      MemorySegment.copy(file, at, target, 0, target.byteSize());
      at += target.byteSize();
    }
  }

  /** Reads a file. */
  @FunctionalInterface
  interface Loader {
    void read(Reader reader);
  }

  /** Writes the file of a collection, durably, in place of an older one. */
  static void write(Path directory, Stamp stamp, Content content) throws IOException {
    Path path = directory.resolve(NAME);
    Path pending = directory.resolve(NAME + ".new");
    try (FileChannel channel =
        FileChannel.open(
            pending,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      Writer writer = new Writer(channel);
      writer.putInt(MAGIC);
      writer.putInt(VERSION);
      writer.putLong(stamp.changes());
      writer.putLong(stamp.generation());
      writer.putLong(stamp.sequence());
      content.write(writer);
      writer.flush();
      writer.putLong(writer.crc.getValue());
      writer.flush();
      channel.force(true);
    }
    Files.move(pending, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    DirectFile.syncDirectory(directory);
  }

  /**
   * Reads the file of a collection.
   *
   * @return the empty string, or why it could not be used; then nothing was read, or something that
   *     is to be thrown away
   */
  static String read(Path directory, Stamp expected, Loader loader) throws IOException {
    try (FileChannel channel = FileChannel.open(directory.resolve(NAME), StandardOpenOption.READ);
        Arena arena = Arena.ofConfined()) {
      long size = channel.size();
      if (size < HEAD_BYTES + END_BYTES) {
        return "it is cut off";
      }
      MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
      Reader head = new Reader(file, 0);
      if (head.getInt() != MAGIC) {
        return "it is no file of columns";
      }
      int version = head.getInt();
      if (version != VERSION) {
        return "it has version " + version + ", this build reads " + VERSION;
      }
      if (checksum(file, size - END_BYTES) != new Reader(file, size - END_BYTES).getLong()) {
        return "it is damaged: its checksum differs";
      }
      Stamp stamp = new Stamp(head.getLong(), head.getLong(), head.getLong());
      if (!stamp.equals(expected)) {
        return "it is older than the database or the index";
      }
      loader.read(head);
      return "";
    } catch (NoSuchFileException e) {
      return "there is none";
    }
  }

  private static long checksum(MemorySegment file, long bytes) {
    CRC32C crc = new CRC32C();
    for (long at = 0; at < bytes; at += CHUNK_BYTES) {
      crc.update(file.asSlice(at, Math.min(CHUNK_BYTES, bytes - at)).asByteBuffer());
    }
    return crc.getValue();
  }

  /** Removes the file of a collection, if there is one. */
  static void delete(Path directory) throws IOException {
    boolean _ = Files.deleteIfExists(directory.resolve(NAME));
  }

  /** Bytes of the file of a collection, 0 if there is none. */
  static long bytes(Path directory) {
    return directory.resolve(NAME).toFile().length();
  }
}
