// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

/** Receives the progress of long work. Calls come from one thread at a time. */
public interface ProgressListener {
  /** A listener that does nothing. */
  ProgressListener NONE =
      new ProgressListener() {
        @Override
        public void stage(String name, long total) {}

        @Override
        public void advanced(long count) {}
      };

  /**
   * A stage begins.
   *
   * @param name one word
   * @param total units of work in it
   */
  void stage(String name, long total);

  /** Further units of the present stage are done. */
  void advanced(long count);

  /** Something the user should know before or during the work. */
  default void note(String text) {}
}
