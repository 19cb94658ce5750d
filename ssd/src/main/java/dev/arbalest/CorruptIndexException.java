// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import java.io.IOException;
import java.nio.file.Path;

/** Bytes of an index file that cannot be what was written: where, what was expected and found. */
public final class CorruptIndexException extends IOException {
  private static final long serialVersionUID = 1;

  public CorruptIndexException(Path path, long offsetBytes, String expected, String found) {
    super(path + ", offset " + offsetBytes + ": expected " + expected + ", found " + found);
  }

  public CorruptIndexException(Path path, String problem) {
    super(path + ": " + problem);
  }
}
