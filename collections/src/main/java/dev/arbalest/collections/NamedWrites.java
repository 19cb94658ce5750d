// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.LiveIndex;
import dev.arbalest.VectorBatch;
import dev.arbalest.WriteRefusedException;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.PointRow;
import dev.arbalest.collections.attributes.StoredVector;
import dev.arbalest.collections.attributes.VectorRows;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.collections.sparse.SparseIndex;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One write to a collection with named vectors. Indexes get new vectors before the database commits
 * which vectors points have, and lose old ones afterwards; what a crash or a failure leaves between
 * the two is taken out of the indexes when the collection is opened ({@link NamedReconciliation}).
 * One at a time; the caller holds the collection's lock of changes.
 */
final class NamedWrites {
  private final CollectionFiles files;
  private final AttributeStore store;
  private final IdType type;
  private long delayNanos;

  /**
   * Creates it.
   *
   * @param type of the collection's ids
   */
  NamedWrites(CollectionFiles files, IdType type) {
    this.files = files;
    this.store = files.attributes();
    this.type = type;
  }

  /** What becomes of one vector of the points of a write. */
  private final class Part implements AutoCloseable {
    final VectorSpace space;
    final List<PointId> ids = new ArrayList<>();
    final List<PointVector> vectors = new ArrayList<>();
    final List<StoredVector> stored = new ArrayList<>();
    final List<PointId> absent = new ArrayList<>();

    /** What points had before that have other or no vectors now: multivectors and sparse ones. */
    final List<StoredVector> former = new ArrayList<>();

    private @Nullable PointBuffer rows;
    private @Nullable VectorBatch batch;

    Part(VectorSpace space) {
      this.space = space;
    }

    int number() {
      return space.spec().number();
    }

    void add(PointId id, PointVector vector) {
      ids.add(id);
      vectors.add(vector);
      stored.add(
          switch (vector) {
            case PointVector.Dense _ -> StoredVector.dense(number(), id);
            case PointVector.Multi multi ->
                StoredVector.multi(number(), id, space.takeOrdinal(), multi);
            case PointVector.Sparse sparse -> StoredVector.sparse(number(), id, sparse);
          });
    }

    /** Has indexes judge the vectors, before any of them changes. */
    void check() throws IOException {
      if (space.spec().kind() != VectorSpec.Kind.DENSE) {
        List<PointId> changed = new ArrayList<>(ids);
        changed.addAll(absent);
        boolean isSparse = space.spec().kind() == VectorSpec.Kind.SPARSE;
        (isSparse ? store.vectors(number(), changed) : store.vectorHeads(number(), changed))
            .stream().filter(Objects::nonNull).forEach(former::add);
      }
      switch (space.spec().kind()) {
        case DENSE -> prepare(floats());
        case MULTI -> prepare(floats());
        case SPARSE -> {
          List<PointVector.Sparse> sparse = new ArrayList<>();
          vectors.forEach(vector -> sparse.add((PointVector.Sparse) vector));
          Objects.requireNonNull(space.sparse()).requireRoom(sparse);
        }
      }
    }

    private List<float[]> floats() {
      List<float[]> floats = new ArrayList<>();
      for (PointVector vector : vectors) {
        switch (vector) {
          case PointVector.Dense dense -> floats.add(dense.components());
          case PointVector.Multi multi -> floats.addAll(StoredVector.different(multi.parts()));
          case PointVector.Sparse _ -> throw new IllegalStateException("not dense");
        }
      }
      return floats;
    }

    @SuppressWarnings("MustBeClosedChecker") // closed by close()
    private void prepare(List<float[]> floats) throws IOException {
      if (floats.isEmpty()) {
        return;
      }
      PointBuffer buffer = PointBuffer.ofRows(space.spec().dimension(), floats.size());
      rows = buffer;
      floats.forEach(buffer::addVector);
      IdType idType = space.spec().kind() == VectorSpec.Kind.MULTI ? IdType.INT64 : type;
      LiveIndex index = files.openOrCreateIndex(space, idType, buffer.rows());
      batch = index.check(indexIds(), buffer.rows());
    }

    private Ids indexIds() {
      return space.spec().kind() == VectorSpec.Kind.MULTI
          ? VectorSpace.partIds(stored)
          : PointId.toIds(ids, type);
    }

    /** Whether it puts vectors into an index. */
    boolean inserts() {
      return batch != null;
    }

    void insert() throws IOException {
      VectorBatch checked = batch;
      LiveIndex index = space.index();
      if (checked == null || index == null) {
        return;
      }
      if (space.spec().kind() == VectorSpec.Kind.MULTI) {
        stored.forEach(space::noteChange);
        former.forEach(space::noteChange);
      }
      delayNanos += index.insert(checked).delayNanos();
    }

    /** Takes out of the indexes what the points do not have any more. */
    void finish() throws IOException {
      LiveIndex index = space.index();
      switch (space.spec().kind()) {
        case DENSE -> {
          if (index != null && !absent.isEmpty()) {
            int _ = index.delete(PointId.toIds(absent, type)).count();
          }
        }
        case MULTI -> {
          if (index != null && !former.isEmpty()) {
            former.forEach(space::noteChange);
            int _ = index.delete(VectorSpace.partIds(former)).count();
          }
        }
        case SPARSE -> {
          SparseIndex terms = Objects.requireNonNull(space.sparse());
          terms.together(() -> {
            former.forEach(vector -> terms.remove(vector.id(), vector.terms()));
            for (int i = 0; i < ids.size(); i++) {
              terms.put(ids.get(i), (PointVector.Sparse) vectors.get(i));
            }
          });
        }
      }
    }

    @Override
    public void close() {
      PointBuffer buffer = rows;
      if (buffer != null) {
        buffer.close();
      }
    }
  }

  /**
   * Inserts or replaces points with all their vectors: those that a point does not bring it does
   * not have any more. If one comes twice, the last wins.
   *
   * @return by how many nanoseconds it was slowed down
   */
  long upsert(List<Point> points) throws IOException {
    Map<PointId, Point> last = new java.util.LinkedHashMap<>();
    for (Point point : points) {
      last.put(point.id().as(type), point);
    }
    List<PointId> ids = new ArrayList<>(last.keySet());
    List<@Nullable String> payloads = new ArrayList<>();
    last.values().forEach(point -> payloads.add(point.payload()));
    write(
        ids,
        payloads,
        parts -> {
          for (Part part : parts) {
            last.forEach((id, point) -> {
              PointVector vector = point.named(part.space.spec().name());
              if (vector == null) {
                part.absent.add(id);
              } else {
                part.add(id, vector);
              }
            });
          }
        });
    return delayNanos;
  }

  /**
   * Gives points the vectors that are brought; the others, and attributes, stay. The points are
   * there. If one comes twice, the last vector of each name wins.
   *
   * @return by how many nanoseconds it was slowed down
   */
  long update(List<Point> points) throws IOException {
    Map<PointId, Map<String, PointVector>> changed = new java.util.LinkedHashMap<>();
    for (Point point : points) {
      changed.computeIfAbsent(point.id().as(type), _ -> new HashMap<>()).putAll(point.vectors());
    }
    List<PointId> ids = new ArrayList<>(changed.keySet());
    write(
        ids,
        payloads(ids),
        parts -> {
          for (Part part : parts) {
            changed.forEach((id, vectors) -> {
              PointVector vector = vectors.get(part.space.spec().name());
              if (vector != null) {
                part.add(id, vector);
              }
            });
          }
        });
    return delayNanos;
  }

  /** Takes some vectors from points, which are there. */
  void remove(List<PointId> ids, List<String> names) throws IOException {
    write(
        ids,
        payloads(ids),
        parts -> {
          for (Part part : parts) {
            if (names.contains(part.space.spec().name())) {
              part.absent.addAll(ids);
            }
          }
        });
  }

  /** The attributes of points that are there. */
  private List<@Nullable String> payloads(List<PointId> ids) throws IOException {
    List<@Nullable String> payloads = new ArrayList<>();
    for (PointRow row : store.rows(ids)) {
      payloads.add(Objects.requireNonNull(row).payload());
    }
    return payloads;
  }

  /** Says what becomes of each vector. */
  @FunctionalInterface
  private interface Filling {
    void fill(List<Part> parts);
  }

  private void write(List<PointId> ids, List<@Nullable String> payloads, Filling filling)
      throws IOException {
    List<Part> parts = new ArrayList<>();
    files.spaces().forEach(space -> parts.add(new Part(space)));
    try {
      filling.fill(parts);
      List<StoredVector> present = new ArrayList<>();
      Map<Integer, List<PointId>> absent = new HashMap<>();
      for (Part part : parts) {
        part.check();
        present.addAll(part.stored);
        if (!part.absent.isEmpty()) {
          absent.put(part.number(), part.absent);
        }
      }
      commit(ids, payloads, new VectorRows(present, absent), parts);
      finish(parts);
    } finally {
      parts.forEach(Part::close);
    }
  }

  private void commit(
      List<PointId> ids, List<@Nullable String> payloads, VectorRows rows, List<Part> parts)
      throws IOException {
    boolean[] isChanged = new boolean[1];
    try {
      store.put(
          ids,
          payloads,
          rows,
          () -> {
            for (Part part : parts) {
              boolean wasChanged = isChanged[0];
              isChanged[0] |= part.inserts(); // some may be there if it fails
              try {
                part.insert();
              } catch (WriteRefusedException e) {
                isChanged[0] = wasChanged;
                if (!wasChanged) {
                  throw e;
                }
                throw new IOException(e.getMessage(), e); // not all were refused
              }
            }
          });
    } catch (Throwable e) {
      if (isChanged[0]) {
        reconcileLater(e);
      }
      throw e;
    }
  }

  private void finish(List<Part> parts) throws IOException {
    // Whatever fails of one index, the others and memory follow the database.
    Throwable failure = null;
    for (Part part : parts) {
      try {
        part.finish();
      } catch (IOException | RuntimeException | Error e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      reconcileLater(failure);
      switch (failure) {
        case IOException e -> throw e;
        case Error e -> throw e;
        default -> throw (RuntimeException) failure;
      }
    }
  }

  private void reconcileLater(Throwable cause) {
    try {
      files.beginReconciling();
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }

  /** Removes points that are there, with all their vectors. */
  void delete(List<PointId> ids) throws IOException {
    List<Part> parts = new ArrayList<>();
    for (VectorSpace space : files.spaces()) {
      Part part = new Part(space);
      part.absent.addAll(ids);
      part.check();
      parts.add(part);
    }
    store.remove(ids);
    finish(parts);
  }
}
