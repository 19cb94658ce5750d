// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import java.io.IOException;
import java.nio.file.Path;

/** A format vectors are read from. */
@FunctionalInterface
interface VectorSource {
  /**
   * Reads all vectors of a file, first to last.
   *
   * @throws dev.arbalest.BadInputException if the file is damaged or holds no vectors
   */
  void copy(Path path, VectorSink sink) throws IOException;
}
