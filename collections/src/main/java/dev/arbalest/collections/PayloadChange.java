// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import org.jspecify.annotations.Nullable;

/** How attributes of points change. */
@FunctionalInterface
public interface PayloadChange {
  /** The new attributes. */
  @Nullable String apply(@Nullable String payload);
}
