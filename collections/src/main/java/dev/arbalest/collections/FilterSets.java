// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.LiveIndex;
import dev.arbalest.PointSet;
import dev.arbalest.Slots;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.columns.AttributeColumns;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.PointId;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The points that filters accept, as sets that searches run within. Columns in memory evaluate a
 * filter if they have all its fields; otherwise the database does, once when the filter is first
 * used and after that for the points that changed. Of a conjunction the columns do what they can.
 * The filters used last are kept. Thread-safe; of requests with the same filter one evaluates it
 * and the others wait.
 */
final class FilterSets {
  private static final int MAX_FILTERS = 128;

  /** Memory of all sets, a bit per slot each. */
  private static final long MAX_BYTES = 32L << 20;

  /** Points that a filter is evaluated for at a time. */
  private static final int IDS_PER_QUESTION = 1000;

  /** The points of a filter; its lock is held by the one request that evaluates it. */
  private static final class Evaluated {
    final ReentrantLock lock = new ReentrantLock();
    @Nullable PointSet set;

    /** Last change of attributes that the database took into account. */
    long change;

    /** Version of the columns that were evaluated. */
    long version;
  }

  private final AttributeStore store;
  private final LiveIndex index;
  private final AttributeColumns columns;
  private final Map<Filter, Evaluated> byFilter = new LinkedHashMap<>(16, 0.75f, true);

  FilterSets(AttributeStore store, LiveIndex index, AttributeColumns columns) {
    this.store = store;
    this.index = index;
    this.columns = columns;
  }

  /** The points that a filter accepts, all acknowledged changes taken into account. */
  PointSet of(Filter filter) throws IOException {
    Evaluated known;
    synchronized (byFilter) {
      int before = byFilter.size();
      known = byFilter.computeIfAbsent(filter, _ -> new Evaluated());
      if (byFilter.size() > before) {
        forgetOldest();
      }
    }
    known.lock.lock();
    try {
      return evaluate(filter, known);
    } finally {
      known.lock.unlock();
    }
  }

  /** Has all filters evaluated anew. */
  void forget() {
    synchronized (byFilter) {
      byFilter.clear();
    }
  }

  /** Whether a filter can be evaluated without the database. */
  boolean isInMemory(Filter filter) {
    return columns.covers(filter);
  }

  /** What evaluates a filter: {@code columns}, {@code database}, or both. */
  String source(Filter filter) {
    if (columns.covers(filter)) {
      return "columns";
    }
    Filter rest = without(filter, columns::covers);
    return rest == null || rest.equals(filter) ? "database" : "columns and database";
  }

  private PointSet evaluate(Filter filter, Evaluated known) throws IOException {
    if (columns.covers(filter)) {
      PointSet set = byColumns(filter, known);
      if (set != null) {
        return set;
      }
    }
    Filter rest = without(filter, columns::covers);
    if (rest == null || rest.equals(filter)) {
      return byDatabase(filter, known);
    }
    PointSet of = of(rest);
    Filter covered = without(filter, part -> !columns.covers(part));
    PointSet both = covered == null ? null : byBoth(covered, of, known);
    return both == null ? byDatabase(filter, known) : both;
  }

  /** The parts of a conjunction that fail a test, or null if none does. */
  private static @Nullable Filter without(Filter filter, Predicate<Filter> test) {
    if (!(filter instanceof Filter.And and)) {
      return test.test(filter) ? null : filter;
    }
    List<Filter> parts =
        and.parts().stream()
            .map(part -> without(part, test))
            .filter(java.util.Objects::nonNull)
            .toList();
    return parts.isEmpty() ? null : parts.equals(and.parts()) ? and : new Filter.And(parts);
  }

  /** Evaluates columns; null if they lost a field just now. */
  private @Nullable PointSet byColumns(Filter filter, Evaluated known) {
    if (known.set != null && known.version == columns.version()) {
      return known.set;
    }
    return select(
        slots -> {
          known.version = columns.version(); // it changes within access to the slots only
          return columns.select(filter, slots);
        },
        known);
  }

  private @Nullable PointSet byBoth(Filter covered, PointSet rest, Evaluated known) {
    return select(
        slots -> {
          known.version = -1;
          long[] words = columns.select(covered, slots);
          if (words != null) {
            long[] others = rest.words();
            for (int i = 0; i < words.length; i++) {
              words[i] &= i < others.length ? others[i] : 0;
            }
          }
          return words;
        },
        known);
  }

  /** Chooses slots, or null if that is not possible. */
  @FunctionalInterface
  private interface Choice {
    long @Nullable [] choose(Slots slots);
  }

  private @Nullable PointSet select(Choice choice, Evaluated known) {
    PointSet present = known.set;
    PointSet set =
        index.withSlots(slots -> {
          long[] words = choice.choose(slots);
          if (words == null) {
            return null; // searches that use the set go on with what it has
          }
          if (present == null) {
            return index.pointSet(_ -> words);
          }
          present.replace(_ -> words);
          return present;
        });
    known.change = -1;
    known.set = set;
    return set;
  }

  private PointSet byDatabase(Filter filter, Evaluated known) throws IOException {
    long change = store.changedPoints().last(); // what is read is at least as new
    PointSet set = known.set;
    List<PointId> changed =
        set == null || known.change < 0 ? null : store.changedPoints().since(known.change);
    if (set == null || changed == null || !update(set, filter, changed)) {
      set = index.pointSet(store.matching(filter));
    }
    known.set = set;
    known.change = change;
    known.version = -1;
    return set;
  }

  /** Brings a set up to date; returns whether the database could evaluate single points. */
  private boolean update(PointSet set, Filter filter, List<PointId> changed) throws IOException {
    IdType type = index.idType();
    for (int from = 0; from < changed.size(); from += IDS_PER_QUESTION) {
      List<PointId> part = changed.subList(from, Math.min(changed.size(), from + IDS_PER_QUESTION));
      Ids accepted;
      try {
        accepted =
            store.matching(new Filter.And(List.of(new Filter.HasId(List.copyOf(part)), filter)));
      } catch (CollectionException e) {
        if (e.kind() != CollectionException.Kind.INVALID) {
          throw e;
        }
        return false; // with ids the filter has too many values
      }
      set.update(PointId.toIds(part, type), accepted);
    }
    return true;
  }

  private void forgetOldest() {
    long bytesPerSet = Math.max(1, index.withSlots(Slots::size) / 8);
    long most = Math.clamp(MAX_BYTES / bytesPerSet, 4, MAX_FILTERS);
    var oldest = byFilter.entrySet().iterator();
    while (byFilter.size() > most) {
      oldest.next();
      oldest.remove();
    }
  }
}
