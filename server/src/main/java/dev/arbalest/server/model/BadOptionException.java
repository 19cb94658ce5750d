// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What was given to start with cannot be used; the message says what would be. */
public final class BadOptionException extends IOException {
  private static final long serialVersionUID = 1;

  public BadOptionException(String message) {
    super(message);
  }

  public BadOptionException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Reads a file that an option names.
   *
   * @throws BadOptionException if it cannot be read
   */
  public static byte[] read(Path path) throws BadOptionException {
    try {
      return Files.readAllBytes(path);
    } catch (IOException e) {
      String reason = Files.exists(path) ? "cannot be read: " + e : "does not exist";
      throw new BadOptionException(path + " " + reason, e);
    }
  }
}
