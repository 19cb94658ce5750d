// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import dev.arbalest.natives.Workers;
import java.io.IOException;
import java.util.function.IntConsumer;

/** What is done about nodes that lost an in-neighbour. */
interface Rescue {
  /** Nothing: for graphs that are made reachable in the end. */
  Rescue NONE =
      new Rescue() {
        @Override
        public IntConsumer collector(int worker) {
          return _ -> {};
        }

        @Override
        public void run(Workers workers) {}
      };

  /** Takes nodes that lost one, from one worker. */
  IntConsumer collector(int worker);

  /** Does it, when no worker writes to the graph. */
  void run(Workers workers) throws IOException;
}
