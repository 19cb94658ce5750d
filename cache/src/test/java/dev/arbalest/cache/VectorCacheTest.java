// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cache;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class VectorCacheTest {
  private static final int RECORD_BYTES = 512;

  @Test
  void aHitReturnsTheRecordOffered() {
    try (Arena arena = Arena.ofConfined();
        VectorCache cache = new VectorCache(1 << 20, RECORD_BYTES)) {
      MemorySegment record = arena.allocate(RECORD_BYTES);
      assertThat(cache.get(7, record, 0)).isFalse();
      fill(record, 7);
      cache.offer(7, record, 0);
      record.fill((byte) 0);
      assertThat(cache.get(7, record, 0)).isTrue();
      assertThat(isRecordOf(record, 7)).isTrue();
      assertThat(cache.hits()).isEqualTo(1);
      assertThat(cache.misses()).isEqualTo(1);
      assertThat(cache.byteSize()).isLessThanOrEqualTo(1 << 20);
    }
  }

  @Test
  void oftenUsedRecordsSurviveAScan() {
    try (Arena arena = Arena.ofConfined();
        VectorCache cache = new VectorCache(200 * 576, RECORD_BYTES)) {
      MemorySegment record = arena.allocate(RECORD_BYTES);
      for (int round = 0; round < 6; round++) {
        for (int slot = 0; slot < 60; slot++) {
          if (!cache.get(slot, record, 0)) {
            fill(record, slot);
            cache.offer(slot, record, 0);
          }
        }
      }
      for (int slot = 1000; slot < 1300; slot++) {
        fill(record, slot);
        cache.offer(slot, record, 0);
      }
      int kept = 0;
      for (int slot = 0; slot < 60; slot++) {
        kept += cache.get(slot, record, 0) ? 1 : 0;
      }
      assertThat(kept).isGreaterThan(45);
    }
  }

  @Test
  void concurrentReadersNeverSeeATornRecord() throws InterruptedException {
    try (Arena arena = Arena.ofShared();
        VectorCache cache = new VectorCache(16 * 576, RECORD_BYTES)) {
      AtomicLong torn = new AtomicLong();
      AtomicLong found = new AtomicLong();
      Thread[] threads = new Thread[4];
      for (int t = 0; t < threads.length; t++) {
        int number = t;
        MemorySegment record = arena.allocate(RECORD_BYTES);
        threads[t] =
            new Thread(() -> {
              SplittableRandom random = new SplittableRandom(number);
              for (int i = 0; i < 100_000; i++) {
                int slot = random.nextInt(64);
                if (cache.get(slot, record, 0)) {
                  found.incrementAndGet();
                  torn.addAndGet(isRecordOf(record, slot) ? 0 : 1);
                } else {
                  fill(record, slot);
                  cache.offer(slot, record, 0);
                }
              }
            });
        threads[t].start();
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(torn).hasValue(0);
      assertThat(found.get()).isPositive();
    }
  }

  private static void fill(MemorySegment record, long slot) {
    for (long i = 0; i < RECORD_BYTES; i += 8) {
      record.set(ValueLayout.JAVA_LONG, i, slot * 31 + i);
    }
  }

  private static boolean isRecordOf(MemorySegment record, long slot) {
    for (long i = 0; i < RECORD_BYTES; i += 8) {
      if (record.get(ValueLayout.JAVA_LONG, i) != slot * 31 + i) {
        return false;
      }
    }
    return true;
  }
}
