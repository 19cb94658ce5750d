// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;

/** An index, the rows its ids have, and some sets with what they should hold. */
final class PointSetModel {
  static final int DIMENSION = 16;
  static final int K = 10;

  /** A set and the ids that it should have. */
  record Known(PointSet set, Set<Long> ids) {}

  final SplittableRandom random;
  final F32Rows pool;
  final Metric metric;
  final LiveIndex index;
  final Map<Long, Integer> rows = new HashMap<>();
  final List<Known> sets = new ArrayList<>();

  /** Ids by slots, as a listener and the writes below keep them. */
  final Map<Integer, Long> idBySlot = new HashMap<>();

  long nextId;

  PointSetModel(long seed, Metric metric, LiveIndex index) {
    this.random = new SplittableRandom(seed);
    this.pool = TestRows.clustered(seed, 4000, DIMENSION, 12);
    this.metric = metric;
    this.index = index;
    index.addSlotListener(this::placed);
  }

  void put(long[] ids) throws IOException {
    float[][] vectors = new float[ids.length][];
    for (int i = 0; i < ids.length; i++) {
      int row = random.nextInt(pool.count());
      vectors[i] = TestIndexes.row(pool, row);
      rows.put(ids[i], row);
    }
    assertThat(index.insert(Ids.of(ids), vectors).count()).isEqualTo(ids.length);
    index.withSlots(slots -> {
      for (long id : ids) {
        idBySlot.put(slots.find(Ids.of(id), 0), id);
      }
      return null;
    });
  }

  float[] vector(long id) {
    return TestIndexes.row(pool, Objects.requireNonNull(rows.get(id)));
  }

  long[] some(double share) {
    return rows.keySet().stream()
        .sorted()
        .mapToLong(Long::longValue)
        .filter(_ -> random.nextDouble() < share)
        .toArray();
  }

  void step() throws IOException {
    switch (random.nextInt(6)) {
      case 0, 1 -> {
        long[] ids = new long[1 + random.nextInt(300)];
        for (int i = 0; i < ids.length; i++) {
          ids[i] = nextId++;
        }
        put(ids);
      }
      case 2 -> {
        long[] ids = some(random.nextDouble());
        if (ids.length > 0) {
          put(ids);
        }
      }
      case 3 -> {
        long[] ids = some(random.nextDouble(0.5));
        assertThat(index.delete(Ids.of(ids)).count()).isEqualTo(ids.length);
        for (long id : ids) {
          rows.remove(id);
          sets.forEach(known -> known.ids().remove(id));
        }
      }
      case 4 -> index.compact(ProgressListener.NONE);
      default -> index.awaitLinked();
    }
  }

  void newSet() {
    if (sets.size() >= 2 && random.nextBoolean()) {
      Known a = sets.get(random.nextInt(sets.size()));
      Known b = sets.get(random.nextInt(sets.size()));
      Set<Long> ids = new HashSet<>(a.ids());
      switch (random.nextInt(3)) {
        case 0 -> {
          ids.retainAll(b.ids());
          sets.add(new Known(a.set().and(b.set()), ids));
        }
        case 1 -> {
          ids.addAll(b.ids());
          sets.add(new Known(a.set().or(b.set()), ids));
        }
        default -> {
          Set<Long> rest = new HashSet<>(rows.keySet());
          rest.removeAll(a.ids());
          sets.add(new Known(a.set().not(), rest));
        }
      }
      return;
    }
    double share = random.nextDouble();
    if (random.nextBoolean()) {
      long[] ids = some(share);
      Set<Long> known = new HashSet<>();
      for (long id : ids) {
        known.add(id);
      }
      sets.add(new Known(index.pointSet(Ids.of(ids)), known));
    } else {
      if (!sets.isEmpty() && random.nextBoolean()) {
        Known old = sets.get(random.nextInt(sets.size()));
        long[] changed = some(0.3);
        long[] accepted =
            java.util.Arrays.stream(changed).filter(_ -> random.nextBoolean()).toArray();
        java.util.Arrays.stream(changed).forEach(old.ids()::remove);
        java.util.Arrays.stream(accepted).forEach(old.ids()::add);
        old.set().update(Ids.of(changed), Ids.of(accepted));
        return;
      }
      long modulus = random.nextLong(1, 21);
      Set<Long> known = new HashSet<>(rows.keySet());
      known.removeIf(id -> id % modulus != 0);
      if (random.nextBoolean()) {
        sets.add(new Known(index.pointSet((id, _) -> id % modulus == 0), known));
      } else if (sets.isEmpty() || random.nextBoolean()) {
        sets.add(new Known(index.pointSet(slots -> multiples(slots, modulus)), known));
      } else {
        Known old = sets.get(random.nextInt(sets.size()));
        old.set().replace(slots -> multiples(slots, modulus));
        old.ids().clear();
        old.ids().addAll(known);
      }
    }
  }

  /** Chooses by what the listener keeps per slot; slots without a vector may be chosen. */
  long[] multiples(Slots slots, long modulus) {
    long[] words = new long[(slots.size() + 63) / 64];
    for (int slot = 0; slot < slots.size(); slot++) {
      if (idBySlot.getOrDefault(slot, 1L) % modulus == 0) {
        words[slot / 64] |= 1L << slot % 64;
      }
    }
    return words;
  }

  /** A vector takes a slot, with the value kept for the slot it comes from. */
  void placed(int slot, int former) {
    Long id = former == Slots.NONE ? null : idBySlot.get(former);
    if (id == null) {
      idBySlot.remove(slot);
    } else {
      idBySlot.put(slot, id);
    }
  }

  /** Compares the slots, and what the listener keeps, with the vectors there are. */
  void checkSlots() {
    int live =
        index.withSlots(slots -> {
          for (long id : rows.keySet()) {
            int slot = slots.find(Ids.of(id), 0);
            assertThat(slot).isNotEqualTo(Slots.NONE);
            assertThat(slots.number(slot)).isEqualTo(id);
            assertThat(idBySlot).containsEntry(slot, id);
            assertThat(slots.live()[slot / 64] >>> slot % 64 & 1).isEqualTo(1);
          }
          assertThat(slots.find(Ids.of(-5), 0)).isEqualTo(Slots.NONE);
          return java.util.Arrays.stream(slots.live()).mapToInt(Long::bitCount).sum();
        });
    assertThat(live).isEqualTo(rows.size());
  }

  /** Compares answers with brute force; only a scan that reads everything is exact. */
  void check(Known known, boolean isScan) throws IOException {
    assertThat(known.set().count()).isEqualTo(known.ids().size());
    float[] query = TestIndexes.row(pool, random.nextInt(pool.count()));
    SearchParameters all =
        SearchParameters.forK(K).withList(Math.max(K, rows.size())).withConfidence(1);
    SearchResult exact = new SearchResult();
    index.search(query, all, known.set(), exact);
    SearchResult found = new SearchResult();
    index.search(query, SearchParameters.forK(K), known.set(), found);
    double[] expected =
        known.ids().stream()
            .mapToDouble(id -> distance(metric, query, vector(id)))
            .sorted()
            .limit(K)
            .toArray();
    assertThat(exact.size()).isEqualTo(expected.length);
    assertThat(found.size()).isEqualTo(expected.length);
    Set<Long> seen = new HashSet<>();
    for (int rank = 0; rank < expected.length; rank++) {
      assertThat(known.ids()).contains(exact.id(rank), found.id(rank));
      if (isScan) {
        assertThat((double) exact.distance(rank)).isCloseTo(expected[rank], within());
      }
      assertThat((double) found.distance(rank))
          .isCloseTo(distance(metric, query, vector(found.id(rank))), within());
      assertThat(seen.add(found.id(rank))).isTrue();
    }
  }

  static org.assertj.core.data.Offset<Double> within() {
    return org.assertj.core.data.Offset.offset(1e-4);
  }

  static double distance(Metric metric, float[] a, float[] b) {
    double dot = 0;
    double squaredA = 0;
    double squaredB = 0;
    for (int i = 0; i < a.length; i++) {
      dot += (double) a[i] * b[i];
      squaredA += (double) a[i] * a[i];
      squaredB += (double) b[i] * b[i];
    }
    return switch (metric) {
      case L2 -> squaredA + squaredB - 2 * dot;
      case DOT -> -dot;
      case COSINE -> 1 - dot / Math.sqrt(squaredA * squaredB);
    };
  }
}
