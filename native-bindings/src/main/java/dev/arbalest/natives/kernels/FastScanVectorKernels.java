// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/** The loops behind {@link FastScan}: operands by absolute address, already checked. */
final class FastScanVectorKernels {
  private static final VectorSpecies<Byte> BYTES =
      ByteVector.SPECIES_PREFERRED.length() > 64
          ? ByteVector.SPECIES_512
          : ByteVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, BYTES.vectorShape());

  static final int LANES = BYTES.length();

  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final MemorySegment ALL = AddressSpace.ALL;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ORDER);

  private FastScanVectorKernels() {}

  /**
   * Copies codes so that byte {@code j} of all candidates lies together at {@code scratch + j *
   * LANES}; places past {@code count} hold what they held before.
   */
  static void turn(
      long base, long stride, int codeBytes, int[] nodes, int from, int count, long scratch) {
    for (int n = 0; n < count; n += 8) {
      int last = Math.min(8, count - n) - 1;
      long c0 = base + nodes[from + n] * stride;
      long c1 = base + nodes[from + n + Math.min(1, last)] * stride;
      long c2 = base + nodes[from + n + Math.min(2, last)] * stride;
      long c3 = base + nodes[from + n + Math.min(3, last)] * stride;
      long c4 = base + nodes[from + n + Math.min(4, last)] * stride;
      long c5 = base + nodes[from + n + Math.min(5, last)] * stride;
      long c6 = base + nodes[from + n + Math.min(6, last)] * stride;
      long c7 = base + nodes[from + n + Math.min(7, last)] * stride;
      // Not a counted loop: around one of checked loads the compiler puts loops that cost more.
      int j = 0;
      while (j != codeBytes) {
        turn8(
            ALL.get(LONG, c0 + j),
            ALL.get(LONG, c1 + j),
            ALL.get(LONG, c2 + j),
            ALL.get(LONG, c3 + j),
            ALL.get(LONG, c4 + j),
            ALL.get(LONG, c5 + j),
            ALL.get(LONG, c6 + j),
            ALL.get(LONG, c7 + j),
            scratch + (long) j * LANES + n);
        j += 8;
      }
    }
  }

  /** Transposes 8 x 8 bytes in registers: halves, quarters, then bytes change places. */
  private static void turn8(
      long a0, long a1, long a2, long a3, long a4, long a5, long a6, long a7, long target) {
    long low4 = 0xffffffffL;
    long b0 = (a0 & low4) | (a4 << 32);
    long b1 = (a1 & low4) | (a5 << 32);
    long b2 = (a2 & low4) | (a6 << 32);
    long b3 = (a3 & low4) | (a7 << 32);
    long b4 = (a0 >>> 32) | (a4 & ~low4);
    long b5 = (a1 >>> 32) | (a5 & ~low4);
    long b6 = (a2 >>> 32) | (a6 & ~low4);
    long b7 = (a3 >>> 32) | (a7 & ~low4);
    long low2 = 0x0000ffff0000ffffL;
    long c0 = (b0 & low2) | ((b2 & low2) << 16);
    long c1 = (b1 & low2) | ((b3 & low2) << 16);
    long c2 = ((b0 >>> 16) & low2) | (b2 & ~low2);
    long c3 = ((b1 >>> 16) & low2) | (b3 & ~low2);
    long c4 = (b4 & low2) | ((b6 & low2) << 16);
    long c5 = (b5 & low2) | ((b7 & low2) << 16);
    long c6 = ((b4 >>> 16) & low2) | (b6 & ~low2);
    long c7 = ((b5 >>> 16) & low2) | (b7 & ~low2);
    long low1 = 0x00ff00ff00ff00ffL;
    ALL.set(LONG, target, (c0 & low1) | ((c1 & low1) << 8));
    ALL.set(LONG, target + LANES, ((c0 >>> 8) & low1) | (c1 & ~low1));
    ALL.set(LONG, target + 2L * LANES, (c2 & low1) | ((c3 & low1) << 8));
    ALL.set(LONG, target + 3L * LANES, ((c2 >>> 8) & low1) | (c3 & ~low1));
    ALL.set(LONG, target + 4L * LANES, (c4 & low1) | ((c5 & low1) << 8));
    ALL.set(LONG, target + 5L * LANES, ((c4 >>> 8) & low1) | (c5 & ~low1));
    ALL.set(LONG, target + 6L * LANES, (c6 & low1) | ((c7 & low1) << 8));
    ALL.set(LONG, target + 7L * LANES, ((c6 >>> 8) & low1) | (c7 & ~low1));
  }

  /**
   * Sums the entries of all candidates as unsigned shorts: those of even places in the first {@code
   * LANES / 2}, of odd places in the next.
   */
  static void sum(long turned, int codeBytes, long tables, short[] sums) {
    // Sums of pairs as they lie, modulo 2^16; less the upper bytes' share they are the lower
    // bytes'.
    ShortVector both = ShortVector.zero(SHORTS);
    ShortVector odd = both;
    long end = turned + (long) codeBytes * LANES;
    long entries = tables;
    long place = turned;
    while (place != end) {
      ByteVector codes = load(place);
      ByteVector low = codes.and((byte) 15);
      // Shifted as shorts, which have a shift of their own; the mask drops the neighbour's bits.
      ByteVector high =
          codes.reinterpretAsShorts().lanewise(LSHR, 4).reinterpretAsBytes().and((byte) 15);
      ByteVector first = low.selectFrom(table(entries));
      ByteVector second = high.selectFrom(table(entries + 16));
      ShortVector a = first.reinterpretAsShorts();
      ShortVector b = second.reinterpretAsShorts();
      both = both.add(a).add(b);
      odd = odd.add(a.lanewise(LSHR, 8)).add(b.lanewise(LSHR, 8));
      place += LANES;
      entries += 32;
    }
    both.sub(odd.lanewise(LSHL, 8)).intoArray(sums, 0);
    odd.intoArray(sums, LANES / 2);
  }

  /** A table of 16 entries; look-ups never reach the lanes beyond, whatever they hold. */
  private static ByteVector table(long address) {
    return (ByteVector)
        ByteVector.fromMemorySegment(ByteVector.SPECIES_128, ALL, address, ORDER)
            .reinterpretShape(BYTES, 0);
  }

  private static ByteVector load(long address) {
    return ByteVector.fromMemorySegment(BYTES, ALL, address, ORDER);
  }
}
