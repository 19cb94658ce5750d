// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.arbalest.BadInputException;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.Ids;
import dev.arbalest.IndexRepair;
import dev.arbalest.IndexVerifier;
import dev.arbalest.LiveIndex;
import dev.arbalest.OpenOptions;
import dev.arbalest.OpenOptions.ReaderKind;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.TestIndexes;
import dev.arbalest.WriteOptions;
import dev.arbalest.testing.DiskRecord;
import dev.arbalest.testing.FaultFs;
import dev.arbalest.vector.F32Rows;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Cuts the power at moments of recorded sessions ({@link PowerLoad}) and looks whether all that was
 * acknowledged by then is there, exactly, whatever of the rest reached the disk. {@code
 * -Dpower=5000} for a campaign, {@code -Dseed=17} for one record.
 */
class PowerFailureTest {
  private static final int STATES = Integer.getInteger("power", 100);
  private static final int STATES_PER_RECORD = 125;
  private static final WriteOptions WRITE =
      WriteOptions.defaults().withCheckpointBytes(1 << 20).withLinkThreads(1);
  private static final OpenOptions OPEN =
      OpenOptions.defaults().withReader(ReaderKind.PREAD).withWarmUpMillis(0);

  @TempDir private Path directory;

  private final F32Rows pool = PowerLoad.pool();
  private int opened;
  private int unfinished;
  private int verified;
  private long vectors;

  /** A change, with its places in the record. */
  private static final class Operation {
    private final String kind;
    private final int begin;
    private int end = Integer.MAX_VALUE;

    /** By id, in the order in which they were given to it: the last counts. */
    private final Map<Long, List<Integer>> rows = new HashMap<>();

    Operation(String kind, int begin) {
      this.kind = kind;
      this.begin = begin;
    }
  }

  @Test
  void whatWasAcknowledgedSurvivesPowerFailures() throws Exception {
    String missing = FaultFs.missing();
    assumeTrue(missing.isEmpty(), missing);
    Long only = Long.getLong("seed");
    int records = only == null ? Math.max(2, STATES / STATES_PER_RECORD) : 1;
    long calls = 0;
    for (int record = 0; record < records; record++) {
      long seed = only == null ? record : only;
      Path folder = Files.createDirectory(directory.resolve("record" + record));
      DiskRecord recorded = record(folder, seed);
      calls += recorded.calls().size();
      int states = only == null ? STATES / records : STATES;
      cut(recorded, folder, seed, states);
      delete(folder);
    }
    System.out.printf(
        "%d power failures in %d records of %d calls: %d indexes opened with %d vectors, all exact,"
            + " %d of them verified; %d before the first was there%n",
        opened + unfinished, records, calls, opened, vectors, verified, unfinished);
    assertThat(opened).isGreaterThan(unfinished);
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }

  /** Runs sessions on a file system that records them. */
  private DiskRecord record(Path folder, long seed) throws Exception {
    SplittableRandom random = new SplittableRandom(seed);
    try (FaultFs disk = FaultFs.mount(folder)) {
      disk.startRecording();
      session(disk, folder, seed * 16, seed % 2 == 0 ? "build" : "create");
      int sessions = 5;
      for (int i = 1; i <= sessions; i++) {
        int kind = random.nextInt(10);
        String what = kind < 7 ? "write" : kind == 7 ? "repair" : kind == 8 ? "recode" : "build";
        session(disk, folder, seed * 16 + i, i == 1 ? "write" : i == 2 ? "lazy" : what);
      }
      return disk.recorded();
    }
  }

  private static void session(FaultFs disk, Path folder, long seed, String what) throws Exception {
    File errors = folder.resolve("errors").toFile();
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                PowerLoad.class.getName(),
                disk.path().toString(),
                folder.toString(),
                Long.toString(seed),
                what)
            .redirectErrorStream(true)
            .redirectOutput(errors)
            .start();
    boolean ended = process.waitFor(120, TimeUnit.SECONDS);
    assertThat(ended && process.exitValue() == 0)
        .as("%s: %s", what, Files.readString(errors.toPath()))
        .isTrue();
  }

  private static List<Operation> operations(DiskRecord record) {
    List<Operation> operations = new ArrayList<>();
    List<DiskRecord.Call> calls = record.calls();
    for (int at = 0; at < calls.size(); at++) {
      DiskRecord.Call call = calls.get(at);
      if (call.kind() != DiskRecord.Kind.WRITE || !call.path().equals("/mark")) {
        continue;
      }
      String[] words = new String(call.data(), StandardCharsets.UTF_8).trim().split(" ", -1);
      if (words[0].equals("E")) {
        operations.getLast().end = at;
        continue;
      }
      Operation operation = new Operation(words[2], at);
      for (String pair : Arrays.asList(words).subList(3, words.length)) {
        int colon = pair.indexOf(':');
        operation
            .rows
            .computeIfAbsent(Long.parseLong(pair.substring(0, colon)), _ -> new ArrayList<>())
            .add(Integer.parseInt(pair.substring(colon + 1)));
      }
      operations.add(operation);
    }
    return operations;
  }

  private void cut(DiskRecord record, Path folder, long seed, int states) throws IOException {
    List<Operation> operations = operations(record);
    SplittableRandom random = new SplittableRandom(seed);
    int[] cuts = random.ints(states, 1, record.calls().size() + 1).sorted().toArray();
    Path memory = Path.of("/dev/shm");
    Path parent = Files.isWritable(memory) ? memory : folder;
    DiskRecord.Disk disk = record.newDisk();
    Path states0 = Files.createTempDirectory(parent, "arbalest-power");
    try {
      for (int i = 0; i < states; i++) {
        disk.advance(cuts[i]);
        Path state = states0.resolve("s" + i);
        disk.cutPower(state, random);
        String which = "record " + seed + ", cut before call " + cuts[i] + ", state " + i;
        assertAllThere(state.resolve("index"), operations, cuts[i], which, i);
        delete(state);
      }
    } finally {
      delete(states0);
    }
  }

  /** What may be there: by id the rows of which one must be, -1 for none. */
  private static Map<Long, Set<Integer>> allowed(List<Operation> operations, int cut) {
    Map<Long, Set<Integer>> allowed = new HashMap<>();
    for (long id = 0; id < PowerLoad.IDS; id++) {
      allowed.put(id, Set.of(-1));
    }
    for (Operation operation : operations) {
      if (operation.begin >= cut) {
        break;
      }
      boolean isBuild = operation.kind.equals("build");
      for (long id = 0; id < PowerLoad.IDS; id++) {
        List<Integer> given = operation.rows.get(id);
        if (given == null && !isBuild) {
          continue;
        }
        List<Integer> its = given == null ? List.of(-1) : given;
        Set<Integer> rows = new HashSet<>(Set.of(its.getLast()));
        if (operation.end >= cut) {
          rows.addAll(its);
          rows.addAll(allowed.getOrDefault(id, Set.of()));
        }
        allowed.put(id, rows);
      }
    }
    return allowed;
  }

  private void assertAllThere(
      Path path, List<Operation> operations, int cut, String which, int number) throws IOException {
    boolean isBuilt = operations.getFirst().end < cut;
    boolean isDamaged =
        operations.stream().anyMatch(o -> o.kind.equals("damage") && o.begin < cut && o.end >= cut);
    try {
      if (isDamaged) {
        List<String> _ = IndexRepair.repair(path, 1, ProgressListener.NONE);
      }
      try (LiveIndex index = LiveIndex.openForWriting(path, OPEN, WRITE, ProgressListener.NONE)) {
        assertHolds(index, allowed(operations, cut), which);
      }
      opened++;
      if (number % 4 == 0) {
        IndexVerifier.Report report = IndexVerifier.verify(path, 1, ProgressListener.NONE);
        assertThat(report.bytes()).isPositive();
        verified++;
      }
    } catch (BadInputException | CorruptIndexException e) {
      if (isBuilt) {
        throw new AssertionError(which + ": " + e.getMessage(), e);
      }
      unfinished++;
    }
  }

  private void assertHolds(LiveIndex index, Map<Long, Set<Integer>> allowed, String which)
      throws IOException {
    Map<Long, Integer> found = new HashMap<>();
    for (long id = 0; id < PowerLoad.IDS; id++) {
      float @Nullable [] vector = index.vector(Ids.of(id), 0);
      Set<Integer> rows = allowed.getOrDefault(id, Set.of());
      Integer its = null;
      for (int row : rows) {
        if (row < 0 ? vector == null : Arrays.equals(vector, TestIndexes.row(pool, row))) {
          its = row;
        }
      }
      assertThat(its).as("%s: id %d should have one of the rows %s", which, id, rows).isNotNull();
      if (vector != null && its != null) {
        found.put(id, its);
      }
    }
    assertThat(index.count()).as(which).isEqualTo(found.size());
    vectors += found.size();
    if (found.isEmpty()) {
      return;
    }
    index.awaitLinked();
    SearchParameters all = SearchParameters.forK(found.size()).withList(1000).withConfidence(1);
    SearchResult result = index.search(TestIndexes.row(pool, 3), all);
    assertThat(result.size()).as(which).isEqualTo(found.size());
    for (int rank = 0; rank < result.size(); rank++) {
      assertThat(found).as(which).containsKey(result.id(rank));
    }
  }
}
