// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.sparse;

import dev.arbalest.WriteRefusedException;
import dev.arbalest.collections.model.PointId;
import dev.arbalest.collections.model.PointVector;
import dev.arbalest.collections.model.ScoredPoint;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * An inverted index of sparse vectors in memory: for each term the points that have it. A query
 * adds up the products of weights term by term and keeps the best. Weighted by idf, a term of a
 * query counts {@code ln(1 + (n - d + 0.5) / (d + 0.5))} times, where d of n points have it
 * (Robertson and Zaragoza 2009). All indexes of the process take at most half of the heap.
 * Thread-safe.
 */
public final class SparseIndex implements AutoCloseable {
  private static final int POINT_BYTES = 120;

  /** Terms of dead points are dropped when they are more than these, and more than live ones. */
  private static final int MIN_DEAD = 1 << 13;

  private static final long MAX_BYTES = Runtime.getRuntime().maxMemory() / 2;
  private static final AtomicLong ALL_BYTES = new AtomicLong();

  private static final ThreadLocal<ScoreTable> SCORES = ThreadLocal.withInitial(ScoreTable::new);

  private final boolean idf;
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private final Map<Integer, Postings> terms = new HashMap<>();
  private final Map<Object, Integer> numbers = new HashMap<>();

  /** Points by their numbers, null if they are dead. */
  private @Nullable PointId[] points = new PointId[16];

  private int size;
  private long bytes;
  private long liveTerms;
  private long deadTerms;

  /**
   * Creates an empty one.
   *
   * @param idf whether terms of a query count the more the rarer they are
   */
  public SparseIndex(boolean idf) {
    this.idf = idf;
  }

  /**
   * Throws unless there is memory for more vectors.
   *
   * @throws WriteRefusedException if the process has no room for them
   */
  public void requireRoom(List<PointVector.Sparse> vectors) throws WriteRefusedException {
    if (vectors.isEmpty()) {
      return; // what only takes away always may
    }
    long more = bytesOf(vectors);
    if (ALL_BYTES.get() + more > MAX_BYTES) {
      lock.writeLock().lock();
      try {
        dropDead();
      } finally {
        lock.writeLock().unlock();
      }
    }
    if (ALL_BYTES.get() + more > MAX_BYTES) {
      throw new WriteRefusedException(
          "sparse vectors take "
              + ALL_BYTES.get()
              + " bytes of memory, at most half of the heap of "
              + Runtime.getRuntime().maxMemory()
              + "; delete some, or give the process a larger heap (-Xmx)");
    }
  }

  /** What vectors will take, lists of new terms included. */
  private long bytesOf(List<PointVector.Sparse> vectors) {
    long bytes = 0;
    Set<Integer> added = new HashSet<>();
    lock.readLock().lock();
    try {
      for (PointVector.Sparse vector : vectors) {
        bytes += POINT_BYTES + (long) vector.indices().length * Postings.ENTRY_BYTES;
        for (int term : vector.indices()) {
          boolean isNew = !terms.containsKey(term) && added.add(term);
          bytes += isNew ? Postings.EMPTY_BYTES : 0;
        }
      }
    } finally {
      lock.readLock().unlock();
    }
    return bytes;
  }

  /** Makes several changes that searches see all of or none. */
  public void together(Runnable changes) {
    lock.writeLock().lock();
    try {
      changes.run();
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Adds the vector of a point that has none. {@link #requireRoom} is asked before. */
  public void put(PointId id, PointVector.Sparse vector) {
    lock.writeLock().lock();
    try {
      if (numbers.containsKey(id.key())) {
        throw new IllegalStateException("point " + id + " has a sparse vector already");
      }
      if (size == points.length) {
        points = Arrays.copyOf(points, Math.multiplyExact(2, size));
      }
      int number = size++;
      points[number] = id;
      numbers.put(id.key(), number);
      long more = POINT_BYTES;
      for (int i = 0; i < vector.indices().length; i++) {
        Postings postings = terms.get(vector.indices()[i]);
        if (postings == null) {
          postings = new Postings();
          terms.put(vector.indices()[i], postings);
          more += Postings.EMPTY_BYTES;
        }
        postings.add(number, vector.values()[i]);
        more += Postings.ENTRY_BYTES;
      }
      liveTerms += vector.indices().length;
      grow(more);
    } finally {
      lock.writeLock().unlock();
    }
  }

  private void grow(long more) {
    bytes += more;
    ALL_BYTES.addAndGet(more);
  }

  /**
   * Removes the vector of a point.
   *
   * @param vector as it was put
   */
  public void remove(PointId id, PointVector.Sparse vector) {
    lock.writeLock().lock();
    try {
      Integer number = numbers.remove(id.key());
      if (number == null) {
        return;
      }
      points[number] = null;
      for (int term : vector.indices()) {
        Postings postings = terms.get(term);
        if (postings != null) {
          postings.died();
        }
      }
      liveTerms -= vector.indices().length;
      deadTerms += vector.indices().length + 1;
      if (deadTerms > MIN_DEAD && deadTerms > liveTerms) {
        dropDead();
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  private void dropDead() {
    int[] renumbered = new int[size];
    int next = 0;
    for (int number = 0; number < size; number++) {
      PointId id = points[number];
      if (id == null) {
        renumbered[number] = -1;
      } else {
        renumbered[number] = next;
        points[next] = id;
        numbers.put(id.key(), next++);
      }
    }
    Arrays.fill(points, next, size, null);
    size = next;
    long entries = 0;
    for (Postings postings : terms.values()) {
      postings.renumber(renumbered);
      entries += postings.live();
    }
    terms.values().removeIf(postings -> postings.live() == 0);
    deadTerms = 0;
    grow(
        (long) size * POINT_BYTES
            + entries * Postings.ENTRY_BYTES
            + (long) terms.size() * Postings.EMPTY_BYTES
            - bytes);
  }

  /** Points that have a vector. */
  public int count() {
    lock.readLock().lock();
    try {
      return numbers.size();
    } finally {
      lock.readLock().unlock();
    }
  }

  /** Bytes of memory, about. */
  public long bytes() {
    lock.readLock().lock();
    try {
      return bytes;
    } finally {
      lock.readLock().unlock();
    }
  }

  private record Found(int number, float score) {}

  /**
   * The points with the largest scores, best first; those that have no term of the query have none.
   *
   * @param within points that may be found, or null for all
   */
  public List<ScoredPoint> search(
      PointVector.Sparse query, int limit, @Nullable Iterable<PointId> within) {
    lock.readLock().lock();
    try {
      BitSet accepted = within == null ? null : numbersOf(within);
      ScoreTable scores = SCORES.get();
      scores.reset(size);
      try {
        for (int i = 0; i < query.indices().length; i++) {
          Postings postings = terms.get(query.indices()[i]);
          if (postings != null) {
            postings.score(query.values()[i] * weight(postings), scores);
          }
        }
        return best(scores, limit, accepted);
      } finally {
        scores.clear();
      }
    } finally {
      lock.readLock().unlock();
    }
  }

  private BitSet numbersOf(Iterable<PointId> ids) {
    BitSet accepted = new BitSet(size);
    for (PointId id : ids) {
      Integer number = numbers.get(id.key());
      if (number != null) {
        accepted.set(number);
      }
    }
    return accepted;
  }

  private float weight(Postings postings) {
    if (!idf) {
      return 1;
    }
    double having = postings.live();
    return (float) Math.log1p((numbers.size() - having + 0.5) / (having + 0.5));
  }

  private List<ScoredPoint> best(ScoreTable scores, int limit, @Nullable BitSet accepted) {
    Comparator<Found> worstFirst =
        Comparator.comparingDouble(Found::score)
            .thenComparing(Comparator.comparingInt(Found::number).reversed());
    PriorityQueue<Found> best = new PriorityQueue<>(worstFirst);
    float least = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < scores.size(); i++) {
      int number = scores.point(i);
      float score = scores.score(number);
      boolean isFull = best.size() == limit;
      if ((isFull && score < least)
          || points[number] == null
          || (accepted != null && !accepted.get(number))) {
        continue;
      }
      best.add(new Found(number, score));
      if (isFull) {
        best.poll();
      }
      least = best.size() == limit ? best.element().score() : least;
    }
    List<ScoredPoint> found = new ArrayList<>();
    while (!best.isEmpty()) {
      Found worst = best.remove();
      PointId id = points[worst.number()];
      if (id != null) {
        found.addFirst(new ScoredPoint(id, worst.score()));
      }
    }
    return found;
  }

  /** Gives its memory back to the budget of the process. */
  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      terms.clear();
      numbers.clear();
      points = new PointId[0];
      size = 0;
      liveTerms = 0;
      deadTerms = 0;
      grow(-bytes);
    } finally {
      lock.writeLock().unlock();
    }
  }
}
