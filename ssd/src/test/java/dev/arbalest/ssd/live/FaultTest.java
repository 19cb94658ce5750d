// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.arbalest.Ids;
import dev.arbalest.IndexVerifier;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.TestIndexes;
import dev.arbalest.WriteOptions;
import dev.arbalest.WriteReceipt;
import dev.arbalest.ssd.search.Searcher;
import dev.arbalest.testing.FaultFs;
import dev.arbalest.testing.ForSeeds;
import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Disks that fail or are full, for real, under an index that is written to. */
class FaultTest {
  private static final int DIMENSION = 48;
  private static final int POOL = 3000;
  private static final int BASE = 300;
  private static final WriteOptions WRITE =
      WriteOptions.defaults().withCheckpointBytes(1 << 20).withLinkThreads(1);

  @TempDir private Path directory;

  private final F32Rows pool = TestRows.clustered(41, POOL, DIMENSION, 12);

  /** Rows by id that were acknowledged, and those of writes that failed, whose fate is open. */
  private final Map<Long, Integer> model = new HashMap<>();

  private final Map<Long, Set<Integer>> open = new HashMap<>();

  private Path build(Path parent) throws IOException {
    F32Rows base = new F32Rows(pool.memory(), 0, pool.strideBytes(), BASE, DIMENSION);
    Path index = TestIndexes.build(directory, base, TestIndexes.options(Metric.L2, "rabitq:2"));
    Path moved = parent.resolve("index");
    Files.createDirectory(moved);
    try (var files = Files.list(index)) {
      for (Path file : files.toList()) {
        Files.copy(file, moved.resolve(file.getFileName()));
      }
    }
    for (int row = 0; row < BASE; row++) {
      model.put((long) row, row);
    }
    return moved;
  }

  @com.google.errorprone.annotations.MustBeClosed
  private static LiveIndex openForWriting(Path path) throws IOException {
    return LiveIndex.openForWriting(path, OpenOptions.defaults(), WRITE, ProgressListener.NONE);
  }

  /** Inserts or deletes; what fails may or may not be there later. */
  private boolean write(LiveIndex index, SplittableRandom random) {
    int count = 1 + random.nextInt(40);
    long[] ids = random.longs(count, 0, 1200).distinct().toArray();
    int[] rows = random.ints(ids.length, 0, POOL).toArray();
    boolean isDelete = random.nextInt(4) == 0;
    Map<Long, Integer> plan = new HashMap<>();
    float[][] vectors = new float[ids.length][];
    for (int i = 0; i < ids.length; i++) {
      vectors[i] = TestIndexes.row(pool, rows[i]);
      plan.put(ids[i], isDelete ? -1 : rows[i]);
    }
    try {
      WriteReceipt receipt =
          isDelete ? index.delete(Ids.of(ids)) : index.insert(Ids.of(ids), vectors);
      assertThat(receipt.count()).isLessThanOrEqualTo(ids.length);
      model.putAll(plan);
      open.keySet().removeAll(plan.keySet());
      return true;
    } catch (IOException e) {
      plan.forEach((id, row) -> open.computeIfAbsent(id, _ -> new HashSet<>()).add(row));
      return false;
    }
  }

  private void assertAllThere(LiveIndex index, String when) throws IOException {
    int present = 0;
    for (long id = 0; id < 1200; id++) {
      float @Nullable [] found = index.vector(Ids.of(id), 0);
      Integer row = model.get(id);
      boolean isExpected = CrashLoad.isExpected(found, row, null, pool);
      for (int other : open.getOrDefault(id, Set.of())) {
        if (CrashLoad.isExpected(found, other, null, pool)) {
          isExpected = true;
          model.put(id, other);
        }
      }
      assertThat(isExpected)
          .as("%s: id %d should have row %s or of %s", when, id, row, open.get(id))
          .isTrue();
      present += found == null ? 0 : 1;
    }
    open.clear();
    assertThat(index.count()).as(when).isEqualTo(present);
  }

  @ForSeeds(3)
  void whatWasAcknowledgedSurvivesFailingCalls(long seed) throws Exception {
    String missing = FaultFs.missing();
    assumeTrue(missing.isEmpty(), missing);
    SplittableRandom random = new SplittableRandom(seed);
    int failures = 0;
    try (FaultFs faulty = FaultFs.mount(directory)) {
      Path path = build(faulty.path());
      for (int round = 0; round < 8; round++) {
        FaultFs.Call call = List.of(FaultFs.Call.WRITE, FaultFs.Call.SYNC).get(random.nextInt(2));
        int files = 1 << random.nextInt(3);
        try (LiveIndex index = openForWriting(path)) {
          assertAllThere(index, "round " + round);
          for (int step = 0; step < 10; step++) {
            assertThat(write(index, random)).isTrue();
          }
          faulty.fail(call, FaultFs.EIO, files, random.nextInt(20));
          for (int step = 0; step < 30; step++) {
            boolean _ = write(index, random);
            if (step == 15) {
              checkpoint(index);
            }
            // Searches go on, whatever cannot be written.
            assertThat(index.search(TestIndexes.row(pool, step), parameters(index)).size())
                .isEqualTo(5);
          }
          failures += faulty.failed();
          if (random.nextBoolean()) {
            faulty.heal();
          }
        } catch (IOException e) {
          assertThat(faulty.failed()).as("why closing failed: %s", e).isPositive();
        }
        faulty.heal();
      }
      try (LiveIndex index = openForWriting(path)) {
        assertAllThere(index, "in the end");
        assertThat(write(index, random)).isTrue();
      }
      assertThat(IndexVerifier.verify(path, 2, ProgressListener.NONE).info().vectors())
          .isEqualTo((int) model.values().stream().filter(row -> row >= 0).count());
    }
    assertThat(failures).isPositive();
  }

  private static void checkpoint(LiveIndex index) {
    try {
      index.checkpoint();
    } catch (IOException e) {
      assertThat(e).hasMessageMatching("(?s).*(EIO|failed|Input/output).*");
    }
  }

  private static SearchParameters parameters(LiveIndex index) {
    int list = Math.min(200, index.stats().slots());
    return SearchParameters.forK(5).withList(list).withConfidence(1);
  }

  @Test
  void readsThatFailFailTheirSearchAlone() throws Exception {
    String missing = FaultFs.missing();
    assumeTrue(missing.isEmpty(), missing);
    try (FaultFs faulty = FaultFs.mount(directory)) {
      Path path = build(faulty.path());
      for (ReaderKind reader : List.of(ReaderKind.URING, ReaderKind.PREAD)) {
        OpenOptions options = OpenOptions.defaults().withReader(reader);
        if (reader == ReaderKind.URING && !Searcher.ringRefusal().isEmpty()) {
          continue;
        }
        try (LiveIndex index =
            LiveIndex.openForWriting(path, options, WRITE, ProgressListener.NONE)) {
          float[] query = TestIndexes.row(pool, 7);
          faulty.fail(FaultFs.Call.READ, FaultFs.EIO, FaultFs.VECTORS, 3);
          assertThatThrownBy(() -> index.search(query, parameters(index)))
              .isInstanceOf(IOException.class)
              .hasMessageContaining("vectors.f32")
              .hasMessageContaining("EIO");
          faulty.heal();
          assertThat(index.search(query, parameters(index)).size()).isEqualTo(5);
          faulty.delay(20, FaultFs.VECTORS);
          assertThat(index.search(query, parameters(index)).size()).isEqualTo(5);
          faulty.heal();
        }
      }
    }
  }

  @Test
  void aFullDiskLosesNothingAndIsGotOver() throws Exception {
    Path small = Files.createDirectory(directory.resolve("small"));
    assumeTrue(
        command("mount", "-t", "tmpfs", "-o", "size=3m", "none", small.toString()) == 0,
        "a tmpfs of 3 MB cannot be mounted (needs root)");
    try {
      Path path = build(small);
      SplittableRandom random = new SplittableRandom(3);
      int refused = 0;
      try (LiveIndex index = openForWriting(path)) {
        // Until it is full, and beyond: how soon that is depends on when checkpoints are made.
        for (int step = 0; step < 20_000 && refused < 20; step++) {
          refused += write(index, random) ? 0 : 1;
        }
        assertThat(refused).as("writes a full disk refused").isPositive();
        assertThat(index.search(TestIndexes.row(pool, 1), parameters(index)).size()).isEqualTo(5);
      } catch (IOException e) {
        assertThat(e.getMessage()).containsAnyOf("ENOSPC", "No space", "failed");
      }
      assertThat(command("mount", "-o", "remount,size=64m", small.toString())).isZero();
      try (LiveIndex index = openForWriting(path)) {
        assertAllThere(index, "with room again");
        for (int step = 0; step < 20; step++) {
          assertThat(write(index, random)).isTrue();
        }
        assertAllThere(index, "after more writes");
      }
      assertThat(IndexVerifier.verify(path, 2, ProgressListener.NONE).bytes()).isPositive();
    } finally {
      int _ = command("umount", "-l", small.toString());
    }
  }

  private static int command(String... words) throws Exception {
    Process process =
        new ProcessBuilder(words)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    return process.waitFor(30, TimeUnit.SECONDS) ? process.exitValue() : -1;
  }
}
