// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

/**
 * Input that cannot be used. The message names the input, the value found and the value expected.
 */
public final class BadInputException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  /** Creates an exception whose message states the fault and the expected value. */
  public BadInputException(String message) {
    super(message);
  }
}
