// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import dev.arbalest.BadInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Writes vectors to an {@code .fbin} file as they come; the header follows at the end. */
public final class FbinWriter implements AutoCloseable {
  private static final int HEADER_BYTES = 8;
  private static final int BUFFER_BYTES = 1 << 20;

  private final Path source;
  private final FileChannel channel;
  private ByteBuffer buffer =
      ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private int dimension;
  private int count;

  /**
   * Begins.
   *
   * @param source what messages name
   * @param target an empty file
   */
  public FbinWriter(Path source, Path target) throws IOException {
    this.source = source;
    this.channel = FileChannel.open(target, StandardOpenOption.WRITE);
    channel.position(HEADER_BYTES);
  }

  /**
   * Takes {@code values[from, from + length)}.
   *
   * @throws BadInputException if the length differs from that of earlier vectors
   */
  public void accept(float[] values, int from, int length) throws IOException {
    if (count == 0) {
      dimension = length;
      if (buffer.capacity() < 4L * length) {
        buffer = ByteBuffer.allocateDirect(4 * length).order(ByteOrder.LITTLE_ENDIAN);
      }
    } else if (length != dimension) {
      throw new BadInputException(
          source + ", row " + count + ": dimension " + length + ", the first row has " + dimension);
    }
    if (buffer.remaining() < 4 * length) {
      flush();
    }
    buffer.asFloatBuffer().put(values, from, length);
    buffer.position(buffer.position() + 4 * length);
    count = Math.addExact(count, 1);
  }

  private void flush() throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      int _ = channel.write(buffer);
    }
    buffer.clear();
  }

  @Override
  public void close() throws IOException {
    try (channel) {
      flush();
      ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
      header.putInt(count).putInt(dimension).flip();
      int _ = channel.write(header, 0);
    }
  }
}
