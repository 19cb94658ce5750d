// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.columns;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.LongPredicate;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares {@link CellColumn} with a map, for values of all widths. */
class CellColumnTest {
  private static final int SLOTS = 3000;

  @TempDir private Path directory;

  private static long value(SplittableRandom random, int bits) {
    long value = random.nextLong() >> (64 - bits);
    return switch (random.nextInt(50)) {
      case 0 -> Long.MAX_VALUE >> (64 - bits);
      case 1 -> -(Long.MAX_VALUE >> (64 - bits));
      default -> value == Long.MIN_VALUE ? 0 : value;
    };
  }

  private static long[] matching(Map<Integer, long[]> model, LongPredicate test, int words) {
    long[] expected = new long[words];
    model.forEach((slot, values) -> {
      if (Arrays.stream(values).anyMatch(test)) {
        Bitmaps.set(expected, slot);
      }
    });
    return expected;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 7, 8, 9, 16, 31, 33, 64})
  void columnsKeepWhatIsSet(int bits) throws IOException {
    SplittableRandom random = new SplittableRandom(bits);
    Map<Integer, long[]> model = new HashMap<>();
    CellColumn column = new CellColumn();
    for (int step = 0; step < 6000; step++) {
      int slot = random.nextInt(1 + SLOTS * (step + 1) / 6000);
      int width = Math.min(bits, 2 + step * bits / 5000); // values grow
      switch (random.nextInt(5)) {
        case 0 -> {
          column.clear(slot);
          model.remove(slot);
        }
        case 1 -> {
          int from = random.nextInt(SLOTS);
          column.copy(slot, from);
          long[] values = model.get(from);
          if (values == null) {
            model.remove(slot);
          } else {
            model.put(slot, values);
          }
        }
        default -> {
          int count = random.nextInt(20) == 0 ? random.nextInt(20) : random.nextInt(3);
          long[] values = new long[count];
          Arrays.setAll(values, _ -> value(random, width));
          column.set(slot, Arrays.copyOf(values, count + 2), count);
          if (count == 0) {
            model.remove(slot);
          } else {
            model.put(slot, values);
          }
        }
      }
      if (step % 500 == 499) {
        check(column, model, random, bits);
      }
      if (step % 2000 == 1999) {
        column = reread(column);
        check(column, model, random, bits);
      }
    }
    assertThat(column.bytes()).isPositive();
    column.close();
    assertThat(column.isEmpty()).isTrue();
  }

  private CellColumn reread(CellColumn column) throws IOException {
    ColumnFile.Stamp stamp = new ColumnFile.Stamp(1, 2, 3);
    ColumnFile.write(directory, stamp, column::write);
    column.close();
    CellColumn read = new CellColumn();
    assertThat(ColumnFile.read(directory, stamp, read::read)).isEmpty();
    return read;
  }

  private static void check(
      CellColumn column, Map<Integer, long[]> model, SplittableRandom random, int bits) {
    for (int slot = 0; slot < SLOTS; slot++) {
      List<Long> found = new ArrayList<>();
      column.forEach(slot, found::add);
      long[] expected = model.getOrDefault(slot, new long[0]);
      assertThat(found).isEqualTo(Arrays.stream(expected).boxed().toList());
    }
    for (int round = 0; round < 20; round++) {
      int words = random.nextInt(SLOTS / 64 + 2);
      long[] some = new long[words];
      Arrays.setAll(some, _ -> random.nextLong());
      Map<Long, Integer> counts = new HashMap<>();
      model.forEach((slot, values) -> {
        if (Bitmaps.has(some, slot)) {
          Arrays.stream(values).distinct().forEach(value -> counts.merge(value, 1, Integer::sum));
        }
      });
      assertThat(column.count(some)).isEqualTo(counts);
      long low = value(random, bits);
      long high = value(random, bits);
      long[] inRange = new long[words];
      column.addInRange(low, high, inRange);
      assertThat(inRange)
          .as("[%d, %d]", low, high)
          .isEqualTo(matching(model, value -> value >= low && value <= high, words));
      long[] sorted = new long[random.nextInt(2 * CellColumn.MAX_SCANS)];
      Arrays.setAll(sorted, _ -> value(random, Math.min(bits, 5)));
      Arrays.sort(sorted);
      long[] any = new long[words];
      column.addAny(sorted, any);
      assertThat(any)
          .isEqualTo(matching(model, value -> Arrays.binarySearch(sorted, value) >= 0, words));
    }
  }

  @org.junit.jupiter.api.Test
  void filesOfAnotherStateAreNotRead() throws IOException {
    ColumnFile.Stamp stamp = new ColumnFile.Stamp(1, 2, 3);
    ColumnFile.Loader nothing = _ -> {};
    assertThat(ColumnFile.read(directory, stamp, nothing)).isEqualTo("there is none");
    ColumnFile.write(directory, stamp, writer -> writer.putText("text"));
    assertThat(
            ColumnFile.read(
                directory, stamp, reader -> assertThat(reader.getText()).isEqualTo("text")))
        .isEmpty();
    assertThat(ColumnFile.read(directory, new ColumnFile.Stamp(2, 2, 3), nothing))
        .isEqualTo("it is older than the database or the index");
    byte[] bytes = java.nio.file.Files.readAllBytes(directory.resolve(ColumnFile.NAME));
    for (int at = 0; at < bytes.length; at++) {
      byte[] damaged = bytes.clone();
      damaged[at] ^= (byte) (1 << at % 8);
      java.nio.file.Files.write(directory.resolve(ColumnFile.NAME), damaged);
      assertThat(ColumnFile.read(directory, stamp, nothing)).as("byte %d", at).isNotEmpty();
      java.nio.file.Files.write(directory.resolve(ColumnFile.NAME), Arrays.copyOf(bytes, at));
      assertThat(ColumnFile.read(directory, stamp, nothing)).as("cut at %d", at).isNotEmpty();
    }
  }
}
