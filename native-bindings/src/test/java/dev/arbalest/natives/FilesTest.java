// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.errorprone.annotations.MustBeClosed;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FilesTest {
  private static final int BLOCK_BYTES = 4096;
  private static final int BLOCKS = 64;

  @TempDir Path directory;

  @Test
  void whatIsWrittenDirectlyIsReadBack() throws IOException {
    Path path = directory.resolve("file");
    byte[] content = randomFile(path);
    assertThat(Files.readAllBytes(path)).isEqualTo(content);
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.READ);
        NativeMemory memory = NativeMemory.allocate(content.length)) {
      assertThat(file.size()).isEqualTo(content.length);
      assertThat(Integer.bitCount(file.alignmentBytes())).isEqualTo(1);
      file.read(memory.segment(), BLOCK_BYTES, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES);
      byte[] read = new byte[2 * BLOCK_BYTES];
      MemorySegment.copy(
          memory.segment(), ValueLayout.JAVA_BYTE, BLOCK_BYTES, read, 0, read.length);
      assertThat(read)
          .isEqualTo(java.util.Arrays.copyOfRange(content, 3 * BLOCK_BYTES, 5 * BLOCK_BYTES));
      assertThatThrownBy(() -> file.read(memory.segment(), 0, 2 * BLOCK_BYTES, 63 * BLOCK_BYTES))
          .isInstanceOf(EOFException.class)
          .hasMessageContaining("ends at byte");
    }
  }

  @Test
  void openFailuresAreNamed() throws IOException {
    Path path = directory.resolve("file");
    assertThatThrownBy(() -> open(path, DirectFile.Mode.READ))
        .isInstanceOf(NoSuchFileException.class);
    Files.createFile(path);
    assertThatThrownBy(() -> open(path, DirectFile.Mode.CREATE))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThatThrownBy(() -> open(directory, DirectFile.Mode.READ_WRITE))
        .isInstanceOf(SystemCallException.class)
        .hasMessageContaining("EISDIR");
  }

  @Test
  void aRingReadsWhatTheFileHolds() throws IOException {
    Path path = directory.resolve("file");
    byte[] content = randomFile(path);
    for (Ring.Sharing sharing : Ring.Sharing.values()) {
      try (DirectFile file = DirectFile.open(path, DirectFile.Mode.READ);
          NativeMemory memory = NativeMemory.allocate(16L * BLOCK_BYTES);
          Ring ring = openRing(16, sharing)) {
        ring.register(file, memory.segment());
        SplittableRandom random = new SplittableRandom(1);
        for (int round = 0; round < 20; round++) {
          int[] blocks = random.ints(16, 0, BLOCKS).toArray();
          for (int i = 0; i < 16; i++) {
            ring.prepareRead(
                (long) i * BLOCK_BYTES, BLOCK_BYTES, (long) blocks[i] * BLOCK_BYTES, i);
          }
          assertThatThrownBy(() -> ring.prepareRead(0, BLOCK_BYTES, 0, 99))
              .isInstanceOf(IllegalStateException.class);
          ring.submitAndWait(16);
          long[] tags = new long[16];
          int[] results = new int[16];
          int reaped = ring.reap(tags, results);
          assertThat(reaped).isEqualTo(16);
          assertThat(results).containsOnly(BLOCK_BYTES);
          assertThat(tags)
              .containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
          for (int i = 0; i < 16 * BLOCK_BYTES; i++) {
            byte expected = content[blocks[i / BLOCK_BYTES] * BLOCK_BYTES + i % BLOCK_BYTES];
            if (memory.segment().get(ValueLayout.JAVA_BYTE, i) != expected) {
              throw new AssertionError("byte " + i + " of round " + round + " differs");
            }
          }
        }
      }
    }
  }

  @Test
  void readsPastTheEndAndMisalignedReadsAreReported() throws IOException {
    Path path = directory.resolve("file");
    byte[] unused = randomFile(path);
    assertThat(unused).isNotEmpty();
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.READ);
        NativeMemory memory = NativeMemory.allocate(2L * BLOCK_BYTES);
        Ring ring = openRing(4, Ring.Sharing.OWNER_THREAD)) {
      ring.register(file, memory.segment());
      ring.prepareRead(0, BLOCK_BYTES, (long) BLOCKS * BLOCK_BYTES, 1);
      ring.submitAndWait(1);
      long[] tags = new long[4];
      int[] results = new int[4];
      assertThat(ring.reap(tags, results)).isEqualTo(1);
      assertThat(results[0]).isZero();
      if (file.isDirect()) {
        ring.prepareRead(0, BLOCK_BYTES, 17, 2);
        ring.submitAndWait(1);
        assertThat(ring.reap(tags, results)).isEqualTo(1);
        assertThat(Ring.failure("read", results[0])).hasMessageContaining("EINVAL");
      }
      assertThatThrownBy(() -> ring.prepareRead(BLOCK_BYTES, 2 * BLOCK_BYTES, 0, 3))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void aRingClosesWithReadsInFlight() throws IOException {
    Path path = directory.resolve("file");
    byte[] unused = randomFile(path);
    assertThat(unused).isNotEmpty();
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.READ);
        NativeMemory memory = NativeMemory.allocate(8L * BLOCK_BYTES)) {
      try (Ring ring = openRing(8, Ring.Sharing.OWNER_THREAD)) {
        ring.register(file, memory.segment());
        for (int i = 0; i < 8; i++) {
          ring.prepareRead((long) i * BLOCK_BYTES, BLOCK_BYTES, (long) i * BLOCK_BYTES, i);
        }
        ring.submit();
        assertThat(ring.inFlight()).isEqualTo(8);
      }
    }
  }

  @Test
  void aMappingShowsTheFileAndTakesAdvice() throws IOException {
    Path path = directory.resolve("file");
    byte[] content = randomFile(path);
    try (FileMapping mapping = FileMapping.open(path)) {
      mapping.adviseRandom();
      mapping.adviseWillNeed(5000, 9000);
      assertThat(mapping.segment().get(ValueLayout.JAVA_BYTE, 5000)).isEqualTo(content[5000]);
      mapping.release(4000, 9000);
      assertThat(mapping.segment().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(content);
    }
  }

  @Test
  void largeBlocksLieOnHugePagesWhereTheSystemHasThem() throws IOException {
    try (NativeMemory memory = NativeMemory.allocate(9L << 20)) {
      MemorySegment segment = memory.segment();
      assertThat(segment.address() % (2 << 20)).isZero();
      for (long i = 0; i < segment.byteSize(); i += 4096) {
        assertThat(segment.get(ValueLayout.JAVA_BYTE, i)).isZero();
        segment.set(ValueLayout.JAVA_BYTE, i, (byte) 1);
      }
      Path setting = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
      boolean offered = Files.exists(setting) && !Files.readString(setting).contains("[never]");
      if (offered) {
        assertThat(memory.hugePageBytes()).isGreaterThan(0);
      }
    }
  }

  @Test
  void closedMemoryIsDead() {
    MemorySegment segment;
    try (NativeMemory memory = NativeMemory.allocate(100)) {
      segment = memory.segment();
      segment.set(ValueLayout.JAVA_BYTE, 99, (byte) 1);
    }
    assertThatThrownBy(() -> segment.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  private byte[] randomFile(Path path) throws IOException {
    byte[] content = new byte[BLOCKS * BLOCK_BYTES];
    new java.util.Random(5).nextBytes(content);
    try (DirectFile file = DirectFile.open(path, DirectFile.Mode.CREATE);
        NativeMemory memory = NativeMemory.allocate(content.length)) {
      memory.segment().copyFrom(MemorySegment.ofArray(content));
      file.reserve(content.length);
      file.write(memory.segment(), 0, content.length, 0);
      file.sync();
    }
    return content;
  }

  private static void open(Path path, DirectFile.Mode mode) throws IOException {
    try (DirectFile file = DirectFile.open(path, mode)) {
      assertThat(file.path()).isEqualTo(path);
    }
  }

  /** On a system without io_uring the tests of rings are skipped, saying what it lacks. */
  @MustBeClosed
  private static Ring openRing(int entries, Ring.Sharing sharing) throws IOException {
    try {
      return Ring.open(entries, sharing);
    } catch (RingUnavailableException e) {
      throw new org.opentest4j.TestAbortedException(
          "this machine lacks io_uring: " + e.getMessage());
    }
  }
}
