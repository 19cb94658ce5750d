// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import java.io.IOException;

/**
 * A write that a limit refused; none of it was applied. It can be retried: deletes make room, and
 * so does more memory when the index is opened again.
 */
public final class WriteRefusedException extends IOException {
  private static final long serialVersionUID = 1;

  /** Makes an exception with a message. */
  public WriteRefusedException(String message) {
    super(message);
  }

  /** Makes an exception that adds to another. */
  public WriteRefusedException(String message, WriteRefusedException cause) {
    super(message, cause);
  }
}
