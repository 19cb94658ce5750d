// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.collections.model.PointId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The points whose attributes changed most recently. Data derived from attributes reads it to catch
 * up. Changes are numbered from 1. Thread-safe.
 */
public final class ChangedPoints {
  private static final int MAX_IDS = 20_000;

  /**
   * A change.
   *
   * @param number of the change
   * @param ids of the points
   */
  private record Change(long number, List<PointId> ids) {}

  private final Deque<Change> changes = new ArrayDeque<>();
  private boolean isWatched;
  private int held;
  private long last;
  private long forgotten;

  /** Number of the last change, 0 before the first. */
  public synchronized long last() {
    isWatched = true; // from now on points are held, before nobody can ask for them
    return last;
  }

  /** Notes a change that is committed. */
  synchronized void note(List<PointId> ids) {
    last++;
    if (!isWatched) {
      forgotten = last;
      return;
    }
    changes.addLast(new Change(last, List.copyOf(ids)));
    held += ids.size();
    while (held > MAX_IDS && !changes.isEmpty()) {
      Change oldest = changes.removeFirst();
      held -= oldest.ids().size();
      forgotten = oldest.number();
    }
  }

  /** Notes a change of all points. */
  synchronized void noteAll() {
    last++;
    changes.clear();
    held = 0;
    forgotten = last;
  }

  /** The points of all changes behind one, or null if some of them are not known any more. */
  public synchronized @Nullable List<PointId> since(long number) {
    if (number < forgotten) {
      return null;
    }
    List<PointId> ids = new ArrayList<>();
    for (Change change : changes) {
      if (change.number() > number) {
        ids.addAll(change.ids());
      }
    }
    return ids;
  }
}
