// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.CorruptIndexException;
import dev.arbalest.cache.SlabPool;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.testing.ForSeeds;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WriteAheadLogTest {
  private static final int MOST = 40_000;

  @TempDir Path directory;

  /** A payload that says which it is. */
  private static byte[] payload(SplittableRandom random, int most) {
    int floats = random.nextInt(most / 4);
    int head = random.nextInt(Math.min(200, most - 4 * floats) + 1);
    byte[] bytes = new byte[head + 4 * floats];
    random.nextBytes(bytes);
    boolean compressible = random.nextBoolean();
    for (int i = 0; i < floats && compressible; i++) { // one exponent
      bytes[head + 4 * i + 3] = 0x3d;
    }
    return bytes;
  }

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Block(byte[] bytes, int floatsFrom) {}

  private static Block block(SplittableRandom random, int most) {
    byte[] bytes = payload(random, most);
    int floatsFrom = random.nextInt(5) == 0 ? bytes.length : bytes.length % 4;
    return new Block(bytes, floatsFrom);
  }

  private static Map<Long, byte[]> replay(Path log, long after) throws IOException {
    Map<Long, byte[]> found = new TreeMap<>();
    try (WriteAheadLog opened =
        WriteAheadLog.open(
            log,
            WriteAheadLog.Options.defaults(),
            1,
            after,
            (sequence, payload, bytes, floatsFrom) ->
                found.put(sequence, payload.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE)))) {
      assertThat(opened.lastSequence()).isGreaterThanOrEqualTo(after);
    }
    return found;
  }

  private static void assertSame(Map<Long, byte[]> found, long from, List<byte[]> expected) {
    assertThat(found).hasSize(expected.size());
    for (int i = 0; i < expected.size(); i++) {
      assertThat(Arrays.equals(found.get(from + i), expected.get(i))).as("block %s", i).isTrue();
    }
  }

  private static Path copy(Path log, Path target) throws IOException {
    Files.createDirectories(target);
    try (Stream<Path> files = Files.list(log)) {
      for (Path file : files.toList()) {
        Files.copy(file, target.resolve(file.getFileName()));
      }
    }
    return target;
  }

  @ForSeeds(12)
  void whatWasAppendedIsReplayedInOrder(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    WriteAheadLog.Options options =
        new WriteAheadLog.Options(64 << 10 << random.nextInt(3), seed % 3 != 0, 0);
    Path log = directory.resolve("wal");
    List<byte[]> all = new ArrayList<>();
    long released = 0;
    for (int session = 0; session < 4; session++) {
      List<byte[]> replayed = new ArrayList<>();
      try (SlabPool slabs = new SlabPool();
          SlabPool.Lease memory = slabs.lease();
          WriteAheadLog opened =
              WriteAheadLog.open(
                  log,
                  options,
                  1,
                  released,
                  (sequence, payload, bytes, floatsFrom) ->
                      replayed.add(payload.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE)));
          LogAppender appender = opened.newAppender(MOST, memory)) {
        assertThat(replayed).hasSize((int) (all.size() - released));
        for (int i = 0; i < replayed.size(); i++) {
          assertThat(Arrays.equals(replayed.get(i), all.get((int) released + i))).isTrue();
        }
        MemorySegment payload = memory.allocate(MOST);
        for (int i = 0; i < 40; i++) {
          Block block = block(random, MOST);
          MemorySegment.copy(
              block.bytes(), 0, payload, ValueLayout.JAVA_BYTE, 0, block.bytes().length);
          long sequence = appender.append(payload, block.bytes().length, block.floatsFrom());
          all.add(block.bytes());
          assertThat(sequence).isEqualTo(all.size());
          if (random.nextInt(3) == 0) {
            opened.acknowledge(sequence);
            assertThat(opened.durableSequence()).isGreaterThanOrEqualTo(sequence);
          }
          if (random.nextInt(12) == 0) {
            released = random.nextLong(released, all.size() + 1L);
            opened.makeDurable();
            opened.release(released);
          }
        }
      }
    }
    assertSame(replay(log, released), released + 1, all.subList((int) released, all.size()));
    // Released segments are gone, but for two that wait to be used again.
    long bytes;
    try (Stream<Path> files = Files.list(log)) {
      bytes = files.filter(file -> file.toString().endsWith(".wal")).count();
    }
    assertThat(bytes).isPositive();
  }

  /** Copies taken at any moment, their unacknowledged ends cut or garbled, as by a crash. */
  @ForSeeds(12)
  void acknowledgedBlocksSurviveTornEnds(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    Path log = directory.resolve("wal");
    List<byte[]> all = new ArrayList<>();
    WriteAheadLog.Options options = new WriteAheadLog.Options(128 << 10, true, 0);
    try (SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease();
        WriteAheadLog opened =
            WriteAheadLog.open(log, options, 1, 0, (sequence, payload, bytes, floatsFrom) -> {});
        LogAppender appender = opened.newAppender(MOST, memory)) {
      MemorySegment payload = memory.allocate(MOST);
      long durableEnd = FileHeader.BYTES;
      for (int i = 0; i < 120; i++) {
        Block block = block(random, 3000);
        MemorySegment.copy(
            block.bytes(), 0, payload, ValueLayout.JAVA_BYTE, 0, block.bytes().length);
        long before = opened.currentEnd();
        long sequence = appender.append(payload, block.bytes().length, block.floatsFrom());
        all.add(block.bytes());
        if (opened.currentEnd() <= before) {
          durableEnd = FileHeader.BYTES; // of a new segment
        }
        if (random.nextInt(4) == 0) {
          opened.acknowledge(sequence);
          durableEnd = opened.currentEnd();
        }
        if (random.nextInt(8) == 0) {
          crash(random, opened, durableEnd, copy(log, directory.resolve("crash" + i)), all);
        }
      }
    }
    assertSame(replay(log, 0), 1, all);
  }

  private static void crash(
      SplittableRandom random, WriteAheadLog opened, long from, Path copied, List<byte[]> all)
      throws IOException {
    long durable = opened.durableSequence();
    Path last = last(copied);
    long end = opened.currentEnd();
    if (end > from) {
      try (RandomAccessFile file = new RandomAccessFile(last.toFile(), "rw")) {
        // Sectors behind what is durable may hold anything: old bytes, new ones, zeros.
        for (long at = from; at < end; at += 512) {
          switch (random.nextInt(4)) {
            case 0 -> {
              file.seek(at);
              file.write(new byte[512]);
            }
            case 1 -> {
              byte[] garbage = new byte[512];
              random.nextBytes(garbage);
              file.seek(at);
              file.write(garbage);
            }
            default -> {}
          }
        }
        if (random.nextInt(4) == 0) {
          file.setLength(from + random.nextLong(end - from));
        }
      }
    }
    Map<Long, byte[]> found = replay(copied, 0);
    assertThat((long) found.size()).isBetween(durable, (long) all.size());
    assertSame(found, 1, all.subList(0, found.size()));
    // Open again: what was cut off stays so.
    assertThat(replay(copied, 0)).hasSameSizeAs(found);
  }

  private static Path last(Path log) throws IOException {
    try (Stream<Path> files = Files.list(log)) {
      return files
          .filter(file -> file.toString().endsWith(".wal"))
          .max(
              java.util.Comparator.comparingLong(
                  file -> Long.parseLong(file.getFileName().toString().replace(".wal", ""))))
          .orElseThrow();
    }
  }

  /** Any changed byte: refused, or taken for the torn end of what nothing says was durable. */
  @Test
  void changedBytesAreNeverReplayed() throws IOException {
    Path log = directory.resolve("wal");
    SplittableRandom random = new SplittableRandom(3);
    List<byte[]> all = new ArrayList<>();
    WriteAheadLog.Options options = new WriteAheadLog.Options(64 << 10, true, 0);
    try (SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease();
        WriteAheadLog opened =
            WriteAheadLog.open(log, options, 1, 0, (sequence, payload, bytes, floatsFrom) -> {});
        LogAppender appender = opened.newAppender(MOST, memory)) {
      MemorySegment payload = memory.allocate(MOST);
      for (int i = 0; i < 60; i++) {
        Block block = block(random, 3000);
        MemorySegment.copy(
            block.bytes(), 0, payload, ValueLayout.JAVA_BYTE, 0, block.bytes().length);
        opened.acknowledge(appender.append(payload, block.bytes().length, block.floatsFrom()));
        all.add(block.bytes());
      }
    }
    List<Path> segments;
    try (Stream<Path> files = Files.list(log)) {
      segments = files.filter(file -> file.toString().endsWith(".wal")).sorted().toList();
    }
    assertThat(segments.size()).isGreaterThan(1);
    Path copied = directory.resolve("copy");
    int refused = 0;
    int shortened = 0;
    for (int change = 0; change < 400; change++) {
      Path target = copy(log, copied.resolve("c" + change));
      Path victim = target.resolve(segments.get(random.nextInt(segments.size())).getFileName());
      int at = random.nextInt((int) Files.size(victim));
      try (RandomAccessFile file = new RandomAccessFile(victim.toFile(), "rw")) {
        file.seek(at);
        int was = file.read();
        file.seek(at);
        file.write(was ^ 1 << random.nextInt(8));
      }
      try {
        Map<Long, byte[]> found = replay(target, 0);
        // The last block alone has none behind it that calls it durable.
        assertThat(found.size()).isGreaterThanOrEqualTo(all.size() - 1);
        assertSame(found, 1, all.subList(0, found.size()));
        shortened += all.size() - found.size();
      } catch (CorruptIndexException e) {
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(50);
    assertThat(shortened).isLessThan(40);
  }

  @Test
  void missingSegmentsAreRefused() throws IOException {
    Path log = directory.resolve("wal");
    fill(log, 60);
    Path gap = copy(log, directory.resolve("gap"));
    Files.delete(gap.resolve("2.wal"));
    assertThatThrownBy(() -> replay(gap, 0)).isInstanceOf(CorruptIndexException.class);
    Path start = copy(log, directory.resolve("start"));
    Files.delete(start.resolve("1.wal"));
    assertThatThrownBy(() -> replay(start, 0))
        .isInstanceOf(CorruptIndexException.class)
        .hasMessageContaining("a segment from block 1");
    // A checkpoint beyond the log: nothing to replay, and the next block follows the checkpoint.
    assertThat(replay(copy(log, directory.resolve("far")), 1000)).isEmpty();
    try (WriteAheadLog opened =
        WriteAheadLog.open(
            directory.resolve("far"),
            WriteAheadLog.Options.defaults(),
            1,
            1000,
            (sequence, payload, bytes, floatsFrom) -> {})) {
      assertThat(opened.lastSequence()).isEqualTo(1000);
    }
  }

  private static void fill(Path log, int blocks) throws IOException {
    WriteAheadLog.Options options = new WriteAheadLog.Options(64 << 10, false, 0);
    try (SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease();
        WriteAheadLog opened =
            WriteAheadLog.open(log, options, 1, 0, (sequence, payload, bytes, floatsFrom) -> {});
        LogAppender appender = opened.newAppender(MOST, memory)) {
      MemorySegment payload = memory.allocate(MOST);
      for (int i = 0; i < blocks; i++) {
        long sequence = appender.append(payload, 4000, 0);
        assertThat(sequence).isEqualTo(i + 1);
      }
    }
  }

  @Test
  void threadsAppendSideBySide() throws Exception {
    Path log = directory.resolve("wal");
    ConcurrentHashMap<Long, byte[]> acknowledged = new ConcurrentHashMap<>();
    WriteAheadLog.Options options = new WriteAheadLog.Options(256 << 10, true, 0);
    try (SlabPool slabs = new SlabPool();
        WriteAheadLog opened =
            WriteAheadLog.open(log, options, 1, 0, (sequence, payload, bytes, floatsFrom) -> {});
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Callable<Void>> jobs = new ArrayList<>();
      for (int job = 0; job < 4; job++) {
        SplittableRandom random = new SplittableRandom(job);
        jobs.add(() -> {
          try (SlabPool.Lease memory = slabs.lease();
              LogAppender appender = opened.newAppender(MOST, memory)) {
            MemorySegment payload = memory.allocate(MOST);
            for (int i = 0; i < 100; i++) {
              Block block = block(random, 5000);
              MemorySegment.copy(
                  block.bytes(), 0, payload, ValueLayout.JAVA_BYTE, 0, block.bytes().length);
              long sequence = appender.append(payload, block.bytes().length, block.floatsFrom());
              opened.acknowledge(sequence);
              assertThat(opened.durableSequence()).isGreaterThanOrEqualTo(sequence);
              acknowledged.put(sequence, block.bytes());
            }
          }
          return null;
        });
      }
      for (Future<Void> job : threads.invokeAll(jobs)) {
        job.get();
      }
    }
    Map<Long, byte[]> found = replay(log, 0);
    assertThat(found.keySet()).isEqualTo(acknowledged.keySet());
    found.forEach(
        (sequence, bytes) -> assertThat(Arrays.equals(bytes, acknowledged.get(sequence))).isTrue());
  }

  @Test
  void syncsAtIntervals() throws Exception {
    WriteAheadLog.Options options = new WriteAheadLog.Options(64 << 10, true, 1);
    try (SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease();
        WriteAheadLog opened =
            WriteAheadLog.open(
                directory.resolve("wal"), options, 1, 0, (sequence, payload, bytes, from) -> {});
        LogAppender appender = opened.newAppender(MOST, memory)) {
      long sequence = appender.append(memory.allocate(100), 100, 100);
      opened.acknowledge(sequence);
      while (opened.durableSequence() < sequence) {
        Thread.sleep(1);
      }
      assertThat(opened.durableSequence()).isEqualTo(sequence);
    }
  }

  /** The syncing thread writes a marker behind the last block: it needs file and memory. */
  @Test
  void closingWaitsForTheMarkerOfTheLastBlock() throws Exception {
    WriteAheadLog.Options options = new WriteAheadLog.Options(64 << 10, false, 1);
    try (SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease()) {
      MemorySegment payload = memory.allocate(100);
      for (int round = 0; round < 300; round++) {
        try (WriteAheadLog opened =
                WriteAheadLog.open(
                    directory.resolve("log" + round % 3),
                    options,
                    1,
                    0,
                    (sequence, bytes, count, from) -> {});
            LogAppender appender = opened.newAppender(100, memory)) {
          long sequence = appender.append(payload, 100, 100);
          while (opened.durableSequence() < sequence) {
            Thread.onSpinWait();
          }
        }
      }
    }
  }

  @Test
  @SuppressWarnings("try") // closed twice on purpose
  void misuseIsRefused() throws IOException {
    assertThatThrownBy(() -> new WriteAheadLog.Options(1000, true, 0))
        .hasMessageContaining("64 KiB");
    assertThatThrownBy(() -> new WriteAheadLog.Options(1 << 20, true, -1))
        .hasMessageContaining("sync interval");
    try (SlabPool slabs = new SlabPool();
        SlabPool.Lease memory = slabs.lease();
        WriteAheadLog opened =
            WriteAheadLog.open(
                directory.resolve("wal"),
                WriteAheadLog.Options.defaults(),
                1,
                0,
                (sequence, payload, bytes, from) -> {});
        LogAppender appender = opened.newAppender(1000, memory)) {
      MemorySegment payload = memory.allocate(2000);
      assertThatThrownBy(() -> appender.append(payload, 2000, 0))
          .hasMessageContaining("most are 1000");
      assertThatThrownBy(() -> appender.append(payload, 11, 0)).hasMessageContaining("11 bytes");
      opened.close();
      assertThatThrownBy(() -> appender.append(payload, 8, 0)).hasMessageContaining("is closed");
    }
  }
}
