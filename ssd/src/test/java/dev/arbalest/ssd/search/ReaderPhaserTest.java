// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.search;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.testing.ForSeeds;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.junit.jupiter.api.Test;

class ReaderPhaserTest {
  /** What readers find through a cell, until the writer takes it away and destroys it. */
  private static final class Thing {
    private volatile boolean destroyed;
  }

  @ForSeeds(4)
  void nothingIsDestroyedInAReadersHands(long seed) throws Exception {
    ReaderPhaser phaser = new ReaderPhaser();
    AtomicReferenceArray<Thing> cells = new AtomicReferenceArray<>(8);
    for (int i = 0; i < 8; i++) {
      cells.set(i, new Thing());
    }
    AtomicBoolean stop = new AtomicBoolean();
    List<CompletableFuture<Long>> readers = new ArrayList<>();
    for (int r = 0; r < 3; r++) {
      SplittableRandom random = new SplittableRandom(seed * 31 + r);
      readers.add(
          CompletableFuture.supplyAsync(() -> {
            long sections = 0;
            while (!stop.get() || sections < 1000) {
              long phase = phaser.enter();
              try {
                Thing found = cells.get(random.nextInt(8));
                for (int spin = random.nextInt(200); spin >= 0; spin--) {
                  assertThat(found.destroyed).isFalse();
                }
              } finally {
                phaser.exit(phase);
              }
              sections++;
            }
            return sections;
          }));
    }
    SplittableRandom random = new SplittableRandom(seed);
    for (int change = 0; change < 3000; change++) {
      Thing old = cells.getAndSet(random.nextInt(8), new Thing());
      phaser.flip();
      old.destroyed = true;
    }
    stop.set(true);
    for (CompletableFuture<Long> reader : readers) {
      assertThat(reader.get()).isGreaterThanOrEqualTo(1000);
    }
  }

  @Test
  void aFlipDoesNotWaitForSectionsThatBeginAfterIt() throws Exception {
    ReaderPhaser phaser = new ReaderPhaser();
    long first = phaser.enter();
    CompletableFuture<Boolean> flipped =
        CompletableFuture.supplyAsync(() -> {
          phaser.flip();
          return true;
        });
    long later = phaser.enter();
    while (later >= 0 == first >= 0) { // until the flip has begun
      phaser.exit(later);
      Thread.onSpinWait();
      later = phaser.enter();
    }
    assertThat(flipped).isNotDone();
    phaser.exit(first);
    assertThat(flipped.get()).isTrue();
    phaser.exit(later);
    phaser.flip();
  }
}
