// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.metrics;

import dev.arbalest.server.model.CollectionStats;
import dev.arbalest.server.model.ServerException;
import org.jspecify.annotations.Nullable;

/** A collection as {@link ServerMetrics} sees it. Safe for any number of threads. */
public interface MeteredCollection {
  /** The name. */
  String name();

  /**
   * The figures.
   *
   * @throws ServerException if it is out of service
   */
  CollectionStats stats();

  /** Why it was taken out of service, or null if it is in service. */
  @Nullable String quarantineReason();
}
