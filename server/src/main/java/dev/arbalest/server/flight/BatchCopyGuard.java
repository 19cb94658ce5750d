// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.flight;

import org.apache.arrow.flight.CallStatus;

/**
 * Keeps a batch of an exchange while something is copied out of it: Arrow frees it when the client
 * goes, after it has called {@link #cancel}. Thread-safe.
 */
final class BatchCopyGuard {
  private boolean cancelled;

  /** Copies, unless the client is gone. */
  synchronized void run(Runnable copy) {
    if (cancelled) {
      throw CallStatus.CANCELLED.withDescription("the client is gone").toRuntimeException();
    }
    copy.run();
  }

  /** Waits until nothing is being copied; from now on nothing is. */
  synchronized void cancel() {
    cancelled = true;
  }
}
