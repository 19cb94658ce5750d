// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.collection;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.LiveIndex;
import dev.arbalest.PointSet;
import dev.arbalest.server.attributes.AttributeStore;
import dev.arbalest.server.attributes.Filter;
import dev.arbalest.server.model.PointId;
import dev.arbalest.server.model.ServerException;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The points that filters accept, as sets that searches run within. A filter is evaluated by the
 * database when it is first used, and after that for the points that changed. The filters used last
 * are kept. Thread-safe.
 */
final class FilterSets {
  private static final int MAX_FILTERS = 128;

  /** Memory of all sets, a bit per slot each. */
  private static final long MAX_BYTES = 32L << 20;

  /** Points that a filter is evaluated for at a time. */
  private static final int IDS_PER_QUESTION = 1000;

  /**
   * A filter that was evaluated.
   *
   * @param change number of the last change of attributes that it takes into account
   */
  private record Evaluated(PointSet set, long change) {}

  private final AttributeStore store;
  private final LiveIndex index;
  private final Map<Filter, Evaluated> byFilter = new LinkedHashMap<>(16, 0.75f, true);

  FilterSets(AttributeStore store, LiveIndex index) {
    this.store = store;
    this.index = index;
  }

  /** The points that a filter accepts, all acknowledged changes taken into account. */
  PointSet of(Filter filter) throws IOException {
    long change = store.changedPoints().last(); // what is read is at least as new
    Evaluated known;
    synchronized (byFilter) {
      known = byFilter.get(filter);
    }
    if (known != null && known.change() == change) {
      return known.set();
    }
    Evaluated next = new Evaluated(evaluate(filter, known), change);
    synchronized (byFilter) {
      Evaluated present = byFilter.get(filter);
      if (present == null || present.change() < change) {
        byFilter.put(filter, next);
        forgetOldest();
      }
    }
    return next.set();
  }

  private PointSet evaluate(Filter filter, @Nullable Evaluated known) throws IOException {
    List<PointId> changed = known == null ? null : store.changedPoints().since(known.change());
    if (known == null || changed == null) {
      return index.pointSet(store.matching(filter));
    }
    try {
      return update(known.set(), filter, changed);
    } catch (ServerException e) {
      if (e.kind() != ServerException.Kind.INVALID) {
        throw e;
      }
      return index.pointSet(store.matching(filter)); // with ids the filter has too many values
    }
  }

  private PointSet update(PointSet known, Filter filter, List<PointId> changed) throws IOException {
    IdType type = index.idType();
    PointSet set = known;
    for (int from = 0; from < changed.size(); from += IDS_PER_QUESTION) {
      List<PointId> part = changed.subList(from, Math.min(changed.size(), from + IDS_PER_QUESTION));
      Ids accepted =
          store.matching(new Filter.And(List.of(new Filter.HasId(List.copyOf(part)), filter)));
      set = set.updated(PointId.toIds(part, type), accepted);
    }
    return set;
  }

  private void forgetOldest() {
    long bytesPerSet = Math.max(1, index.stats().slots() / 8);
    long most = Math.clamp(MAX_BYTES / bytesPerSet, 4, MAX_FILTERS);
    var oldest = byFilter.entrySet().iterator();
    while (byFilter.size() > most) {
      oldest.next();
      oldest.remove();
    }
  }
}
