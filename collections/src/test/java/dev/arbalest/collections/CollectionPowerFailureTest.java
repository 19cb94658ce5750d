// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.arbalest.testing.DiskRecord;
import dev.arbalest.testing.FaultFs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Power failures of a collection, its database of attributes and its index together: what was
 * acknowledged is there in both. {@code -Dpower=1000} for more of them.
 */
class CollectionPowerFailureTest {
  private static final int STATES = Math.max(40, Integer.getInteger("power", 0) / 5);
  private static final int SESSIONS = 3;
  private static final int STEPS = 12;

  @TempDir private Path directory;

  private final List<Change> changes = new ArrayList<>();

  /** A change: versions by id, -1 for none, and whether it came to its end before a mark. */
  private record Change(Map<Long, Integer> versions) {}

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void attributesAndVectorsSurviveTogether(boolean isNamed) throws Exception {
    String missing = FaultFs.missing();
    assumeTrue(missing.isEmpty(), missing);
    SplittableRandom random = new SplittableRandom(5);
    DiskRecord record;
    try (FaultFs disk = FaultFs.mount(directory);
        CollectionStates states = new CollectionStates(directory.resolve("data"), isNamed)) {
      disk.startRecording();
      write(disk, states, random);
      record = disk.recorded();
    }
    int opened = 0;
    int calls = record.calls().size();
    int[] cuts = random.ints(STATES, 1, calls + 1).sorted().toArray();
    Path memory = Path.of("/dev/shm");
    Path parent =
        Files.isWritable(memory)
            ? Files.createTempDirectory(memory, "arbalest-power")
            : Files.createDirectory(directory.resolve("states"));
    DiskRecord.Disk disk = record.newDisk();
    try (CollectionStates states = new CollectionStates(directory.resolve("data"), isNamed)) {
      for (int i = 0; i < STATES; i++) {
        disk.advance(cuts[i]);
        Path state = parent.resolve("s" + i);
        disk.cutPower(state, random);
        opened += check(states, state.resolve("things"), record, cuts[i], i);
        TestFolders.remove(state);
      }
    } finally {
      TestFolders.remove(parent);
    }
    System.out.printf(
        "%d power failures in a record of %d calls: %d collections opened, all exact%n",
        STATES, calls, opened);
    assertThat(opened).isPositive();
  }

  private void write(FaultFs disk, CollectionStates states, SplittableRandom random)
      throws IOException {
    Path things = Files.createDirectory(disk.path().resolve("things"));
    dev.arbalest.natives.DirectFile.syncDirectory(disk.path());
    try (FileChannel mark =
        FileChannel.open(
            disk.path().resolve("mark"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      say(mark, "B", changes.size());
      changes.add(new Change(Map.of()));
      try (Collection _ = states.create(things)) {
        // closed again
      }
      dev.arbalest.natives.DirectFile.syncDirectory(things);
      say(mark, "E", 0);
      int version = 0;
      for (int session = 0; session < SESSIONS; session++) {
        try (Collection collection = states.load(things)) {
          for (int step = 0; step < STEPS; step++) {
            boolean isDelete = step > 3 && random.nextInt(3) == 0;
            int count = 1 + random.nextInt(20);
            long[] ids = random.longs(count, 0, CollectionStates.IDS).distinct().toArray();
            Map<Long, Integer> versions = new TreeMap<>();
            int next = isDelete ? -1 : ++version;
            for (long id : ids) {
              versions.put(id, next);
            }
            int number = changes.size();
            changes.add(new Change(versions));
            say(mark, "B", number);
            if (isDelete) {
              CollectionStates.delete(collection, ids);
            } else {
              CollectionStates.put(collection, ids, next);
            }
            say(mark, "E", number);
            if (random.nextInt(5) == 0) {
              collection.checkpoint();
            }
          }
        }
      }
    }
  }

  private static void say(FileChannel mark, String what, int number) throws IOException {
    byte[] text = (what + " " + number + " \n").getBytes(StandardCharsets.UTF_8);
    int _ = mark.write(ByteBuffer.wrap(text), 0);
  }

  /** Returns 1 if there is a collection. */
  private int check(CollectionStates states, Path state, DiskRecord record, int cut, int number)
      throws IOException {
    Map<Long, Set<Integer>> allowed = new TreeMap<>();
    for (long id = 0; id < CollectionStates.IDS; id++) {
      allowed.put(id, Set.of(-1));
    }
    boolean isMade = false;
    for (int at = 0; at < cut; at++) {
      DiskRecord.Call call = record.calls().get(at);
      if (call.kind() != DiskRecord.Kind.WRITE || !call.path().equals("/mark")) {
        continue;
      }
      String[] words = new String(call.data(), StandardCharsets.UTF_8).split(" ", -1);
      boolean isEnd = words[0].equals("E");
      isMade |= isEnd;
      changes
          .get(Integer.parseInt(words[1]))
          .versions()
          .forEach((id, version) -> {
            Set<Integer> versions = new HashSet<>(Set.of(version));
            if (!isEnd) {
              versions.addAll(allowed.getOrDefault(id, Set.of()));
            }
            allowed.put(id, versions);
          });
    }
    if (!isMade) {
      return 0;
    }
    try (Collection collection = states.load(state)) {
      String which = "state " + number + ", cut before call " + cut;
      assertThat(collection.state())
          .as("%s: %s", which, collection.reason())
          .isEqualTo(CollectionState.READY);
      assertThat(CollectionStates.problemOf(collection, allowed)).as(which).isEmpty();
    }
    return 1;
  }
}
