// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.MemoryBudgetExceededException;
import dev.arbalest.WriteRefusedException;
import dev.arbalest.natives.SystemCallException;
import org.jspecify.annotations.Nullable;

/** What the process ends with: a contract scripts rely on. */
final class ExitCode {
  /** Done. */
  static final int DONE = 0;

  /** Failed for a reason outside the command: device, permission, another writer. */
  static final int FAILED = 1;

  /** Wrong usage, or input that cannot be used. */
  static final int BAD_INPUT = 2;

  /** The index is damaged or half-written. */
  static final int CORRUPT = 3;

  /** Memory budget, disk space or another limit reached. */
  static final int LIMIT = 4;

  private ExitCode() {}

  /** The code for an exception a command threw. */
  static int of(Throwable thrown) {
    for (@Nullable Throwable e = thrown; e != null; e = e.getCause()) {
      if (e instanceof CorruptIndexException) {
        return CORRUPT;
      }
      if (e instanceof MemoryBudgetExceededException
          || e instanceof WriteRefusedException
          || e instanceof OutOfMemoryError
          || (e instanceof SystemCallException call && call.isOutOfSpace())
          || String.valueOf(e.getMessage()).contains("No space left on device")) {
        return LIMIT;
      }
      if (e instanceof IllegalArgumentException) {
        return BAD_INPUT;
      }
    }
    return FAILED;
  }
}
