// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.Ids;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.ssd.format.FileHeader;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Which node has an id: an open-addressed table of nodes off the heap, at most two thirds full, 4
 * bytes a place; the ids themselves are in the {@link IdTable}. Removing moves later entries up, so
 * that there are no graves. One thread at a time.
 */
public final class IdMap implements AutoCloseable {
  public static final int NONE = -1;
  private static final int MIN_PLACES = 1024;

  private final IdTable ids;
  private NativeMemory memory;
  private int places;
  private int size;

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // owned by this object, closed by close()
  public IdMap(IdTable ids, int expected) {
    this.ids = ids;
    this.places = (int) Math.min(1L << 30, Long.highestOneBit(Math.max(MIN_PLACES, 3L * expected)));
    this.memory = empty(places);
  }

  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  private static NativeMemory empty(int places) {
    NativeMemory memory = NativeMemory.allocate(4L * places);
    memory.segment().fill((byte) 0xff);
    return memory;
  }

  /** Ids it holds. */
  int size() {
    return size;
  }

  /** Memory it takes. */
  public long byteSize() {
    return memory.byteSize();
  }

  /** Memory in bytes with additional ids, while the map grows. */
  public long byteSizeWith(int more) {
    return mustGrow(size + (long) more) ? 3 * byteSize() : byteSize();
  }

  private boolean mustGrow(long entries) {
    return 3 * entries > 2L * places;
  }

  /** Makes room for some more ids, so that noting them cannot fail. */
  public void reserve(int more) {
    while (mustGrow(size + (long) more)) {
      grow();
    }
  }

  private int get(int place) {
    return memory.segment().getAtIndex(FileHeader.INT, place);
  }

  private void set(int place, int node) {
    memory.segment().setAtIndex(FileHeader.INT, place, node);
  }

  /** The node that has the {@code i}-th of some ids, or {@link #NONE}. */
  public int find(Ids wanted, int i) {
    int place = ids.hash(wanted, i) & (places - 1);
    while (true) {
      int node = get(place);
      if (node == NONE || ids.equal(node, wanted, i)) {
        return node;
      }
      place = (place + 1) & (places - 1);
    }
  }

  /**
   * Notes that a node has an id, in place of another that may have had it.
   *
   * @return that other, or {@link #NONE}
   */
  public int put(int newNode, Ids its, int i) {
    int place = ids.hash(its, i) & (places - 1);
    while (true) {
      int node = get(place);
      if (node == NONE) {
        break;
      }
      if (ids.equal(node, its, i)) {
        set(place, newNode);
        return node;
      }
      place = (place + 1) & (places - 1);
    }
    set(place, newNode);
    if (mustGrow(++size)) {
      grow();
    }
    return NONE;
  }

  /**
   * Notes a node by the id it has.
   *
   * @return false if another has the same
   */
  public boolean add(int node) {
    int place = ids.hash(node) & (places - 1);
    @Nullable Ids one = null;
    for (int other = get(place); other != NONE; other = get(place)) {
      if (one == null) {
        one = ids.only(node);
      }
      if (ids.equal(other, one, 0)) {
        return false;
      }
      place = (place + 1) & (places - 1);
    }
    set(place, node);
    if (mustGrow(++size)) {
      grow();
    }
    return true;
  }

  /** Removes a node that is in the table. */
  public void remove(int node) {
    int place = ids.hash(node) & (places - 1);
    while (get(place) != node) {
      place = (place + 1) & (places - 1);
    }
    int hole = place;
    for (int next = (hole + 1) & (places - 1);
        get(next) != NONE;
        next = (next + 1) & (places - 1)) {
      int home = ids.hash(get(next)) & (places - 1);
      // It may move up unless its home lies behind the hole.
      if (((next - home) & (places - 1)) >= ((next - hole) & (places - 1))) {
        set(hole, get(next));
        hole = next;
      }
    }
    set(hole, NONE);
    size--;
  }

  @SuppressWarnings("MustBeClosedChecker") // closed by close() or the next growth
  private void grow() {
    if (places == 1 << 30) {
      throw new IllegalStateException("an index has room for " + size + " ids");
    }
    NativeMemory old = memory;
    int oldPlaces = places;
    NativeMemory larger = empty(2 * oldPlaces); // if there is no memory all stays as it is
    memory = larger;
    places = 2 * oldPlaces;
    MemorySegment nodes = old.segment();
    for (int i = 0; i < oldPlaces; i++) {
      int node = nodes.getAtIndex(FileHeader.INT, i);
      if (node != NONE) {
        int place = ids.hash(node) & (places - 1);
        while (get(place) != NONE) {
          place = (place + 1) & (places - 1);
        }
        set(place, node);
      }
    }
    old.close();
  }

  @Override
  public void close() {
    memory.close();
  }
}
