// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

/** When a search of a whole index compares all codes instead of traversing the graph. */
public enum ScanPolicy {
  /** Where the index has few vectors for the length of the list. */
  IF_SMALL,
  /** Never: shows what the graph is worth. */
  NEVER,
  /** Always: for an index whose graph does not lead to the nearest vectors. */
  ALWAYS;

  /**
   * Codes that a scan compares in the time in which a traversal settles a candidate: a traversal of
   * ada-002 embeddings with list 64 takes as long as a scan of 3,600 to 4,100 codes.
   */
  private static final int SCANNED_PER_CANDIDATE = 64;

  /** Whether a search with a list scans an index of some nodes. */
  boolean scans(int nodes, int listSize) {
    return switch (this) {
      case IF_SMALL -> nodes <= (long) SCANNED_PER_CANDIDATE * listSize;
      case NEVER -> false;
      case ALWAYS -> true;
    };
  }
}
