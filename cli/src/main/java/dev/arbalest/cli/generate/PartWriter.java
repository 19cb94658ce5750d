// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.generate;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Takes the parts of a file from several threads. */
interface PartWriter {
  /** Writes the bytes of the file from {@code position} on. */
  void write(ByteBuffer bytes, long position) throws IOException;

  /** Is told that a part failed and will never come. */
  default void giveUp(Throwable cause) {}
}
