// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import java.util.Locale;

/** How searches read full-precision vectors. */
public enum ReaderKind {
  /** io_uring if the system offers it, otherwise pread. */
  AUTO,
  /** Batches through io_uring, past the page cache. */
  URING,
  /** One pread per vector on a pool of threads, past the page cache. */
  PREAD,
  /** Mapped memory with read-ahead advice for each batch, through the page cache. */
  MMAP;

  /** Name on the command line. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Parses {@link #label()}.
   *
   * @throws IllegalArgumentException naming the accepted values
   */
  public static ReaderKind parse(String label) {
    for (ReaderKind kind : values()) {
      if (kind.label().equals(label)) {
        return kind;
      }
    }
    throw new IllegalArgumentException("reader must be auto, uring, pread or mmap: " + label);
  }
}
