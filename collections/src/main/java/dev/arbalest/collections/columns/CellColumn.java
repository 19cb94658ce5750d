// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.columns;

import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.kernels.CellScan;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongConsumer;
import java.util.function.LongPredicate;

/**
 * Integers by slot, none, one or several each, off the heap. Cells have the 1, 2, 4 or 8 bytes that
 * the difference of the largest and smallest value needs; the first value of each slot is in one
 * array, the second in another, and so on. Scans compare the cells of a whole array.
 *
 * <p>Values are from {@code -(2^63 - 1)} to {@code 2^63 - 1}. Not thread-safe.
 */
final class CellColumn implements AutoCloseable {
  /** Arrays of cells; values of a slot beyond these are in a table. */
  private static final int MAX_ARRAYS = 8;

  private static final int MIN_CAPACITY = 1024;

  /** Up to so many values are looked for one after the other. */
  static final int MAX_SCANS = 8;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final List<NativeMemory> arrays = new ArrayList<>();
  private final Map<Integer, long[]> more = new HashMap<>();
  private int capacity;
  private int cellBytes = 1;

  /** Value of the lowest cell that stands for one. */
  private long base;

  private long min = Long.MAX_VALUE;
  private long max = Long.MIN_VALUE;

  /** Whether it never had a value. */
  boolean isEmpty() {
    return arrays.isEmpty();
  }

  /** Slots from here on have no values. */
  int slots() {
    return arrays.isEmpty() ? 0 : capacity;
  }

  /** Bytes of memory. */
  long bytes() {
    long bytes = (long) arrays.size() * capacity * cellBytes;
    for (long[] values : more.values()) {
      bytes += 64 + 8L * values.length;
    }
    return bytes;
  }

  /** The cell that stands for no value. */
  private static long none(int bytes) {
    return Long.MIN_VALUE >> (64 - 8 * bytes);
  }

  /** Largest difference of values that cells of so many bytes hold, as an unsigned number. */
  private static long range(int bytes) {
    return bytes == 8 ? -2 : (1L << (8 * bytes)) - 2;
  }

  /** The largest value a cell can stand for. */
  private long highest() {
    long sum = base + range(cellBytes);
    return sum < base ? Long.MAX_VALUE : sum;
  }

  private boolean fits(long value) {
    return value >= base && Long.compareUnsigned(value - base, range(cellBytes)) <= 0;
  }

  private long cellOf(long value) {
    return value - base + none(cellBytes) + 1;
  }

  private long valueOf(long cell) {
    return cell - none(cellBytes) - 1 + base;
  }

  private static long get(MemorySegment cells, int bytes, int slot) {
    return switch (bytes) {
      case 1 -> cells.get(ValueLayout.JAVA_BYTE, slot);
      case 2 -> cells.get(SHORT, 2L * slot);
      case 4 -> cells.get(INT, 4L * slot);
      default -> cells.get(LONG, 8L * slot);
    };
  }

  private static void set(MemorySegment cells, int bytes, int slot, long cell) {
    switch (bytes) {
      case 1 -> cells.set(ValueLayout.JAVA_BYTE, slot, (byte) cell);
      case 2 -> cells.set(SHORT, 2L * slot, (short) cell);
      case 4 -> cells.set(INT, 4L * slot, (int) cell);
      default -> cells.set(LONG, 8L * slot, cell);
    }
  }

  /** Sets the values of a slot: {@code values[0, count)}. */
  void set(int slot, long[] values, int count) {
    if (count == 0) {
      clear(slot);
      return;
    }
    for (int i = 0; i < count; i++) {
      admit(values[i]);
    }
    reserve(slot);
    while (arrays.size() < Math.min(count, MAX_ARRAYS)) {
      arrays.add(newArray(capacity, cellBytes));
    }
    for (int i = 0; i < arrays.size(); i++) {
      set(
          arrays.get(i).segment(),
          cellBytes,
          slot,
          i < count ? cellOf(values[i]) : none(cellBytes));
    }
    if (count > MAX_ARRAYS) {
      more.put(slot, Arrays.copyOfRange(values, MAX_ARRAYS, count));
    } else {
      more.remove(slot);
    }
  }

  /** Gives a slot the values of another. */
  void copy(int slot, int from) {
    if (arrays.isEmpty()) {
      return;
    }
    if (from >= capacity) {
      clear(slot);
      return;
    }
    reserve(slot);
    for (NativeMemory array : arrays) {
      set(array.segment(), cellBytes, slot, get(array.segment(), cellBytes, from));
    }
    long[] rest = more.get(from);
    if (rest != null) {
      more.put(slot, rest);
    } else {
      more.remove(slot);
    }
  }

  /** Takes the values of a slot away. */
  void clear(int slot) {
    if (slot < capacity) {
      for (NativeMemory array : arrays) {
        set(array.segment(), cellBytes, slot, none(cellBytes));
      }
    }
    more.remove(slot);
  }

  /** Visits the values of a slot, in the order in which they were set. */
  void forEach(int slot, LongConsumer visitor) {
    if (slot >= capacity) {
      return;
    }
    for (NativeMemory array : arrays) {
      long cell = get(array.segment(), cellBytes, slot);
      if (cell == none(cellBytes)) {
        return;
      }
      visitor.accept(valueOf(cell));
    }
    long[] rest = more.get(slot);
    if (rest != null) {
      for (long value : rest) {
        visitor.accept(value);
      }
    }
  }

  /** Sets the bits of slots with a value in {@code [low, high]}. */
  void addInRange(long low, long high, long[] words) {
    long from = Math.max(low, base);
    long to = Math.min(high, highest());
    if (arrays.isEmpty() || from > to) {
      return;
    }
    int count = Math.min(words.length, capacity / CellScan.CELLS_PER_WORD);
    for (NativeMemory array : arrays) {
      CellScan.addInRange(array.segment(), cellBytes, cellOf(from), cellOf(to), words, count);
    }
    more.forEach((slot, values) -> {
      for (long value : values) {
        if (value >= low && value <= high) {
          Bitmaps.set(words, slot);
        }
      }
    });
  }

  /** Sets the bits of slots with one of some values, in ascending order. */
  void addAny(long[] sorted, long[] words) {
    if (sorted.length <= MAX_SCANS) {
      for (long value : sorted) {
        addInRange(value, value, words);
      }
    } else {
      addIf(value -> Arrays.binarySearch(sorted, value) >= 0, words);
    }
  }

  /** Sets the bits of slots with a value that passes a test. */
  void addIf(LongPredicate test, long[] words) {
    int slots = (int) Math.min(capacity, 64L * words.length);
    for (NativeMemory array : arrays) {
      MemorySegment cells = array.segment();
      for (int slot = 0; slot < slots; slot++) {
        long cell = get(cells, cellBytes, slot);
        if (cell != none(cellBytes) && test.test(valueOf(cell))) {
          Bitmaps.set(words, slot);
        }
      }
    }
    more.forEach((slot, values) -> {
      for (long value : values) {
        if (test.test(value)) {
          Bitmaps.set(words, slot);
        }
      }
    });
  }

  /** Counts the slots of a bitmap by value; a slot counts once for a value that it has twice. */
  Map<Long, Integer> count(long[] words) {
    Map<Long, Integer> counts = new HashMap<>();
    if (arrays.size() == 1 && cellBytes <= 2) {
      countCells(words, counts);
      return counts;
    }
    Set<Long> seen = new HashSet<>();
    for (int word = 0; word < words.length; word++) {
      for (long bits = words[word]; bits != 0; bits &= bits - 1) {
        seen.clear();
        forEach(
            64 * word + Long.numberOfTrailingZeros(bits),
            value -> {
              if (seen.add(value)) {
                counts.merge(value, 1, Integer::sum);
              }
            });
      }
    }
    return counts;
  }

  /** One narrow value per slot: a table of counts by cell. */
  private void countCells(long[] words, Map<Long, Integer> counts) {
    MemorySegment cells = arrays.getFirst().segment();
    int[] byCell = new int[1 << (8 * cellBytes)];
    int offset = byCell.length / 2;
    int count = Math.min(words.length, capacity / 64);
    for (int word = 0; word < count; word++) {
      for (long bits = words[word]; bits != 0; bits &= bits - 1) {
        int slot = 64 * word + Long.numberOfTrailingZeros(bits);
        byCell[(int) get(cells, cellBytes, slot) + offset]++;
      }
    }
    for (int i = 1; i < byCell.length; i++) { // the first stands for no value
      if (byCell[i] > 0) {
        counts.put(valueOf(i - offset), byCell[i]);
      }
    }
  }

  /** Makes room for a slot. */
  private void reserve(int slot) {
    if (slot < capacity) {
      return;
    }
    long wanted = Math.max(MIN_CAPACITY, slot + 1 + slot / 8L);
    int next = (int) Math.min(Integer.MAX_VALUE / 64 * 64, (wanted + 63) / 64 * 64);
    for (int i = 0; i < arrays.size(); i++) {
      NativeMemory larger = newArray(next, cellBytes);
      try (NativeMemory old = arrays.set(i, larger)) {
        MemorySegment.copy(old.segment(), 0, larger.segment(), 0, (long) capacity * cellBytes);
      }
    }
    capacity = next;
  }

  @SuppressWarnings("MustBeClosedChecker") // closed by close(), or when it is replaced
  private static NativeMemory newArray(int cells, int bytes) {
    NativeMemory array = NativeMemory.allocate((long) cells * bytes);
    MemorySegment segment = array.segment();
    if (bytes == 1) {
      segment.fill((byte) none(1));
      return array;
    }
    for (int slot = 0; slot < cells; slot++) {
      set(segment, bytes, slot, none(bytes));
    }
    return array;
  }

  /** Makes cells fit a value. */
  private void admit(long value) {
    if (value == Long.MIN_VALUE) {
      throw new IllegalArgumentException("no cell can hold " + value);
    }
    min = Math.min(min, value);
    max = Math.max(max, value);
    if (fits(value) && !arrays.isEmpty()) {
      return;
    }
    long span = max - min; // unsigned
    int bytes = 1;
    while (Long.compareUnsigned(span, range(bytes)) > 0) {
      bytes *= 2;
    }
    // Half of what is left lies below the smallest value: of so many changes each halves it.
    long slack = (range(bytes) - span) >>> 1;
    long lowest = min - slack > min || bytes == 8 ? Long.MIN_VALUE + 1 : min - slack;
    recode(bytes, Math.max(lowest, Long.MIN_VALUE + 1));
  }

  private void recode(int bytes, long newBase) {
    for (int i = 0; i < arrays.size(); i++) {
      NativeMemory next = newArray(capacity, bytes);
      try (NativeMemory old = arrays.set(i, next)) {
        for (int slot = 0; slot < capacity; slot++) {
          long cell = get(old.segment(), cellBytes, slot);
          if (cell != none(cellBytes)) {
            set(next.segment(), bytes, slot, valueOf(cell) - newBase + none(bytes) + 1);
          }
        }
      }
    }
    cellBytes = bytes;
    base = newBase;
  }

  void write(ColumnFile.Writer target) throws java.io.IOException {
    target.putInt(capacity);
    target.putInt(cellBytes);
    target.putLong(base);
    target.putLong(min);
    target.putLong(max);
    target.putInt(arrays.size());
    for (NativeMemory array : arrays) {
      target.put(array.segment());
    }
    target.putInt(more.size());
    for (Map.Entry<Integer, long[]> entry : more.entrySet()) {
      target.putInt(entry.getKey());
      target.putInt(entry.getValue().length);
      for (long value : entry.getValue()) {
        target.putLong(value);
      }
    }
  }

  /** Takes what {@link #write} wrote; the column is empty before. */
  void read(ColumnFile.Reader source) {
    capacity = source.getInt();
    cellBytes = source.getInt();
    base = source.getLong();
    min = source.getLong();
    max = source.getLong();
    int count = source.getInt();
    for (int i = 0; i < count; i++) {
      @SuppressWarnings("MustBeClosedChecker") // closed by close()
      NativeMemory array = NativeMemory.allocate((long) capacity * cellBytes);
      arrays.add(array);
      source.get(array.segment());
    }
    for (int rest = source.getInt(); rest > 0; rest--) {
      int slot = source.getInt();
      long[] values = new long[source.getInt()];
      for (int i = 0; i < values.length; i++) {
        values[i] = source.getLong();
      }
      more.put(slot, values);
    }
  }

  /** Frees the memory; the column is empty then. */
  @Override
  public void close() {
    arrays.forEach(NativeMemory::close);
    arrays.clear();
    more.clear();
    capacity = 0;
  }
}
