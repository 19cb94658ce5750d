// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A damaged index file. The message names the file, the place, and the values expected and found.
 */
public final class CorruptIndexException extends IOException {
  private static final long serialVersionUID = 1;

  /**
   * Makes an exception for bytes at a place.
   *
   * @param offsetBytes where in the file
   */
  public CorruptIndexException(Path path, long offsetBytes, String expected, String found) {
    super(path + ", offset " + offsetBytes + ": expected " + expected + ", found " + found);
  }

  /** Makes an exception for a whole file or directory. */
  public CorruptIndexException(Path path, String problem) {
    super(path + ": " + problem);
  }
}
