// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.arbalest.ElementType;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.FileMapping;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.ssd.format.VectorFile;
import dev.arbalest.ssd.search.Searcher;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The contract of {@link SlotReader}, for each of its implementations. */
class SlotReaderTest {
  private static final int SLOTS = 300;

  @TempDir private Path directory;

  private interface Check {
    void run(SlotReader reader, VectorFile geometry) throws IOException;
  }

  /** Writes slots whose bytes are their number, and hands out a reader of them. */
  private void with(ReaderKind kind, int slotsInFile, Check check) throws IOException {
    if (kind == ReaderKind.URING) {
      String refusal = Searcher.ringRefusal();
      assumeTrue(refusal.isEmpty(), "this machine lacks io_uring: " + refusal);
    }
    VectorFile geometry = new VectorFile(200, ElementType.F32);
    Path path = directory.resolve("slots");
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.CREATE);
        NativeMemory slots = NativeMemory.allocate((long) SLOTS * geometry.slotBytes())) {
      int _ = geometry.writeHeader(file);
      for (int slot = 0; slot < SLOTS; slot++) {
        slots
            .segment()
            .asSlice((long) slot * geometry.slotBytes(), geometry.slotBytes())
            .fill((byte) slot);
      }
      long bytes = (long) slotsInFile * geometry.slotBytes() / 4096 * 4096;
      file.write(slots.segment(), 0, bytes, geometry.offset(0));
    }
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.READ);
        FileMapping mapping = FileMapping.of(file);
        ExecutorService pool = SlotReaders.newPreadPool();
        SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease();
        SlotReader reader = SlotReaders.open(kind, file, geometry, mapping, pool, memory)) {
      check.run(reader, geometry);
    }
  }

  @ParameterizedTest
  @EnumSource(value = ReaderKind.class, names = "AUTO", mode = EnumSource.Mode.EXCLUDE)
  void readsAreInTheBuffersTheyWereSubmittedFor(ReaderKind kind) throws IOException {
    with(
        kind,
        SLOTS,
        (reader, geometry) -> {
          SplittableRandom random = new SplittableRandom(5);
          for (int round = 0; round < 20; round++) {
            int count = 1 + random.nextInt(reader.capacity());
            int[] slots = random.ints(count, 0, SLOTS - 16).toArray();
            for (int buffer = 0; buffer < count; buffer++) {
              assertThat(reader.submit(slots[buffer], geometry.slotBytes(), buffer))
                  .isGreaterThanOrEqualTo(geometry.slotBytes());
            }
            if (random.nextBoolean()) {
              reader.start();
            }
            reader.await();
            for (int buffer = 0; buffer < count; buffer++) {
              for (int at = 0; at < geometry.slotBytes(); at += 97) {
                assertThat(reader.memory().get(ValueLayout.JAVA_BYTE, reader.offset(buffer) + at))
                    .as("%s, slot %d, byte %d", kind, slots[buffer], at)
                    .isEqualTo((byte) slots[buffer]);
              }
            }
          }
        });
  }

  @ParameterizedTest
  @EnumSource(value = ReaderKind.class, names = "AUTO", mode = EnumSource.Mode.EXCLUDE)
  void aSlotBehindTheEndIsAnErrorAndTheReaderGoesOn(ReaderKind kind) throws IOException {
    with(
        kind,
        100,
        (reader, geometry) -> {
          assertThatThrownBy(
                  () -> {
                    int _ = reader.submit(SLOTS + 1000, geometry.slotBytes(), 0);
                    reader.await();
                  })
              .isInstanceOf(IOException.class);
          int _ = reader.submit(7, geometry.slotBytes(), 1);
          reader.await();
          assertThat(reader.memory().get(ValueLayout.JAVA_BYTE, reader.offset(1)))
              .isEqualTo((byte) 7);
        });
  }
}
