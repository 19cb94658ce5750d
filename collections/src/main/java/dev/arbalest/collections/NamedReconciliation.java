// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.LiveIndex;
import dev.arbalest.ProgressListener;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.StoredVector;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.VectorSpec;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Makes the indexes of a collection with named vectors agree with its database after a crash. The
 * database decides: a write puts vectors into indexes before it is committed, and takes them out
 * afterwards, so that an index may have too many and never too few.
 */
final class NamedReconciliation {
  private static final int BATCH = 10_000;

  private NamedReconciliation() {}

  /** Whether an index has another number of vectors than the database. */
  static boolean differ(AttributeStore store, VectorSpace space, LiveIndex index)
      throws IOException {
    return expected(store, space.spec()) != index.count();
  }

  /** Vectors, or parts of them, that an index has if it agrees with the database. */
  static long expected(AttributeStore store, VectorSpec spec) throws IOException {
    if (spec.kind() != VectorSpec.Kind.MULTI) {
      return store.countVectors(spec.number());
    }
    long[] parts = new long[1];
    store.forEachHead(spec.number(), vector -> parts[0] += vector.indexedParts());
    return parts[0];
  }

  /** The vectors, or parts, of an index that the database does not know. */
  static List<Ids> unknown(AttributeStore store, VectorSpec spec, Index index) throws IOException {
    return spec.kind() == VectorSpec.Kind.DENSE
        ? unknownPoints(store, spec, index)
        : unknownParts(store, spec, index);
  }

  /**
   * Removes the vectors that the database does not know.
   *
   * @throws IOException if the index lacks vectors that the database knows
   */
  static void run(
      AttributeStore store, VectorSpace space, LiveIndex index, ProgressListener listener)
      throws IOException {
    for (Ids some : unknown(store, space.spec(), index)) {
      int _ = index.delete(some).count();
      listener.advanced(some.size());
    }
    long expected = expected(store, space.spec());
    if (index.count() != expected) {
      throw new IOException(
          CollectionPaths.index(space.directory())
              + " has "
              + index.count()
              + " vectors, the database knows "
              + expected
              + ": restore a copy of the collection's files");
    }
  }

  private static List<Ids> unknownPoints(AttributeStore store, VectorSpec spec, Index index)
      throws IOException {
    List<Ids> all = new ArrayList<>();
    List<PointId> batch = new ArrayList<>();
    index.forEachId((number, text) -> {
      batch.add(text == null ? PointId.of(number) : PointId.of(text));
      if (batch.size() == BATCH) {
        addUnknown(store, spec, index.idType(), batch, all);
      }
    });
    addUnknown(store, spec, index.idType(), batch, all);
    return all;
  }

  private static void addUnknown(
      AttributeStore store, VectorSpec spec, IdType type, List<PointId> batch, List<Ids> all)
      throws IOException {
    List<@Nullable StoredVector> known = store.vectorHeads(spec.number(), batch);
    List<PointId> unknown = new ArrayList<>();
    for (int i = 0; i < known.size(); i++) {
      if (known.get(i) == null) {
        unknown.add(batch.get(i));
      }
    }
    if (!unknown.isEmpty()) {
      all.add(PointId.toIds(unknown, type));
    }
    batch.clear();
  }

  private static List<Ids> unknownParts(AttributeStore store, VectorSpec spec, Index index)
      throws IOException {
    Map<Long, Integer> parts = new HashMap<>();
    store.forEachHead(spec.number(), vector -> parts.put(vector.ordinal(), vector.indexedParts()));
    List<Long> unknown = new ArrayList<>();
    index.forEachId((part, _) -> {
      int known = parts.getOrDefault(VectorSpace.ordinalOf(part), 0);
      if (VectorSpace.partOf(part) >= known) {
        unknown.add(part);
      }
    });
    return unknown.isEmpty()
        ? List.of()
        : List.of(Ids.of(unknown.stream().mapToLong(Long::longValue).toArray()));
  }
}
