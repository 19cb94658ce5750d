// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.testing.ForSeeds;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/** Decodes what was encoded, and refuses what was cut or changed without reading beyond it. */
class BytePlanesTest {
  private static final int MAX_BYTES = 100_000;

  @ForSeeds(30)
  void whatIsDecodedIsWhatWasEncoded(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    int floats = random.nextInt(20_000);
    int floatsFrom = random.nextInt(3) == 0 ? 0 : random.nextInt(5000);
    int bytes = floatsFrom + 4 * floats;
    try (Arena arena = Arena.ofConfined();
        BytePlanes planes = new BytePlanes(MAX_BYTES, arena)) {
      MemorySegment source = arena.allocate(bytes + 8);
      int kind = random.nextInt(3);
      for (int i = 0; i < bytes; i++) {
        int value = kind == 0 ? random.nextInt(256) : kind == 1 ? 7 : random.nextInt(3);
        source.set(ValueLayout.JAVA_BYTE, i, (byte) value);
      }
      MemorySegment encoded = arena.allocate(BytePlanes.bound(bytes));
      int length = planes.encode(source, bytes, floatsFrom, encoded);
      MemorySegment decoded = arena.allocate(bytes + 8);
      planes.decode(encoded, length, bytes, floatsFrom, decoded);
      assertThat(MemorySegment.mismatch(source, 0, bytes, decoded, 0, bytes)).isEqualTo(-1);
      assertThatThrownBy(
              () -> planes.decode(encoded, Math.max(0, length - 1), bytes, floatsFrom, decoded))
          .isInstanceOfAny(IOException.class, IllegalArgumentException.class);
    }
  }
}
