// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.LE;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/** The loops behind {@link CellScan}: cells by absolute address, already checked. */
final class CellVectorKernels {
  private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_PREFERRED;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final MemorySegment ALL = AddressSpace.ALL;

  private CellVectorKernels() {}

  static void bytes(long address, byte low, byte high, long[] words, int count) {
    long at = address;
    for (int word = 0; word < count; word++) {
      long bits = 0;
      for (int lane = 0; lane < CellScan.CELLS_PER_WORD; lane += BYTES.length()) {
        ByteVector cells = ByteVector.fromMemorySegment(BYTES, ALL, at, ORDER);
        VectorMask<Byte> inRange = cells.compare(GE, low).and(cells.compare(LE, high));
        bits |= inRange.toLong() << lane;
        at += BYTES.length();
      }
      words[word] |= bits;
    }
  }

  static void shorts(long address, short low, short high, long[] words, int count) {
    long at = address;
    for (int word = 0; word < count; word++) {
      long bits = 0;
      for (int lane = 0; lane < CellScan.CELLS_PER_WORD; lane += SHORTS.length()) {
        ShortVector cells = ShortVector.fromMemorySegment(SHORTS, ALL, at, ORDER);
        VectorMask<Short> inRange = cells.compare(GE, low).and(cells.compare(LE, high));
        bits |= inRange.toLong() << lane;
        at += 2L * SHORTS.length();
      }
      words[word] |= bits;
    }
  }

  static void ints(long address, int low, int high, long[] words, int count) {
    long at = address;
    for (int word = 0; word < count; word++) {
      long bits = 0;
      for (int lane = 0; lane < CellScan.CELLS_PER_WORD; lane += INTS.length()) {
        IntVector cells = IntVector.fromMemorySegment(INTS, ALL, at, ORDER);
        VectorMask<Integer> inRange = cells.compare(GE, low).and(cells.compare(LE, high));
        bits |= inRange.toLong() << lane;
        at += 4L * INTS.length();
      }
      words[word] |= bits;
    }
  }

  static void longs(long address, long low, long high, long[] words, int count) {
    long at = address;
    for (int word = 0; word < count; word++) {
      long bits = 0;
      for (int lane = 0; lane < CellScan.CELLS_PER_WORD; lane += LONGS.length()) {
        LongVector cells = LongVector.fromMemorySegment(LONGS, ALL, at, ORDER);
        VectorMask<Long> inRange = cells.compare(GE, low).and(cells.compare(LE, high));
        bits |= inRange.toLong() << lane;
        at += 8L * LONGS.length();
      }
      words[word] |= bits;
    }
  }
}
