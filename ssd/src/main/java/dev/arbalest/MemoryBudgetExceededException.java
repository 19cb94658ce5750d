// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

/** A job does not fit its memory budget; the message says which budget would do. */
public final class MemoryBudgetExceededException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final long neededBytes;

  /**
   * Creates it.
   *
   * @param neededBytes the smallest budget that works
   */
  public MemoryBudgetExceededException(String message, long neededBytes) {
    super(message);
    this.neededBytes = neededBytes;
  }

  /** The smallest budget that works, in bytes. */
  public long neededBytes() {
    return neededBytes;
  }
}
