// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.LiveIndex;
import dev.arbalest.PointSet;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.PointRow;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.PointId;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * The points that one filter accepts: their set, number, ids, and rows page by page. Columns in
 * memory answer if they have all fields of the filter; otherwise the database does.
 */
final class FilterMatches {
  /** From this share of all points on, rows in the order of ids are tested one by one. */
  private static final int MAX_ROWS_PER_MATCH = 50;

  private static final int MIN_ROWS = 256;

  /** Times that a page is looked for while its points are being deleted. */
  private static final int MAX_TRIES = 10;

  private final Filter filter;
  private final AttributeStore store;
  private final @Nullable LiveIndex index;
  private final @Nullable FilterSets sets;

  FilterMatches(
      Filter filter, AttributeStore store, @Nullable LiveIndex index, @Nullable FilterSets sets) {
    this.filter = filter;
    this.store = store;
    this.index = index;
    this.sets = sets;
  }

  /**
   * The points as a set, evaluated by the database if need be.
   *
   * @throws IllegalStateException if the collection has no index
   */
  PointSet set() throws IOException {
    if (sets == null) {
      throw new IllegalStateException("the collection has no index");
    }
    return sets.of(filter);
  }

  /** What evaluates the filter. */
  String source() {
    return sets == null ? "database" : sets.source(filter);
  }

  /** The set if it need not be asked for, or null. */
  private @Nullable PointSet inMemory() throws IOException {
    return sets != null && sets.isInMemory(filter) ? sets.of(filter) : null;
  }

  /** How many there are. */
  long count() throws IOException {
    PointSet set = inMemory();
    return set == null ? store.count(filter) : set.count();
  }

  /** Some of the points, at most {@code limit}. */
  List<PointId> first(int limit) throws IOException {
    PointSet set = inMemory();
    return set == null ? store.matching(filter, limit) : toPoints(set.ids(limit));
  }

  private static List<PointId> toPoints(Ids ids) {
    List<PointId> points = new ArrayList<>(ids.size());
    for (int i = 0; i < ids.size(); i++) {
      points.add(
          ids.type() == IdType.UTF8 ? PointId.of(ids.describe(i)) : PointId.of(ids.number(i)));
    }
    return points;
  }

  /**
   * The rows of the first points from an id on, in the order of ids.
   *
   * @param from first id, or null for the very first
   */
  List<PointRow> page(@Nullable PointId from, int limit) throws IOException {
    PointSet set = inMemory();
    LiveIndex present = index;
    if (set == null || present == null) {
      return store.scroll(filter, from, limit);
    }
    long points = present.count();
    return points <= (long) MAX_ROWS_PER_MATCH * set.count()
        ? scan(set, present.idType(), from, limit)
        : smallest(set, from, limit);
  }

  /** Reads rows in their order and keeps those of the set. */
  private List<PointRow> scan(PointSet set, IdType type, @Nullable PointId from, int limit)
      throws IOException {
    List<PointRow> found = new ArrayList<>();
    int chunk = Math.max(MIN_ROWS, limit);
    PointId next = from;
    do {
      List<PointRow> rows = store.scroll(null, next, chunk + 1);
      next = rows.size() > chunk ? rows.getLast().id() : null;
      List<PointRow> page = rows.subList(0, Math.min(chunk, rows.size()));
      Ids ids = PointId.toIds(page.stream().map(PointRow::id).toList(), type);
      for (int i = 0; i < page.size() && found.size() < limit; i++) {
        if (set.contains(ids, i)) {
          found.add(page.get(i));
        }
      }
    } while (next != null && found.size() < limit);
    return found;
  }

  /** Sorts the ids of the set. */
  private List<PointRow> smallest(PointSet set, @Nullable PointId from, int limit)
      throws IOException {
    List<PointRow> rows = new ArrayList<>();
    boolean isAnyGone = true;
    for (int tries = 0; isAnyGone && tries < MAX_TRIES; tries++) {
      isAnyGone = false;
      rows.clear();
      for (PointRow row : store.rows(smallestIds(set, from, limit))) {
        if (row == null) { // deleted just now; the set does not have it any more
          isAnyGone = true;
        } else {
          rows.add(row);
        }
      }
    }
    return rows;
  }

  private static List<PointId> smallestIds(PointSet set, @Nullable PointId from, int limit) {
    Comparator<PointId> order = PointId.ORDER;
    PriorityQueue<PointId> smallest = new PriorityQueue<>(order.reversed());
    for (PointId id : toPoints(set.ids(Integer.MAX_VALUE))) {
      if ((from == null || order.compare(id, from) >= 0)
          && (smallest.size() < limit || order.compare(id, smallest.peek()) < 0)) {
        smallest.add(id);
        if (smallest.size() > limit) {
          smallest.poll();
        }
      }
    }
    return smallest.stream().sorted(order).toList();
  }
}
