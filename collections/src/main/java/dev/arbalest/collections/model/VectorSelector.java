// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import java.util.List;

/**
 * Which vectors of points are wanted.
 *
 * @param any whether any are
 * @param only names of those that are, or none for all
 */
public record VectorSelector(boolean any, List<String> only) {
  /** No vectors. */
  public static final VectorSelector NONE = new VectorSelector(false, List.of());

  /** All vectors. */
  public static final VectorSelector ALL = new VectorSelector(true, List.of());

  public VectorSelector {
    only = List.copyOf(only);
  }

  /** All vectors or none. */
  public static VectorSelector of(boolean all) {
    return all ? ALL : NONE;
  }

  /** The vectors with some names, which may be none. */
  public static VectorSelector of(List<String> names) {
    return names.isEmpty() ? NONE : new VectorSelector(true, names);
  }

  /** Whether a vector is wanted. */
  public boolean wants(String name) {
    return any && (only.isEmpty() || only.contains(name));
  }

  /**
   * Throws if a vector that is wanted is none of the collection's.
   *
   * @throws CollectionException INVALID, naming the first
   */
  public void requireKnown(CollectionSettings settings) {
    for (String name : only) {
      VectorSpec _ = settings.vector(name);
    }
  }
}
