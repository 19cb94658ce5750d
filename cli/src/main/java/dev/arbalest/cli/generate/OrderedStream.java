// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.generate;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/**
 * Sends parts of a file, which several threads write, in their order: a thread waits until all
 * before its part are sent.
 */
final class OrderedStream implements PartWriter {
  private final WritableByteChannel channel;
  private long sent;
  private boolean isBroken;

  /** Sends to a channel, which stays the caller's. */
  OrderedStream(WritableByteChannel channel) {
    this.channel = channel;
  }

  @Override
  public synchronized void write(ByteBuffer bytes, long position) throws IOException {
    try {
      while (sent != position && !isBroken) {
        wait();
      }
      if (isBroken) {
        throw new IOException("the stream of vectors has ended early");
      }
      while (bytes.hasRemaining()) {
        sent += channel.write(bytes);
      }
      notifyAll();
    } catch (InterruptedException e) {
      giveUp();
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while sending vectors");
    } catch (IOException e) {
      giveUp();
      throw e;
    }
  }

  @Override
  public synchronized void giveUp() {
    isBroken = true;
    notifyAll();
  }
}
