// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.log;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.testing.ForSeeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;

class LogRecordTest {
  private static final int HEAD_BYTES = 16;

  private static Ids ids(SplittableRandom random, int count) {
    if (random.nextBoolean()) {
      return Ids.of(random.longs(count).toArray());
    }
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      texts.add("id-" + "\u00e9x".repeat(random.nextInt(40)) + i);
    }
    return Ids.of(texts);
  }

  @ForSeeds(20)
  void aRecordHoldsAPartOfTheIds(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int count = 1 + random.nextInt(200);
    Ids all = ids(random, count);
    int from = random.nextInt(count);
    int to = from + random.nextInt(count - from + 1);
    try (Arena arena = Arena.ofConfined()) {
      int bytes = LogRecord.idBytes(all, from, to);
      MemorySegment payload = arena.allocate(bytes).fill((byte) -1);
      assertThat(LogRecord.write(payload, LogRecord.INSERT, all, from, to, 96)).isEqualTo(bytes);
      assertThat(bytes % 4).isZero();
      assertThat(LogRecord.kind(payload)).isEqualTo(LogRecord.INSERT);
      assertThat(LogRecord.count(payload)).isEqualTo(to - from);
      assertThat(LogRecord.dimension(payload)).isEqualTo(96);
      Ids found = Objects.requireNonNull(LogRecord.ids(payload, bytes));
      assertThat(found.type()).isEqualTo(all.type());
      assertThat(found.size()).isEqualTo(to - from);
      for (int i = 0; i < found.size(); i++) {
        assertThat(found.describe(i)).isEqualTo(all.describe(from + i));
      }
    }
  }

  @ForSeeds(20)
  void aRecordThatIsCutHasNoIds(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int count = 1 + random.nextInt(50);
    Ids all = ids(random, count);
    try (Arena arena = Arena.ofConfined()) {
      int bytes = LogRecord.idBytes(all, 0, count);
      MemorySegment payload = arena.allocate(bytes);
      int _ = LogRecord.write(payload, LogRecord.DELETE, all, 0, count, 0);
      int padding = all.type() == IdType.INT64 ? 0 : 3;
      for (int cut = 0; cut < bytes - padding; cut += 1 + cut / 8) {
        assertThat(LogRecord.ids(payload, cut)).as("%d of %d bytes", cut, bytes).isNull();
      }
      assertThat(bytes).isGreaterThan(HEAD_BYTES);
    }
  }
}
