// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.IdType;
import dev.arbalest.Index;
import dev.arbalest.ProgressListener;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.PointRow;
import dev.arbalest.collections.model.PointId;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes attributes and vectors of a collection agree after a crash, which may have come between the
 * two: a point exists if its vector does.
 */
final class Reconciliation {
  private static final int ROWS = 10_000;

  private Reconciliation() {}

  /** Removes rows without vectors, and adds rows to vectors that have none. */
  static void run(AttributeStore store, Index index, ProgressListener listener) throws IOException {
    IdType type = index.idType();
    PointId from = null;
    while (true) {
      List<PointRow> rows = store.scroll(null, from, ROWS + 1);
      List<PointId> orphans = new ArrayList<>();
      int known = Math.min(rows.size(), ROWS);
      for (PointRow row : rows.subList(0, known)) {
        if (!index.contains(PointId.toIds(List.of(row.id()), type), 0)) {
          orphans.add(row.id());
        }
      }
      if (!orphans.isEmpty()) {
        store.remove(orphans);
      }
      if (rows.size() <= ROWS) {
        break;
      }
      from = rows.getLast().id();
      listener.advanced(known);
    }
    if (store.count(null) == index.count()) {
      return;
    }
    List<PointId> batch = new ArrayList<>();
    index.forEachId((number, text) -> {
      batch.add(text == null ? PointId.of(number) : PointId.of(text));
      if (batch.size() == ROWS) {
        addMissing(store, batch);
      }
    });
    addMissing(store, batch);
  }

  private static void addMissing(AttributeStore store, List<PointId> batch) throws IOException {
    List<@Nullable PointRow> rows = store.rows(batch);
    List<PointId> missing = new ArrayList<>();
    List<@Nullable String> nothing = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      if (rows.get(i) == null) {
        missing.add(batch.get(i));
        nothing.add(null);
      }
    }
    if (!missing.isEmpty()) {
      store.put(missing, nothing);
    }
    batch.clear();
  }
}
