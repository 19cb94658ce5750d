// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.collections.model.CollectionException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A byte of a collection is damaged while no server runs: of one that was closed, and of one that
 * was killed with a log and a checkpoint. Either that is found, or nothing of what was written is
 * missing or changed. {@code -Dsweep=full} damages every byte, else one in some.
 */
class FlippedByteTest {
  private static final int STRIDE = "full".equals(System.getProperty("sweep")) ? 1 : 1999;

  @TempDir private Path directory;

  private final Map<Long, Set<Integer>> written = new TreeMap<>();

  private void put(Collection collection, int version, long from, long to) {
    long[] ids = LongStream.range(from, to).toArray();
    CollectionStates.put(collection, ids, version);
    for (long id : ids) {
      written.put(id, Set.of(version));
    }
  }

  private Path parent() throws IOException {
    Path memory = Path.of("/dev/shm");
    return Files.isWritable(memory)
        ? Files.createTempDirectory(memory, "arbalest-flips")
        : Files.createDirectory(directory.resolve("flips"));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void noFlippedByteChangesWhatIsThereUnnoticed(boolean isNamed) throws IOException {
    Path closed = Files.createDirectory(directory.resolve("closed"));
    Path killed = directory.resolve("killed");
    try (CollectionStates states = new CollectionStates(directory.resolve("data"), isNamed)) {
      try (Collection made = states.create(closed)) {
        put(made, 1, 0, 30);
      }
      try (Collection opened = states.load(closed)) {
        put(opened, 2, 10, 40);
        opened.awaitLinked();
        opened.checkpoint();
        put(opened, 3, 35, 50);
        CollectionStates.delete(opened, new long[] {0, 1, 2});
        List.of(0L, 1L, 2L).forEach(id -> written.put(id, Set.of(-1)));
        TestFolders.copy(closed, killed);
      }
      Path parent = parent();
      PrintStream err = System.err;
      System.setErr(new PrintStream(OutputStream.nullOutputStream())); // each damage is logged
      try {
        System.out.println("closed: " + sweep(states, closed, parent));
        System.out.println("killed: " + sweep(states, killed, parent));
      } finally {
        System.setErr(err);
        TestFolders.remove(parent);
      }
    }
  }

  /** Flips bytes of every file, one at a time. */
  private String sweep(CollectionStates states, Path original, Path parent) throws IOException {
    int flips = 0;
    int found = 0;
    try (Stream<Path> files = Files.walk(original)) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        String name = original.relativize(file).toString();
        if (name.endsWith("-shm")) {
          continue; // memory that processes share, made anew by the first that opens the database
        }
        byte[] bytes = Files.readAllBytes(file);
        for (int at = 0; at < used(name, bytes); at += STRIDE) {
          Path copy = parent.resolve("state" + flips++);
          TestFolders.copy(original, copy);
          byte[] damaged = bytes.clone();
          damaged[at] ^= (byte) (1 << at % 8);
          Files.write(copy.resolve(name), damaged);
          try (Collection collection = states.load(copy)) {
            boolean isFound = collection.state() == CollectionState.QUARANTINED;
            String problem = isFound ? "" : problem(collection);
            assertThat(problem).as("%s, byte %d", name, at).isIn("", FAULT);
            found += isFound || problem.equals(FAULT) ? 1 : 0;
          }
          TestFolders.remove(copy);
        }
      }
    }
    assertThat(found).isPositive();
    return flips
        + " bytes flipped, "
        + found
        + " noticed, the others without effect on what was written";
  }

  /** Of settings and indexed fields every byte counts, also while the database is not sealed. */
  @Test
  void damagedSettingsAreNoticed() throws IOException {
    Path closed = Files.createDirectory(directory.resolve("closed"));
    Path killed = directory.resolve("killed");
    try (CollectionStates states = new CollectionStates(directory.resolve("data"), false)) {
      try (Collection made = states.create(closed)) {
        put(made, 1, 0, 30);
      }
      try (Collection opened = states.load(closed)) {
        put(opened, 2, 10, 40);
        TestFolders.copy(closed, killed);
      }
      int flips = 0;
      for (String name : List.of("attributes.db", "attributes.db-wal")) {
        byte[] bytes = Files.readAllBytes(killed.resolve(name));
        for (String text : List.of("dimension8", "id_typeint64", "metricl2", "$.\"version\"")) {
          for (int at = indexOf(bytes, text, 0); at >= 0; at = indexOf(bytes, text, at + 1)) {
            for (int i = 0; i < text.length(); i++) {
              Path copy = directory.resolve("flip" + flips++);
              TestFolders.copy(killed, copy);
              byte[] damaged = bytes.clone();
              damaged[at + i] ^= (byte) (1 << i % 8);
              Files.write(copy.resolve(name), damaged);
              try (Collection collection = states.load(copy)) {
                boolean isFound = collection.state() == CollectionState.QUARANTINED;
                String problem = isFound ? "" : problem(collection);
                assertThat(problem).as("%s of %s in %s", i, text, name).isIn("", FAULT);
              }
              TestFolders.remove(copy);
            }
          }
        }
      }
      assertThat(flips).isGreaterThan(40);
    }
  }

  private static int indexOf(byte[] bytes, String text, int from) {
    byte[] wanted = text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    for (int at = from; at <= bytes.length - wanted.length; at++) {
      if (java.util.Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length)) {
        return at;
      }
    }
    return -1;
  }

  private static final String FAULT = "a fault was told";

  private String problem(Collection collection) {
    try {
      return CollectionStates.problemOf(collection, written);
    } catch (CollectionException e) {
      return FAULT;
    }
  }

  /** What lies behind the last block of a log, or the last vector, is room for more: zeros. */
  private static int used(String name, byte[] bytes) {
    int used = bytes.length;
    while (used > 0 && bytes[used - 1] == 0) {
      used--;
    }
    String file = name.substring(name.lastIndexOf('/') + 1);
    return file.endsWith(".wal") || file.contains("vectors") ? used : bytes.length;
  }
}
