// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One collection by its name, for stores of frameworks: it is made with the first vector, whose
 * dimension it takes, unless it is there. Thread-safe.
 */
public final class LazyCollection implements AutoCloseable {
  private final Collections collections;
  private final boolean isOwner;
  private final String name;
  private final Metric metric;
  private volatile @Nullable Collection collection;

  private LazyCollection(Collections collections, boolean isOwner, String name, Metric metric) {
    this.collections = collections;
    this.isOwner = isOwner;
    this.name = name;
    this.metric = metric;
  }

  /**
   * Opens it, in a directory that is opened for it and closed with it, or among collections that
   * the caller opened and closes.
   *
   * @param directory made if missing, or null
   * @param opened collections, or null
   * @param dimension components of its vectors, at least 1: it is made at once if it is missing; or
   *     0 for those of the first vector
   * @param metric distance that it must have, or null: then it is made with cosine
   * @throws IllegalArgumentException if neither or both of directory and collections are given, or
   *     the collection is there with another dimension or metric
   * @throws IllegalStateException if the directory cannot be opened, or the collection is out of
   *     service
   */
  @SuppressWarnings("MustBeClosedChecker") // closed by close()
  public static LazyCollection open(
      @Nullable Path directory,
      @Nullable Collections opened,
      String name,
      int dimension,
      @Nullable Metric metric) {
    if ((directory == null) == (opened == null)) {
      throw new IllegalArgumentException(
          "give a directory, or collections that are open, not both");
    }
    Collections owner;
    try {
      owner =
          directory == null
              ? Objects.requireNonNull(opened)
              : Collections.open(CollectionOptions.in(directory));
    } catch (IOException e) {
      throw new IllegalStateException("opening " + directory + ": " + e.getMessage(), e);
    }
    LazyCollection lazy =
        new LazyCollection(owner, directory != null, name, metric == null ? Metric.COSINE : metric);
    try {
      lazy.findPresent(dimension, metric);
    } catch (RuntimeException e) {
      lazy.close();
      throw e;
    }
    return lazy;
  }

  private void findPresent(int dimension, @Nullable Metric wanted) {
    if (!collections.has(name)) {
      if (dimension > 0) {
        Collection _ = getOrCreate(dimension);
      }
      return;
    }
    Collection present = collections.get(name);
    if (!present.isInService()) {
      throw new IllegalStateException(
          "collection " + name + " is out of service: " + present.reason());
    }
    CollectionSettings settings = present.settings();
    if (dimension > 0 && dimension != settings.dimension()) {
      throw new IllegalArgumentException(
          "collection "
              + name
              + " has vectors of dimension "
              + settings.dimension()
              + ", not "
              + dimension);
    }
    if (wanted != null && wanted != settings.metric()) {
      throw new IllegalArgumentException(
          "collection "
              + name
              + " has metric "
              + settings.metric().label()
              + ", not "
              + wanted.label());
    }
    collection = present;
  }

  /** Its name. */
  public String name() {
    return name;
  }

  /** Its distance, or the one it will be made with. */
  public Metric metric() {
    Collection present = collection;
    return present == null ? metric : present.settings().metric();
  }

  /** The collection, or null before the first vector. */
  public @Nullable Collection get() {
    return collection;
  }

  /**
   * The collection, made if there is none.
   *
   * @param dimension components of the first vector
   */
  public Collection getOrCreate(int dimension) {
    Collection present = collection;
    if (present == null) { // whoever comes first makes it, and others get the same
      present = collections.getOrCreate(name, CollectionSettings.of(dimension, metric));
      collection = present;
    }
    return present;
  }

  /** Closes the collections, with a checkpoint, if they were opened for this. */
  @Override
  public void close() {
    if (isOwner) {
      try {
        collections.close();
      } catch (IOException e) {
        throw new IllegalStateException("closing the collections: " + e.getMessage(), e);
      }
    }
  }
}
