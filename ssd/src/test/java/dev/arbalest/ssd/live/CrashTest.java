// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.Ids;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.TestIndexes;
import dev.arbalest.ssd.log.LogReader;
import dev.arbalest.ssd.log.LogSegments;
import dev.arbalest.ssd.store.IndexDirectory;
import dev.arbalest.vector.F32Rows;
import dev.arbalest.vector.Metric;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.File;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills a process that writes, at random moments, and looks whether all it had acknowledged is
 * there, exactly. {@code -Dcrashes=500} for a campaign; {@code -Dseed} to repeat one.
 */
class CrashTest {
  private static final int CRASHES = Integer.getInteger("crashes", 6);

  @TempDir private Path directory;

  /** What is known of the index: rows by id, and what the write under way would make of it. */
  private final Map<Long, Integer> model = new HashMap<>();

  private final Map<Long, Integer> pending = new HashMap<>();
  private long acknowledged;

  @Test
  void whatWasAcknowledgedSurvivesKills() throws Exception {
    long seed = Long.getLong("seed", 1);
    SplittableRandom random = new SplittableRandom(seed);
    F32Rows pool = CrashLoad.pool();
    F32Rows base = new F32Rows(pool.memory(), 0, pool.strideBytes(), 300, CrashLoad.DIMENSION);
    Path index = TestIndexes.build(directory, base, TestIndexes.options(Metric.L2, "rabitq:2"));
    for (int row = 0; row < 300; row++) {
      model.put((long) row, row);
    }
    int garbled = 0;
    for (int crash = 0; crash < CRASHES; crash++) {
      runAndKill(index, random);
      // What was not synced may be lost or garbled when the machine fails, too.
      garbled += random.nextBoolean() && garble(index, random) ? 1 : 0;
      assertAllThere(index, pool, "crash " + crash + " of seed " + seed);
    }
    System.out.printf(
        "%d kills, %d of them with the log's unwritten end garbled, %d writes acknowledged%n",
        CRASHES, garbled, acknowledged);
    assertThat(acknowledged).isGreaterThan(CRASHES);
  }

  private void runAndKill(Path index, SplittableRandom random) throws Exception {
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            CrashLoad.class.getName(),
            index.toString(),
            Long.toString(random.nextLong()));
    Process process =
        new ProcessBuilder(command)
            .redirectError(ProcessBuilder.Redirect.to(new File(directory.toFile(), "errors")))
            .start();
    // After some writes, however long they take; those that come until it is dead are under way.
    long until = acknowledged + random.nextInt(60);
    try (DataInputStream in = new DataInputStream(process.getInputStream())) {
      if (in.readByte() != 0) {
        throw new AssertionError("unexpected output");
      }
      boolean isKilled = false;
      while (true) {
        if (!isKilled && acknowledged >= until) {
          isKilled = true;
          kill(process);
        }
        readStep(in);
      }
    } catch (EOFException e) {
      kill(process); // it was killed, or could not open the index
    }
    boolean ended = process.waitFor(60, TimeUnit.SECONDS);
    assertThat(ended && process.exitValue() == 137)
        .as("ended by the kill: %s", Files.readString(directory.resolve("errors")))
        .isTrue();
  }

  /** By its handle: what it wrote before is still to be read. */
  private static void kill(Process process) {
    boolean _ = process.toHandle().destroyForcibly();
  }

  private void readStep(DataInputStream in) throws IOException {
    if (in.readByte() == 2) {
      acknowledged++;
      model.putAll(pending);
      pending.clear();
      return;
    }
    int count = in.readInt();
    Map<Long, Integer> plan = new HashMap<>();
    for (int i = 0; i < count; i++) {
      plan.put(in.readLong(), in.readInt());
    }
    pending.putAll(plan);
  }

  /** Overwrites or cuts what lies behind the last block that others call durable. */
  private static boolean garble(Path index, SplittableRandom random) throws IOException {
    try (Stream<Path> files = Files.list(index.resolve(IndexDirectory.LOG))) {
      Path last =
          files
              .filter(path -> path.getFileName().toString().matches("[0-9]+\\.wal"))
              .max(java.util.Comparator.comparingLong(LogSegments::number))
              .orElse(null);
      if (last == null) {
        return false;
      }
      long end = LogReader.end(last);
      try (FileChannel channel = FileChannel.open(last, StandardOpenOption.WRITE)) {
        long size = channel.size();
        if (end >= size) {
          return false;
        }
        byte[] garbage = new byte[(int) Math.min(size - end, 1 + random.nextInt(20_000))];
        random.nextBytes(garbage);
        int _ = channel.write(java.nio.ByteBuffer.wrap(garbage), end);
        return true;
      }
    }
  }

  private void assertAllThere(Path index, F32Rows pool, String which) throws IOException {
    try (LiveIndex opened =
        LiveIndex.openForWriting(
            index, OpenOptions.defaults(), CrashLoad.options(), ProgressListener.NONE)) {
      int present = 0;
      for (long id = 0; id < CrashLoad.IDS; id++) {
        float @Nullable [] found = opened.vector(Ids.of(id), 0);
        Integer row = model.get(id);
        Integer planned = pending.get(id);
        assertThat(CrashLoad.isExpected(found, row, planned, pool))
            .as("%s: id %d should have row %s or %s", which, id, row, planned)
            .isTrue();
        if (found != null) {
          present++;
        }
        settle(id, found, planned, pool);
      }
      assertThat(opened.count()).as(which).isEqualTo(present);
      pending.clear();
      assertFound(opened, pool, which);
    }
  }

  /** Notes what became of the write under way. */
  private void settle(long id, float @Nullable [] found, @Nullable Integer planned, F32Rows pool) {
    if (planned != null && CrashLoad.isExpected(found, planned, null, pool)) {
      model.put(id, planned);
    }
  }

  /** Searches for some of what is there and of what is not. */
  private void assertFound(LiveIndex opened, F32Rows pool, String which) throws IOException {
    SearchParameters all =
        SearchParameters.forK(Math.min(10, opened.count()))
            .withList(opened.stats().slots())
            .withConfidence(1);
    for (int row = 0; row < CrashLoad.POOL; row += 571) {
      SearchResult result = opened.search(TestIndexes.row(pool, row), all);
      for (int rank = 0; rank < result.size(); rank++) {
        Integer its = model.get(result.id(rank));
        assertThat(its).as("%s: id %d was found", which, result.id(rank)).isNotNull();
        assertThat(its).as("%s: id %d was found", which, result.id(rank)).isNotNegative();
      }
    }
  }
}
