// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import java.io.IOException;

/** Takes vectors one after the other. */
@FunctionalInterface
interface VectorSink {
  /**
   * Takes {@code values[from, from + dimension)}.
   *
   * @throws dev.arbalest.BadInputException if the dimension differs from earlier vectors
   */
  void accept(float[] values, int from, int dimension) throws IOException;
}
