// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class SlabPoolTest {
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

  @Test
  void memoryIsZeroedAlignedAndApart() {
    SplittableRandom random = new SplittableRandom(5);
    try (SlabPool pool = new SlabPool()) {
      for (int round = 0; round < 20; round++) {
        try (SlabPool.Lease lease = pool.lease()) {
          List<MemorySegment> taken = new ArrayList<>();
          for (int i = 0; i < 100; i++) {
            long bytes = random.nextInt(8) == 0 ? random.nextLong(200_000) : random.nextLong(9000);
            long alignment = 1L << random.nextInt(13);
            MemorySegment memory = lease.allocate(bytes, alignment);
            assertThat(memory.byteSize()).isEqualTo(bytes);
            assertThat(memory.address() % Math.max(64, alignment)).isZero();
            for (long at = 0; at + 8 <= bytes; at += 8) {
              if (memory.get(LONG, at) != 0) {
                throw new AssertionError("not zero at " + at + " of " + bytes);
              }
            }
            memory.fill((byte) (i + 1));
            taken.add(memory);
          }
          for (int i = 0; i < taken.size(); i++) {
            MemorySegment memory = taken.get(i);
            MemorySegment expected = lease.allocate(memory.byteSize(), 1).fill((byte) (i + 1));
            assertThat(memory.mismatch(expected)).isEqualTo(-1);
          }
        }
        assertThat(pool.freeBytes()).isEqualTo(pool.byteSize());
      }
    }
  }

  @Test
  void whatALeaseGivesBackTheNextOneGets() {
    try (SlabPool pool = new SlabPool()) {
      for (int round = 0; round < 1000; round++) {
        try (SlabPool.Lease lease = pool.lease()) {
          for (int i = 0; i < 20; i++) {
            assertThat(lease.allocate(60_000, 64).byteSize()).isEqualTo(60_000);
          }
        }
      }
      assertThat(pool.byteSize()).isEqualTo(2 << 20);
      try (SlabPool.Lease lease = pool.lease()) {
        MemorySegment large = lease.allocate(5 << 20, 4096);
        assertThat(large.address() % 4096).isZero();
        assertThat(pool.byteSize()).isEqualTo(7L << 20);
      }
      assertThat(pool.byteSize()).isEqualTo(2 << 20);
    }
  }

  @Test
  void leasesOfManyThreadsDoNotOverlap() throws Exception {
    try (SlabPool pool = new SlabPool();
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Callable<Boolean>> jobs = new ArrayList<>();
      for (int job = 0; job < 64; job++) {
        long mark = job + 1L;
        jobs.add(() -> {
          boolean whole = true;
          for (int round = 0; round < 50; round++) {
            try (SlabPool.Lease lease = pool.lease()) {
              MemorySegment a = lease.allocate(1000, 8);
              MemorySegment b = lease.allocate(65_000, 8);
              a.set(LONG, 992, mark);
              b.set(LONG, 0, -mark);
              whole &= a.get(LONG, 992) == mark && b.get(LONG, 0) == -mark;
            }
          }
          return whole;
        });
      }
      for (Future<Boolean> job : threads.invokeAll(jobs)) {
        assertThat(job.get()).isTrue();
      }
      assertThat(pool.freeBytes()).isEqualTo(pool.byteSize());
    }
  }

  @Test
  @SuppressWarnings("MustBeClosedChecker") // that closing twice and late does no harm is tested
  void misuseIsRefused() {
    SlabPool pool = new SlabPool();
    SlabPool.Lease lease = pool.lease();
    assertThatThrownBy(() -> lease.allocate(-1, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> lease.allocate(1, 3)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> lease.allocate(1, 8192)).isInstanceOf(IllegalArgumentException.class);
    assertThat(lease.allocate(0, 1).byteSize()).isZero();
    lease.close();
    lease.close();
    assertThatThrownBy(() -> lease.allocate(1, 1)).hasMessageContaining("the lease has ended");
    pool.close();
    try (SlabPool.Lease late = pool.lease()) {
      assertThatThrownBy(() -> late.allocate(1, 1)).hasMessageContaining("is closed");
    }
  }
}
