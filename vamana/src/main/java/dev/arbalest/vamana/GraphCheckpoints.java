// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import java.io.IOException;

/**
 * Keeps states of a graph under construction, so that a build that was killed can go on. A build
 * that goes on from a state gives the same graph as one that was never interrupted.
 */
public interface GraphCheckpoints {
  /** Keeps nothing. */
  GraphCheckpoints NONE =
      new GraphCheckpoints() {
        @Override
        public Position restore(Graph growing) {
          return new Position(0, 0);
        }

        @Override
        public void reached(Graph growing, Position position) {}
      };

  /**
   * How far a build has come.
   *
   * @param pass passes completed
   * @param inserted nodes inserted in the present pass
   */
  record Position(int pass, int inserted) {}

  /**
   * Fills the graph with the newest state kept and returns its position; (0, 0) if there is none.
   */
  Position restore(Graph growing) throws IOException;

  /** Told between batches; the graph does not change during the call. */
  void reached(Graph growing, Position position) throws IOException;
}
