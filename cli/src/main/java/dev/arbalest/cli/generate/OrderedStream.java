// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.generate;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import org.jspecify.annotations.Nullable;

/**
 * Sends parts of a file, which several threads write, in their order: a thread waits until all
 * before its part are sent.
 */
final class OrderedStream implements PartWriter {
  private final WritableByteChannel channel;
  private long sent;
  private @Nullable Throwable failure;

  /** Sends to a channel, which stays the caller's. */
  OrderedStream(WritableByteChannel channel) {
    this.channel = channel;
  }

  @Override
  public synchronized void write(ByteBuffer bytes, long position) throws IOException {
    try {
      while (sent != position && failure == null) {
        wait();
      }
      if (failure != null) {
        throw new IOException("vectors cannot be sent: " + failure.getMessage(), failure);
      }
      while (bytes.hasRemaining()) {
        sent += channel.write(bytes);
      }
      notifyAll();
    } catch (InterruptedException e) {
      giveUp(e);
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while sending vectors");
    } catch (IOException e) {
      giveUp(e);
      throw e;
    }
  }

  @Override
  public synchronized void giveUp(Throwable cause) {
    failure = failure == null ? cause : failure;
    notifyAll();
  }
}
