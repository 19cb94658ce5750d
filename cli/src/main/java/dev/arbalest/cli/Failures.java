// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** Turns exceptions into the messages that users read. */
final class Failures {
  private Failures() {}

  /** A command that can show stack traces. */
  interface Verbose {
    /** Whether to show the stack trace of a failure. */
    boolean isVerbose();
  }

  /** The message of a failure, in one sentence. */
  static String describe(Throwable thrown) {
    return switch (thrown) {
      case AccessDeniedException e -> "no permission for " + e.getFile() + reason(e);
      case NoSuchFileException e -> e.getFile() + " does not exist";
      case FileAlreadyExistsException e -> e.getFile() + " exists already";
      case OutOfMemoryError e -> "out of memory: " + e.getMessage();
      default ->
          thrown.getMessage() == null ? thrown.getClass().getSimpleName() : thrown.getMessage();
    };
  }

  private static String reason(FileSystemException e) {
    return e.getReason() == null ? "" : " (" + e.getReason() + ")";
  }
}
