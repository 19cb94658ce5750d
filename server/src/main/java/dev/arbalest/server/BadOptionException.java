package dev.arbalest.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What was given to start with cannot be used; the message says what would be. */
final class BadOptionException extends IOException {
  private static final long serialVersionUID = 1;

  BadOptionException(String message) {
    super(message);
  }

  BadOptionException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Reads a file that an option names.
   *
   * @throws BadOptionException if it cannot be read
   */
  static byte[] read(Path path) throws BadOptionException {
    try {
      return Files.readAllBytes(path);
    } catch (IOException e) {
      String reason = Files.exists(path) ? "cannot be read: " + e : "does not exist";
      throw new BadOptionException(path + " " + reason, e);
    }
  }
}
