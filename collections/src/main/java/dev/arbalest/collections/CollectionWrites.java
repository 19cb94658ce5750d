// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.IdType;
import dev.arbalest.LiveIndex;
import dev.arbalest.VectorBatch;
import dev.arbalest.WriteReceipt;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.PointRow;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.VectorSpec;
import dev.arbalest.vector.F32Rows;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The writes of a collection: one at a time changes points. Vectors change inside the transaction
 * of the attributes: if they cannot change, attributes stay as they were. All share one lock, and
 * so this is longer than other files. Thread-safe.
 */
final class CollectionWrites {
  private static final int PAGE_ROWS = 10_000;

  /** Points that lose named vectors at a time: sparse ones are in memory meanwhile. */
  private static final int NAMED_ROWS = 500;

  private final String name;
  private final CollectionListener listener;
  private final CollectionLifecycle lifecycle;

  /** Held while points change, so that attributes and vectors change together. */
  private final ReentrantLock changes = new ReentrantLock();

  CollectionWrites(String name, CollectionListener listener, CollectionLifecycle lifecycle) {
    this.name = name;
    this.listener = listener;
    this.lifecycle = lifecycle;
  }

  /** Keeps other writes out until {@link #unlock}. */
  void lock() {
    changes.lock();
  }

  /** Ends what {@link #lock} began. */
  void unlock() {
    changes.unlock();
  }

  private CollectionSettings settings() {
    return use(files -> files.attributes().settings());
  }

  private <T extends @Nullable Object> T use(CollectionLifecycle.Use<T> use) {
    return lifecycle.use(use);
  }

  /** As {@link Collection#keepSchema}. */
  void keepSchema(UnaryOperator<@Nullable String> merge) {
    use(files -> {
      AttributeStore store = files.attributes();
      changes.lock();
      try {
        String merged = merge.apply(store.settings().schema());
        if (merged != null && !merged.equals(store.settings().schema())) {
          store.update(store.settings().withSchema(merged));
        }
      } finally {
        changes.unlock();
      }
      return null;
    });
  }

  /** As {@link Collection#upsert(List, List, F32Rows)}. */
  WriteReceipt upsert(List<PointId> ids, List<@Nullable String> payloads, F32Rows vectors) {
    WriteReceipt receipt = upsertUnnamed(ids, payloads, vectors);
    return receipt == null ? upsertNamed(PointBatches.points(ids, payloads, vectors)) : receipt;
  }

  /** Returns null, and does nothing, if the collection has named vectors. */
  private @Nullable WriteReceipt upsertUnnamed(
      List<PointId> ids, List<@Nullable String> payloads, F32Rows vectors) {
    return use(files -> {
      AttributeStore store = files.attributes();
      if (store.settings().named()) {
        return null;
      }
      int dimension = store.settings().dimension();
      if (vectors.dimension() != dimension) {
        throw CollectionException.dimensionMismatch(dimension, vectors.dimension());
      }
      if (ids.isEmpty()) {
        return new WriteReceipt(0, 0, 0);
      }
      changes.lock();
      try {
        IdType idType = decideIdType(store, ids);
        LiveIndex target = files.openOrCreateIndex(files.only(), idType, vectors);
        IdType type = target.idType();
        VectorBatch batch = target.check(PointId.toIds(ids, type), vectors);
        WriteReceipt[] receipts = new WriteReceipt[1];
        store.put(
            ids.stream().map(id -> id.as(type)).toList(),
            payloads,
            () -> receipts[0] = target.insert(batch));
        WriteReceipt receipt = receipts[0];
        listener.inserted(name, receipt.count());
        listener.delayed(name, receipt.delayNanos());
        return receipt;
      } finally {
        changes.unlock();
      }
    });
  }

  /** As {@link Collection#upsert(List)}. */
  void upsert(List<Point> points) {
    if (settings().named()) {
      WriteReceipt _ = upsert(points, UpsertCondition.ALWAYS);
    } else {
      PointBatches.write(points, settings(), this::requireIds, this::upsert);
    }
  }

  /** As {@link Collection#checkNamed}. */
  List<Point> checkNamed(List<Point> points) {
    List<Point> checked = NamedPoints.checked(points, settings());
    requireIds(points.stream().map(Point::id).toList());
    return checked;
  }

  /** As {@link Collection#upsert(List, UpsertCondition)}. */
  WriteReceipt upsert(List<Point> points, UpsertCondition condition) {
    List<Point> checked = checkNamed(points);
    if (condition.isAlways()) {
      return upsertNamed(checked);
    }
    return use(_ -> { // the files stay open: others wait for them with the lock
      changes.lock(); // what a point is must not change between the question and the write
      try {
        boolean[] isTaken = taken(points.stream().map(Point::id).toList(), condition);
        List<Point> taken = new ArrayList<>();
        for (int i = 0; i < isTaken.length; i++) {
          if (isTaken[i]) {
            taken.add(checked.get(i));
          }
        }
        return upsertNamed(taken);
      } finally {
        changes.unlock();
      }
    });
  }

  private WriteReceipt upsertNamed(List<Point> points) {
    return writeNamed(points, (writes, batch) -> writes.upsert(batch));
  }

  /** A write of a batch of points; returns by how many nanoseconds it was slowed down. */
  @FunctionalInterface
  private interface NamedWrite {
    long make(NamedWrites writes, List<Point> batch) throws IOException;
  }

  private WriteReceipt writeNamed(List<Point> points, NamedWrite write) {
    long[] delay = new long[1];
    for (List<Point> batch : NamedPoints.batches(points)) {
      use(files -> {
        AttributeStore store = files.attributes();
        changes.lock();
        try {
          NamedPoints.requireVectors(batch, store.settings()); // one may be gone by now
          IdType type = decideIdType(store, batch.stream().map(Point::id).toList());
          delay[0] += write.make(new NamedWrites(files, type), batch);
        } finally {
          changes.unlock();
        }
        return null;
      });
      listener.inserted(name, batch.size());
    }
    listener.delayed(name, delay[0]);
    return new WriteReceipt(points.size(), 0, delay[0]);
  }

  /** Which points of an upsert a condition lets through, while no other write runs. */
  private boolean[] taken(List<PointId> ids, UpsertCondition condition) {
    requireIds(ids);
    boolean[] isThere = use(files -> PresentPoints.among(files, ids));
    boolean[] passes = use(files -> PresentPoints.passing(files, ids, condition.filter()));
    boolean[] isTaken = new boolean[ids.size()];
    Set<PointId> written = new HashSet<>();
    for (int i = 0; i < ids.size(); i++) {
      boolean isAgain = written.contains(ids.get(i)); // by this request
      boolean isUnknown = isAgain && condition.filter() != null; // what it is now was not asked
      if (condition.allows(isThere[i] || isAgain, passes[i] && !isUnknown)) {
        isTaken[i] = true;
        written.add(ids.get(i));
      }
    }
    return isTaken;
  }

  /** As {@link Collection#upsert(List, List, F32Rows, UpsertCondition)}. */
  WriteReceipt upsert(
      List<PointId> ids,
      List<@Nullable String> payloads,
      F32Rows vectors,
      UpsertCondition condition) {
    if (condition.isAlways()) {
      return upsert(ids, payloads, vectors);
    }
    return use(_ -> { // the files stay open: others wait for them with the lock
      changes.lock(); // what a point is must not change between the question and the write
      try {
        boolean[] isTaken = taken(ids, condition);
        try (PointBuffer taken = PointBuffer.ofRows(vectors.dimension(), Math.max(1, ids.size()))) {
          for (int i = 0; i < isTaken.length; i++) {
            if (isTaken[i]) {
              taken.addRow(ids.get(i), payloads.get(i), vectors, i);
            }
          }
          return upsert(taken.ids(), taken.payloads(), taken.rows());
        }
      } finally {
        changes.unlock();
      }
    });
  }

  /** As {@link Collection#requirePresent}. */
  void requirePresent(List<PointId> ids) {
    boolean[] isThere = use(files -> PresentPoints.among(files, ids));
    for (int i = 0; i < isThere.length; i++) {
      if (!isThere[i]) {
        throw new CollectionException(
            CollectionException.Kind.NOT_FOUND,
            "point " + ids.get(i) + " is not in collection " + name);
      }
    }
  }

  /** As {@link Collection#updateVectors(List, F32Rows, Filter)}. */
  WriteReceipt updateVectors(List<PointId> ids, F32Rows vectors, @Nullable Filter filter) {
    if (settings().named()) { // the other vectors of the points stay
      List<@Nullable String> nothing = new ArrayList<>();
      ids.forEach(_ -> nothing.add(null));
      return updateVectors(PointBatches.points(ids, nothing, vectors), filter);
    }
    return use(_ -> { // the files stay open: others wait for them with the lock
      changes.lock();
      try {
        requireIds(ids);
        requirePresent(ids);
        List<@Nullable String> payloads = new ArrayList<>();
        for (PointRow row : use(files -> PresentPoints.rows(files, ids))) {
          payloads.add(row == null ? null : row.payload());
        }
        return upsert(
            ids, payloads, vectors, new UpsertCondition(UpsertCondition.Mode.UPDATE_ONLY, filter));
      } finally {
        changes.unlock();
      }
    });
  }

  /** As {@link Collection#updateVectors(List, Filter)}. */
  WriteReceipt updateVectors(List<Point> points, @Nullable Filter filter) {
    List<Point> checked = NamedPoints.checked(points, settings());
    return use(_ -> { // the files stay open: others wait for them with the lock
      changes.lock();
      try {
        List<PointId> ids = checked.stream().map(Point::id).toList();
        requireIds(ids);
        requirePresent(ids);
        boolean[] passes = use(files -> PresentPoints.passing(files, ids, filter));
        List<Point> changed = new ArrayList<>();
        for (int i = 0; i < passes.length; i++) {
          if (passes[i]) {
            changed.add(checked.get(i));
          }
        }
        return writeNamed(changed, (writes, batch) -> writes.update(batch));
      } finally {
        changes.unlock();
      }
    });
  }

  /** As {@link Collection#requireDeletable}. */
  void requireDeletable(List<String> names) {
    requireDeletable(settings(), names);
  }

  private static void requireDeletable(CollectionSettings settings, List<String> names) {
    if (!settings.named()) {
      throw CollectionException.invalid(
          "a point has one vector, which cannot be deleted alone; delete the point");
    }
    for (String name : names) {
      VectorSpec _ = settings.vector(name);
    }
  }

  /** As {@link Collection#deleteVectors(List, List)}. */
  void deleteVectors(List<PointId> ids, List<String> names) {
    use(files -> {
      AttributeStore store = files.attributes();
      CollectionSettings settings = store.settings();
      requireDeletable(settings, names);
      changes.lock();
      try {
        List<PointId> present = present(files, ids);
        for (int from = 0; from < present.size(); from += NAMED_ROWS) {
          int to = Math.min(present.size(), from + NAMED_ROWS);
          new NamedWrites(files, Objects.requireNonNull(settings.idType()))
              .remove(present.subList(from, to), names);
        }
      } finally {
        changes.unlock();
      }
      return null;
    });
  }

  /** As {@link Collection#deleteVectors(Filter, List)}. */
  void deleteVectors(Filter filter, List<String> names) {
    PointId from = null;
    do {
      PointId first = from;
      from =
          use(files -> {
            changes.lock(); // what matches must still do when it is changed
            try {
              List<PointRow> rows = files.matches(filter).page(first, PAGE_ROWS + 1);
              List<PointId> ids =
                  rows.subList(0, Math.min(rows.size(), PAGE_ROWS)).stream()
                      .map(PointRow::id)
                      .toList();
              deleteVectors(ids, names);
              return rows.size() > PAGE_ROWS ? rows.getLast().id() : null;
            } finally {
              changes.unlock();
            }
          });
    } while (from != null);
  }

  /** Those of some points that are there, each once. */
  private static List<PointId> present(CollectionFiles files, List<PointId> ids)
      throws IOException {
    return PresentPoints.rows(files, ids).stream()
        .filter(Objects::nonNull)
        .map(PointRow::id)
        .distinct()
        .toList();
  }

  /** As {@link Collection#requireIds}. */
  void requireIds(List<PointId> ids) {
    for (PointId id : ids) {
      if (!id.problem().isEmpty()) {
        throw CollectionException.invalid(id.problem());
      }
    }
    use(files -> {
      AttributeStore store = files.attributes();
      changes.lock();
      try {
        IdType type = ids.isEmpty() ? null : decideIdType(store, ids);
        if (type != null) {
          ids.forEach(id -> id.as(type));
        }
      } finally {
        changes.unlock();
      }
      return null;
    });
  }

  private static IdType decideIdType(AttributeStore store, List<PointId> ids) throws IOException {
    IdType type = store.settings().idType();
    if (type == null) {
      boolean isText = ids.stream().anyMatch(id -> id.text() != null);
      type = isText ? IdType.UTF8 : IdType.INT64;
      store.update(store.settings().withIdType(type));
    }
    return type;
  }

  /** As {@link Collection#delete(List)}. */
  int delete(List<PointId> ids) {
    return use(files -> {
      AttributeStore store = files.attributes();
      changes.lock();
      try {
        if (files.isNamed()) {
          return deleteNamed(files, ids);
        }
        LiveIndex present = files.only().index();
        if (present == null || ids.isEmpty()) {
          return 0;
        }
        IdType type = present.idType();
        int[] deleted = new int[1];
        store.remove(
            ids.stream().map(id -> id.as(type)).toList(),
            () -> deleted[0] = present.delete(PointId.toIds(ids, type)).count());
        listener.deleted(name, deleted[0]);
        return deleted[0];
      } finally {
        changes.unlock();
      }
    });
  }

  private int deleteNamed(CollectionFiles files, List<PointId> ids) throws IOException {
    List<PointId> present = present(files, ids);
    IdType type = files.attributes().settings().idType();
    if (present.isEmpty() || type == null) {
      return 0;
    }
    for (int from = 0; from < present.size(); from += NAMED_ROWS) {
      int to = Math.min(present.size(), from + NAMED_ROWS);
      new NamedWrites(files, type).delete(present.subList(from, to));
    }
    listener.deleted(name, present.size());
    return present.size();
  }

  /** As {@link Collection#delete(Filter)}. */
  int delete(Filter filter) {
    Objects.requireNonNull(filter, "filter");
    int deleted = 0;
    int some = 1;
    while (some > 0) {
      some =
          use(files -> {
            changes.lock(); // what matches must still do when it is removed
            try {
              return delete(files.matches(filter).first(PAGE_ROWS));
            } finally {
              changes.unlock();
            }
          });
      deleted += some;
    }
    return deleted;
  }

  /** As {@link Collection#changePayloads(List, PayloadChange)}. */
  void changePayloads(List<PointId> ids, PayloadChange change) {
    use(files -> {
      AttributeStore store = files.attributes();
      changes.lock();
      try {
        IdType type = store.settings().idType();
        if (type == null) {
          return null;
        }
        change(store, store.rows(ids.stream().map(i -> i.as(type)).toList()), change);
        return null;
      } finally {
        changes.unlock();
      }
    });
  }

  /** As {@link Collection#changePayloads(Filter, PayloadChange)}. */
  void changePayloads(Filter filter, PayloadChange change) {
    PointId from = null;
    do {
      PointId first = from;
      from =
          use(files -> {
            AttributeStore store = files.attributes();
            changes.lock(); // what matches must still do when it is changed
            try {
              List<PointRow> rows = files.matches(filter).page(first, PAGE_ROWS + 1);
              change(store, rows.subList(0, Math.min(rows.size(), PAGE_ROWS)), change);
              return rows.size() > PAGE_ROWS ? rows.getLast().id() : null;
            } finally {
              changes.unlock();
            }
          });
    } while (from != null);
  }

  private static void change(
      AttributeStore store, List<? extends @Nullable PointRow> rows, PayloadChange change)
      throws IOException {
    List<PointId> known = new ArrayList<>();
    List<@Nullable String> payloads = new ArrayList<>();
    for (PointRow row : rows) {
      if (row != null) {
        known.add(row.id());
        payloads.add(change.apply(row.payload()));
      }
    }
    if (!known.isEmpty()) { // with none there may be no table of points yet
      store.put(known, payloads);
    }
  }
}
