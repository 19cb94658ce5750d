// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.collections.model.CollectionName;
import java.nio.file.Path;

/** Where the files of a collection are. Stateless. */
final class CollectionPaths {
  private CollectionPaths() {}

  /** The folder of the folders of vectors with names. */
  static Path vectors(Path collection) {
    return collection.resolve("vectors");
  }

  /** The folder of a vector: that of the collection if it has no name. */
  static Path vector(Path collection, String name) {
    return name.isEmpty()
        ? collection
        : vectors(collection).resolve(CollectionName.toDirectory(name));
  }

  /** The index in the folder of a vector. */
  static Path index(Path vector) {
    return vector.resolve("index");
  }
}
