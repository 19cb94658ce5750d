// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** io_uring cannot be used on this system; the message names the cause and what to do. */
public final class RingUnavailableException extends IOException {
  private static final long serialVersionUID = 1;

  RingUnavailableException(String message, @Nullable Throwable cause) {
    super(cause == null ? message : message + ": " + cause.getMessage(), cause);
  }
}
