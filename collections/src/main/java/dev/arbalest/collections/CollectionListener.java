// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.SearchResult;

/**
 * Told of what collections do, for metrics. Called on the threads that do it: implementations are
 * thread-safe, fast, and throw nothing.
 */
public interface CollectionListener {
  /** Hears nothing. */
  CollectionListener NONE = new CollectionListener() {};

  /** A collection was found or made. */
  default void added(String collection) {}

  /** The files of a collection were closed because it was idle. */
  default void closed(String collection) {}

  /** A collection was dropped. */
  default void dropped(String collection) {}

  /** A search ended after some nanoseconds. */
  default void searched(String collection, long nanos, SearchResult result) {}

  /** Points were inserted or replaced. */
  default void inserted(String collection, int points) {}

  /** A write was held up because memory was short. */
  default void delayed(String collection, long nanos) {}

  /** Points were deleted. */
  default void deleted(String collection, int points) {}

  /** The recall of a search was checked, which took some nanoseconds. */
  default void recallChecked(String collection, long nanos) {}

  /** A call failed by a fault of the collection. */
  default void failed(String collection) {}
}
