// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

/** Input that cannot be used. The message names the input, what was found and what is expected. */
public final class BadInputException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  /** Makes an exception whose message states what is wrong and what is expected. */
  public BadInputException(String message) {
    super(message);
  }
}
