// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

/** A change of the other names of collections. */
public sealed interface AliasChange {
  /** Gives a collection another name, which may have been that of another collection. */
  record Create(String alias, String collection) implements AliasChange {}

  /** Takes a name away. */
  record Delete(String alias) implements AliasChange {}

  /** Gives a collection a name in place of another. */
  record Rename(String from, String to) implements AliasChange {}
}
