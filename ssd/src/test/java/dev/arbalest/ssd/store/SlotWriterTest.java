// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.ElementType;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.testing.ForSeeds;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.io.TempDir;

class SlotWriterTest {
  @TempDir private Path directory;

  @ForSeeds(12)
  void slotsAreWrittenAndTheirNeighboursKept(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    VectorFile geometry = new VectorFile(1 + random.nextInt(400), ElementType.F32);
    int slots = 100;
    int[] written = new int[slots];
    int alignment = 512 << random.nextInt(4);
    try (SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease();
        DirectFile file = DirectFile.open(directory.resolve("slots"), DirectFile.Mode.CREATE);
        NativeMemory found = NativeMemory.allocate(1 << 20)) {
      int _ = geometry.writeHeader(file);
      if (random.nextBoolean()) {
        file.truncate(geometry.fileBytes(slots));
      }
      SlotWriter writer = new SlotWriter(file, geometry, memory, alignment);
      for (int round = 1; round < 40; round++) {
        int slot = random.nextInt(slots);
        int count = Math.min(slots - slot, 1 + random.nextInt(6));
        for (int i = 0; i < count; i++) {
          long place = writer.place(slot + i);
          writer.image().asSlice(place, geometry.slotBytes()).fill((byte) round);
          written[slot + i] = round;
        }
        if (random.nextBoolean()) {
          writer.flush();
        }
      }
      writer.flush();
      long bytes = file.readUpTo(found.segment(), 0, found.byteSize(), 0);
      for (int slot = 0; slot < slots; slot++) {
        for (int i = 0; i < geometry.slotBytes() && written[slot] > 0; i++) {
          long at = geometry.offset(slot) + i;
          assertThat(at).isLessThan(bytes);
          assertThat(found.segment().get(java.lang.foreign.ValueLayout.JAVA_BYTE, at))
              .as("slot %d, byte %d", slot, i)
              .isEqualTo((byte) written[slot]);
        }
      }
    }
  }
}
