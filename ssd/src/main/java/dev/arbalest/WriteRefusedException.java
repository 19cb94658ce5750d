// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import java.io.IOException;

/**
 * A write was refused because a limit is reached; nothing of it was done. It may be tried again:
 * deleting makes room, as does more memory when the index is opened again.
 */
public final class WriteRefusedException extends IOException {
  private static final long serialVersionUID = 1;

  /** Makes one. */
  public WriteRefusedException(String message) {
    super(message);
  }

  /** Makes an exception that adds to another. */
  public WriteRefusedException(String message, WriteRefusedException cause) {
    super(message, cause);
  }
}
