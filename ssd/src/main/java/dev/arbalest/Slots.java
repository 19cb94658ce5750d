// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import org.jspecify.annotations.Nullable;

/**
 * Which vector is in which slot of an index, for applications that keep values per slot. {@link
 * LiveIndex#withSlots} gives access; nothing is inserted, deleted or moved during the call, so it
 * should take well below a millisecond. Not to be used after it.
 */
public interface Slots {
  /** Stands for no slot. */
  int NONE = -1;

  /** Slots 0 to {@code size() - 1} may hold vectors. */
  int size();

  /**
   * The slots that hold a vector, as a bitmap: slot {@code s} is bit {@code s % 64} of word {@code
   * s / 64}; slots beyond its end hold none. Not to be changed.
   */
  long[] live();

  /**
   * The slot of the vector with the {@code i}-th of some ids, or {@link #NONE}.
   *
   * @throws BadInputException if ids are of another type than the index's
   */
  int find(Ids ids, int i);

  /** The id in a slot that holds a vector; 0 if ids are text. */
  long number(int slot);

  /** Learns of every vector that takes a slot. */
  @FunctionalInterface
  interface Listener {
    /**
     * A vector takes a slot. Called before searches can find it there, while writes wait.
     *
     * @param slot that it takes
     * @param former slot of the vector with the same id, which it replaces or which moves, or
     *     {@link #NONE} for a new id
     */
    void placed(int slot, int former);
  }

  /** Something to do with slots. */
  @FunctionalInterface
  interface Action<T extends @Nullable Object> {
    T run(Slots slots);
  }

  /** Chooses vectors by their slots. */
  @FunctionalInterface
  interface Selection {
    /**
     * A bitmap like {@link #live}, which belongs to the receiver; slots without a vector may be
     * set.
     */
    long[] select(Slots slots);
  }
}
