// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.vamana;

import dev.arbalest.natives.Workers;
import java.io.IOException;

/** Where a build gets its distances from. Thread-safe; what it makes is not. */
public interface BuildDistances extends NodeDistances {
  /** Number of nodes. */
  int count();

  /** A node near the middle of all: where searches start. The same for any number of workers. */
  int entryPoint(Workers workers) throws IOException;
}
