// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import dev.arbalest.vector.Metric;
import java.nio.charset.StandardCharsets;

/**
 * A vector that the points of a collection may have.
 *
 * @param number of its rows in the database, from 0 on
 * @param name by which clients call it, unique in its collection; empty for the one without a name
 * @param kind of vector
 * @param dimension components of a dense vector, or of each part of a multivector; 0 if sparse
 * @param metric distance; {@link Metric#DOT} if sparse
 * @param idf whether terms of a sparse query are weighted by how rare they are
 */
public record VectorSpec(
    int number, String name, Kind kind, int dimension, Metric metric, boolean idf) {
  private static final int MAX_DIMENSION = 65_535;
  private static final int MAX_NAME_BYTES = 64;

  /** Kinds of vectors. */
  public enum Kind {
    /** One list of components. */
    DENSE,
    /** Several lists of components; of two, the score is MaxSim. */
    MULTI,
    /** Weights of some of many terms. */
    SPARSE
  }

  public VectorSpec {
    boolean isSparse = kind == Kind.SPARSE;
    if (!isSparse && (dimension < 1 || dimension > MAX_DIMENSION)) {
      throw CollectionException.invalid(
          "dimension must be in [1, " + MAX_DIMENSION + "], found " + dimension);
    }
    if (isSparse && (dimension != 0 || metric != Metric.DOT)) {
      throw CollectionException.invalid(
          "a sparse vector has no dimension, and its distance is Dot");
    }
    if (idf && !isSparse) {
      throw CollectionException.invalid("only terms of sparse vectors are weighted by idf");
    }
    int bytes = name.getBytes(StandardCharsets.UTF_8).length;
    boolean isText = StandardCharsets.UTF_8.newEncoder().canEncode(name);
    if (bytes > MAX_NAME_BYTES || !isText || name.chars().anyMatch(Character::isISOControl)) {
      throw CollectionException.invalid(
          "the name of a vector is a text of at most "
              + MAX_NAME_BYTES
              + " bytes without control characters");
    }
  }

  /** A dense vector. */
  public static VectorSpec dense(String name, int dimension, Metric metric) {
    return new VectorSpec(0, name, Kind.DENSE, dimension, metric, false);
  }

  /** A multivector. */
  public static VectorSpec multi(String name, int dimension, Metric metric) {
    return new VectorSpec(0, name, Kind.MULTI, dimension, metric, false);
  }

  /** A sparse vector, whose score is the dot product. */
  public static VectorSpec sparse(String name, boolean idf) {
    return new VectorSpec(0, name, Kind.SPARSE, 0, Metric.DOT, idf);
  }

  VectorSpec withNumber(int newNumber) {
    return new VectorSpec(newNumber, name, kind, dimension, metric, idf);
  }

  /** The name as messages have it. */
  public String label() {
    return name.isEmpty() ? "the vector without a name" : "vector \"" + name + '"';
  }
}
