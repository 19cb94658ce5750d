// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.testing.ForSeeds;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.io.TempDir;

class BlockFileTest {
  @TempDir private Path directory;

  @ForSeeds(8)
  void whatIsLoadedIsWhatWasWrittenAndDamageIsNoticed(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    int bytes = 1 + random.nextInt(seed % 2 == 0 ? 9000 : 3 << 20);
    byte[] content = new byte[bytes];
    random.nextBytes(content);
    Path file = directory.resolve("file");
    try (Workers workers = Workers.start(2);
        NativeMemory target = NativeMemory.allocate(bytes)) {
      MemorySegment payload = target.segment().asSlice(0, bytes);
      payload.copyFrom(MemorySegment.ofArray(content));
      BlockFile.Written written =
          BlockFile.write(file, FileHeader.Kind.CODES, payload, workers, 5, 6);
      assertThat(Files.size(file)).isEqualTo(written.bytes());
      payload.fill((byte) 0);
      FileHeader _ =
          BlockFile.read(
              file,
              FileHeader.Kind.CODES,
              written,
              header -> {
                assertThat(header.number(0)).isEqualTo(bytes);
                assertThat(header.number(2)).isEqualTo(6);
                return payload;
              },
              workers,
              _ -> {});
      assertThat(payload.mismatch(MemorySegment.ofArray(content))).isEqualTo(-1);
      byte[] whole = Files.readAllBytes(file);
      for (int i = 0; i < 20; i++) {
        byte[] damaged = whole.clone();
        damaged[random.nextInt(whole.length)] ^= (byte) (1 << random.nextInt(8));
        Files.write(file, damaged);
        assertThatThrownBy(() ->
                BlockFile.read(
                    file, FileHeader.Kind.CODES, written, _ -> payload, workers, _ -> {}))
            .isInstanceOf(CorruptIndexException.class);
      }
    }
  }
}
