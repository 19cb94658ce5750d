// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/**
 * What is known of a database from outside: while it is closed, the checksum of all its bytes;
 * while it is open, how many changes were committed at least. SQLite takes a damaged end of its log
 * for one that was never written, and believes a damaged page.
 *
 * <p>A file of 512 bytes, which a disk writes as a whole. It is made durable when the database is
 * opened to be written to and when it is closed; in between the number of changes is written behind
 * each commit, without waiting for the disk: after a power failure it may say fewer, never more.
 * Not thread-safe.
 */
final class DatabaseSeal implements AutoCloseable {
  private static final int BYTES = 512;
  private static final int MAGIC = 0x41524253;
  private static final int VERSION = 1;
  private static final int CHUNK_BYTES = 1 << 20;

  private final Path database;
  private final Path path;
  private State state;
  private FileChannel channel;

  /**
   * What the file says.
   *
   * @param isClosed whether the database was closed
   * @param changes committed, at least
   * @param bytes of the closed database
   * @param checksum of them
   */
  record State(boolean isClosed, long changes, long bytes, int checksum) {
    /** Nothing is known. */
    static final State UNKNOWN = new State(false, 0, 0, 0);
  }

  private DatabaseSeal(Path database, Path path, State state, FileChannel channel) {
    this.database = database;
    this.path = path;
    this.state = state;
    this.channel = channel;
  }

  /** Opens the seal of a database, or creates it. */
  static DatabaseSeal open(Path database) throws IOException {
    Path path = path(database);
    State state = read(database);
    FileChannel channel =
        FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    return new DatabaseSeal(database, path, state, channel);
  }

  private static Path path(Path database) {
    return database.resolveSibling(database.getFileName() + ".seal");
  }

  /** What is known of a database; one that says nothing or is damaged itself tells nothing. */
  static State read(Path database) throws IOException {
    Path path = path(database);
    if (!Files.exists(path)) {
      return State.UNKNOWN;
    }
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.remaining() != BYTES
        || bytes.getInt(0) != MAGIC
        || bytes.getInt(BYTES - 4) != checksum(bytes)) {
      return State.UNKNOWN;
    }
    if (bytes.getInt(4) != VERSION) {
      throw new IOException(
          path + " has version " + bytes.getInt(4) + ", this build reads " + VERSION);
    }
    return new State(bytes.getInt(8) == 1, bytes.getLong(16), bytes.getLong(24), bytes.getInt(32));
  }

  private static int checksum(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes.duplicate().position(0).limit(BYTES - 4));
    return (int) crc.getValue();
  }

  /** What is known. */
  State state() {
    return state;
  }

  private void write(State next) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(0, MAGIC).putInt(4, VERSION).putInt(8, next.isClosed() ? 1 : 0);
    bytes.putLong(16, next.changes()).putLong(24, next.bytes()).putInt(32, next.checksum());
    bytes.putInt(BYTES - 4, checksum(bytes));
    while (bytes.hasRemaining()) {
      int _ = channel.write(bytes, bytes.position());
    }
    state = next;
  }

  /** Says durably that the database is going to be changed, unless it was said before. */
  void beginChanges(long changes) throws IOException {
    if (state.isClosed() || state.equals(State.UNKNOWN)) {
      write(new State(false, changes, 0, 0));
      channel.force(true);
    }
  }

  /** Records the number of committed changes. */
  void changed(long changes) throws IOException {
    write(new State(false, changes, 0, 0));
  }

  /**
   * Says durably what the bytes of the database are, which was closed.
   *
   * @param changes committed to it
   */
  void seal(long changes) throws IOException {
    if (!state.isClosed() && !Files.exists(log(database))) {
      write(new State(true, changes, Files.size(database), checksum(database)));
      channel.force(true);
    }
  }

  private static Path log(Path database) {
    return database.resolveSibling(database.getFileName() + "-wal");
  }

  /**
   * Compares a database that was closed with what it was then.
   *
   * @return whether the database was closed cleanly, so that its checksum is known
   * @throws IOException if it is not
   */
  static boolean isAsClosed(Path database, State state) throws IOException {
    Path log = log(database);
    if (!state.isClosed() || (Files.exists(log) && Files.size(log) > 0)) {
      return false;
    }
    if (Files.size(database) != state.bytes() || checksum(database) != state.checksum()) {
      throw new IOException(
          database
              + " is damaged: its bytes are not those it was closed with; reopen it with repair, or"
              + " restore a copy");
    }
    return true;
  }

  private static int checksum(Path file) throws IOException {
    CRC32C crc = new CRC32C();
    ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
    try (FileChannel in = FileChannel.open(file)) {
      long left = in.size();
      while (left > 0) {
        chunk.clear();
        int read = in.read(chunk);
        if (read < 0) {
          throw new EOFException(file + " became shorter while it was read");
        }
        crc.update(chunk.flip());
        left -= read;
      }
    }
    return (int) crc.getValue();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  @Override
  public String toString() {
    return path + " " + state;
  }
}
