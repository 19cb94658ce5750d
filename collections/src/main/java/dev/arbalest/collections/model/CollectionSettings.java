// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import dev.arbalest.IdType;
import dev.arbalest.vector.Metric;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a collection is.
 *
 * @param vectors that its points have: exactly one without a name, or, if {@code named}, some of
 *     several
 * @param named whether points may lack vectors: a point exists if its row in the database does, and
 *     otherwise if its one vector does
 * @param idType type of its points' ids, null until the first point comes
 * @param schema columns as a client of Arrow Flight sent them first, as JSON, null if none did
 */
public record CollectionSettings(
    List<VectorSpec> vectors, boolean named, @Nullable IdType idType, @Nullable String schema) {
  /** Most vectors of a collection: each has an index of its own. */
  private static final int MAX_VECTORS = 64;

  public CollectionSettings {
    vectors = List.copyOf(vectors);
    if (vectors.isEmpty() || vectors.size() > MAX_VECTORS) {
      throw CollectionException.invalid(
          "a collection has 1 to " + MAX_VECTORS + " vectors, found " + vectors.size());
    }
    Set<String> names = new HashSet<>();
    for (VectorSpec spec : vectors) {
      if (!names.add(spec.name())) {
        throw CollectionException.invalid("two vectors are named \"" + spec.name() + '"');
      }
    }
  }

  /** A collection with one vector without a name. */
  public CollectionSettings(
      int dimension, Metric metric, @Nullable IdType idType, @Nullable String schema) {
    this(List.of(VectorSpec.dense("", dimension, metric)), false, idType, schema);
  }

  /** A collection whose first points will decide what its ids are. */
  public static CollectionSettings of(int dimension, Metric metric) {
    return new CollectionSettings(dimension, metric, null, null);
  }

  /** A collection with named vectors, whose first points will decide what its ids are. */
  public static CollectionSettings of(List<VectorSpec> vectors) {
    if (vectors.size() == 1 && isPlain(vectors.getFirst())) {
      return new CollectionSettings(vectors, false, null, null);
    }
    List<VectorSpec> numbered = new ArrayList<>();
    vectors.forEach(spec -> numbered.add(spec.withNumber(numbered.size())));
    return new CollectionSettings(numbered, true, null, null);
  }

  private static boolean isPlain(VectorSpec spec) {
    return spec.name().isEmpty() && spec.kind() == VectorSpec.Kind.DENSE;
  }

  public CollectionSettings withIdType(IdType newIdType) {
    return new CollectionSettings(vectors, named, newIdType, schema);
  }

  public CollectionSettings withSchema(String newSchema) {
    return new CollectionSettings(vectors, named, idType, newSchema);
  }

  /** The same with a vector more. */
  public CollectionSettings withVector(VectorSpec added) {
    int number = 1 + vectors.stream().mapToInt(VectorSpec::number).max().orElse(-1);
    List<VectorSpec> all = new ArrayList<>(vectors);
    all.add(added.withNumber(number));
    return new CollectionSettings(all, true, idType, schema);
  }

  /** The same without a vector. */
  public CollectionSettings withoutVector(String name) {
    List<VectorSpec> others = vectors.stream().filter(spec -> !spec.name().equals(name)).toList();
    if (others.isEmpty()) {
      throw CollectionException.invalid(
          "the only vector of a collection cannot be removed; drop the collection");
    }
    return new CollectionSettings(others, true, idType, schema);
  }

  /** The vector of a name, or null. */
  public @Nullable VectorSpec find(String name) {
    for (VectorSpec spec : vectors) {
      if (spec.name().equals(name)) {
        return spec;
      }
    }
    return null;
  }

  /**
   * The vector of a name.
   *
   * @throws CollectionException INVALID if there is none
   */
  public VectorSpec vector(String name) {
    VectorSpec spec = find(name);
    if (spec == null) {
      throw CollectionException.invalid(
          name.isEmpty()
              ? "the collection has no vector without a name; name one of " + names()
              : "the collection has no vector \"" + name + "\"; it has " + names());
    }
    return spec;
  }

  private String names() {
    return vectors.stream()
        .map(spec -> spec.name().isEmpty() ? "one without a name" : '"' + spec.name() + '"')
        .collect(Collectors.joining(", "));
  }

  /** Components of the vector without a name. */
  public int dimension() {
    return dense("").dimension();
  }

  /** Distance of the vector without a name. */
  public Metric metric() {
    return dense("").metric();
  }

  /**
   * A vector that must be dense.
   *
   * @throws CollectionException INVALID if there is none of that name, or it is of another kind
   */
  public VectorSpec dense(String name) {
    VectorSpec spec = vector(name);
    if (spec.kind() != VectorSpec.Kind.DENSE) {
      throw CollectionException.invalid(spec.label() + " is not dense, as this request needs it");
    }
    return spec;
  }
}
