// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.BIT_COUNT;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.XOR;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorSpecies;

/** The loops behind {@link BitDistance}: operands by absolute address, already checked. */
final class BitVectorKernels {
  private static final VectorSpecies<Long> SPECIES = LongVector.SPECIES_PREFERRED;
  private static final int LANES = SPECIES.length();
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final MemorySegment ALL = AddressSpace.ALL;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Words of the codes {@link #oneByFourOfThree} takes. */
  static final int THREE = 3 * LANES;

  private BitVectorKernels() {}

  /**
   * One-bit codes, four-bit query, two codes at a time: they share the loads of the query and the
   * reduction. More at once would be more than the compiler inlines.
   */
  static void oneByFour(
      long planes, long base, long stride, int words, int[] nodes, int from, int count, int[] out) {
    long plane1 = planes + 8L * words;
    long plane2 = plane1 + 8L * words;
    long plane3 = plane2 + 8L * words;
    long vectorBytes = 8L * (words - words % LANES);
    for (int n = 0; n < count; n += 2) {
      int second = Math.min(n + 1, count - 1);
      long codeA = base + nodes[from + n] * stride;
      long codeB = base + nodes[from + second] * stride;
      LongVector a0 = LongVector.zero(SPECIES);
      LongVector a1 = a0;
      LongVector a2 = a0;
      LongVector a3 = a0;
      LongVector b0 = a0;
      LongVector b1 = a0;
      LongVector b2 = a0;
      LongVector b3 = a0;
      // Not a counted loop: of so few rounds, the compiler's loops before and after the main one
      // would take most.
      long o = 0;
      while (o != vectorBytes) {
        LongVector a = load(codeA + o);
        LongVector b = load(codeB + o);
        LongVector p0 = load(planes + o);
        LongVector p1 = load(plane1 + o);
        LongVector p2 = load(plane2 + o);
        LongVector p3 = load(plane3 + o);
        a0 = a0.add(a.lanewise(XOR, p0).lanewise(BIT_COUNT));
        b0 = b0.add(b.lanewise(XOR, p0).lanewise(BIT_COUNT));
        a1 = a1.add(a.lanewise(XOR, p1).lanewise(BIT_COUNT));
        b1 = b1.add(b.lanewise(XOR, p1).lanewise(BIT_COUNT));
        a2 = a2.add(a.lanewise(XOR, p2).lanewise(BIT_COUNT));
        b2 = b2.add(b.lanewise(XOR, p2).lanewise(BIT_COUNT));
        a3 = a3.add(a.lanewise(XOR, p3).lanewise(BIT_COUNT));
        b3 = b3.add(b.lanewise(XOR, p3).lanewise(BIT_COUNT));
        o += 8L * LANES;
      }
      // Counts of a lane stay far below 32 bits: the second code's go into the upper half.
      LongVector c0 = a0.add(b0.lanewise(LSHL, 32));
      LongVector c1 = a1.add(b1.lanewise(LSHL, 32));
      LongVector c2 = a2.add(b2.lanewise(LSHL, 32));
      LongVector c3 = a3.add(b3.lanewise(LSHL, 32));
      LongVector high = c2.add(c3.lanewise(LSHL, 1));
      long both = c0.add(c1.lanewise(LSHL, 1)).add(high.lanewise(LSHL, 2)).reduceLanes(ADD);
      int sumA = (int) both;
      int sumB = (int) (both >>> 32);
      for (; o < 8L * words; o += 8) {
        long p0 = ALL.get(LONG, planes + o);
        long p1 = ALL.get(LONG, plane1 + o);
        long p2 = ALL.get(LONG, plane2 + o);
        long p3 = ALL.get(LONG, plane3 + o);
        sumA += weighted(ALL.get(LONG, codeA + o), p0, p1, p2, p3);
        sumB += weighted(ALL.get(LONG, codeB + o), p0, p1, p2, p3);
      }
      out[second] = sumB;
      out[n] = sumA;
    }
  }

  /**
   * The same for codes of three vectors, such as 1536 components in registers of 64 bytes: without
   * a loop over so few rows, whose setting up takes as long as they do.
   */
  static void oneByFourOfThree(
      long planes, long base, long stride, int[] nodes, int from, int count, int[] out) {
    long step = 8L * LANES;
    long plane1 = planes + 3 * step;
    long plane2 = plane1 + 3 * step;
    long plane3 = plane2 + 3 * step;
    for (int n = 0; n < count; n++) {
      long code = base + nodes[from + n] * stride;
      LongVector a = load(code);
      LongVector b = load(code + step);
      LongVector c = load(code + 2 * step);
      LongVector s3 =
          a.lanewise(XOR, load(plane3))
              .lanewise(BIT_COUNT)
              .add(b.lanewise(XOR, load(plane3 + step)).lanewise(BIT_COUNT))
              .add(c.lanewise(XOR, load(plane3 + 2 * step)).lanewise(BIT_COUNT));
      LongVector s2 =
          a.lanewise(XOR, load(plane2))
              .lanewise(BIT_COUNT)
              .add(b.lanewise(XOR, load(plane2 + step)).lanewise(BIT_COUNT))
              .add(c.lanewise(XOR, load(plane2 + 2 * step)).lanewise(BIT_COUNT));
      LongVector s1 =
          a.lanewise(XOR, load(plane1))
              .lanewise(BIT_COUNT)
              .add(b.lanewise(XOR, load(plane1 + step)).lanewise(BIT_COUNT))
              .add(c.lanewise(XOR, load(plane1 + 2 * step)).lanewise(BIT_COUNT));
      LongVector s0 =
          a.lanewise(XOR, load(planes))
              .lanewise(BIT_COUNT)
              .add(b.lanewise(XOR, load(planes + step)).lanewise(BIT_COUNT))
              .add(c.lanewise(XOR, load(planes + 2 * step)).lanewise(BIT_COUNT));
      s2 = s2.add(s3.add(s3));
      s1 = s1.add(s2.add(s2));
      s0 = s0.add(s1.add(s1));
      out[n] = (int) s0.reduceLanes(ADD);
    }
  }

  private static int weighted(long code, long p0, long p1, long p2, long p3) {
    return Long.bitCount(code ^ p0)
        + 2 * Long.bitCount(code ^ p1)
        + 4 * Long.bitCount(code ^ p2)
        + 8 * Long.bitCount(code ^ p3);
  }

  /** Two-bit codes, two at a time; any bits of the query. */
  static void twoBits(
      long planes,
      int queryBits,
      long base,
      long stride,
      int words,
      int[] nodes,
      int from,
      int count,
      int[] out) {
    long planeBytes = 8L * words;
    for (int n = 0; n < count; n += 2) {
      int second = Math.min(n + 1, count - 1);
      long codeA = base + nodes[from + n] * stride;
      long codeB = base + nodes[from + second] * stride;
      long both =
          fourPlanes(
              codeA,
              codeA + planeBytes,
              codeB,
              codeB + planeBytes,
              32,
              planes,
              queryBits,
              planeBytes);
      out[second] = (int) (both >>> 32);
      out[n] = (int) both;
    }
  }

  /** Codes of any number of bits, four planes at a time from the lowest. */
  static void general(
      long planes,
      int queryBits,
      long base,
      long stride,
      int codeBits,
      int words,
      int[] nodes,
      int from,
      int count,
      int[] out) {
    long planeBytes = 8L * words;
    for (int n = 0; n < count; n++) {
      long code = base + nodes[from + n] * stride;
      long total = 0;
      int b = 0;
      for (; b <= codeBits - 4; b += 4) {
        long c = code + b * planeBytes;
        long c2 = c + 2 * planeBytes;
        total +=
            fourPlanes(c, c + planeBytes, c2, c2 + planeBytes, 2, planes, queryBits, planeBytes)
                << b;
      }
      for (; b < codeBits; b++) {
        total += onePlane(code + b * planeBytes, planes, queryBits, planeBytes) << b;
      }
      out[n] = (int) total;
    }
  }

  /**
   * Weighted differences {@code d} of four planes of codes: {@code d0 + 2 d1 + ((d2 + 2 d3) <<
   * shift)}. Query planes are taken from the highest down and the sums doubled between them: four
   * independent chains, as a single chain would wait for its own results.
   */
  private static long fourPlanes(
      long c0, long c1, long c2, long c3, int shift, long planes, int queryBits, long planeBytes) {
    long vectorBytes = planeBytes - planeBytes % (8L * LANES);
    long top = planes + (queryBits - 1) * planeBytes;
    LongVector sum = LongVector.zero(SPECIES);
    LongVector upper = sum;
    long o = 0;
    while (o != vectorBytes) {
      LongVector x0 = load(c0 + o);
      LongVector x1 = load(c1 + o);
      LongVector x2 = load(c2 + o);
      LongVector x3 = load(c3 + o);
      long q = top + o;
      LongVector plane = load(q);
      LongVector s0 = x0.lanewise(XOR, plane).lanewise(BIT_COUNT);
      LongVector s1 = x1.lanewise(XOR, plane).lanewise(BIT_COUNT);
      LongVector s2 = x2.lanewise(XOR, plane).lanewise(BIT_COUNT);
      LongVector s3 = x3.lanewise(XOR, plane).lanewise(BIT_COUNT);
      while (q != planes + o) {
        q -= planeBytes;
        plane = load(q);
        s0 = s0.add(s0).add(x0.lanewise(XOR, plane).lanewise(BIT_COUNT));
        s1 = s1.add(s1).add(x1.lanewise(XOR, plane).lanewise(BIT_COUNT));
        s2 = s2.add(s2).add(x2.lanewise(XOR, plane).lanewise(BIT_COUNT));
        s3 = s3.add(s3).add(x3.lanewise(XOR, plane).lanewise(BIT_COUNT));
      }
      sum = sum.add(s0).add(s1.add(s1));
      upper = upper.add(s2).add(s3.add(s3));
      o += 8L * LANES;
    }
    long total = sum.add(upper.lanewise(LSHL, shift)).reduceLanes(ADD);
    for (; o < planeBytes; o += 8) {
      long low = 0;
      long high = 0;
      for (long q = top + o; q >= planes; q -= planeBytes) {
        long plane = ALL.get(LONG, q);
        low += low + differences(c0 + o, plane) + 2L * differences(c1 + o, plane);
        high += high + differences(c2 + o, plane) + 2L * differences(c3 + o, plane);
      }
      total += low + (high << shift);
    }
    return total;
  }

  private static long onePlane(long code, long planes, int queryBits, long planeBytes) {
    long vectorBytes = planeBytes - planeBytes % (8L * LANES);
    long top = planes + (queryBits - 1) * planeBytes;
    LongVector sum = LongVector.zero(SPECIES);
    long o = 0;
    while (o != vectorBytes) {
      LongVector x = load(code + o);
      long q = top + o;
      LongVector s = x.lanewise(XOR, load(q)).lanewise(BIT_COUNT);
      while (q != planes + o) {
        q -= planeBytes;
        s = s.add(s).add(x.lanewise(XOR, load(q)).lanewise(BIT_COUNT));
      }
      sum = sum.add(s);
      o += 8L * LANES;
    }
    long total = sum.reduceLanes(ADD);
    for (; o < planeBytes; o += 8) {
      long s = 0;
      for (long q = top + o; q >= planes; q -= planeBytes) {
        s += s + differences(code + o, ALL.get(LONG, q));
      }
      total += s;
    }
    return total;
  }

  /**
   * Codes of packed planes, two at a time; {@code table} as {@link PackedPlanes} lays it out. A
   * row's lanes belong to planes of different weight: each is shifted by its own.
   */
  static void packed(
      long table,
      int queryBits,
      int rows,
      long base,
      long stride,
      int[] nodes,
      int from,
      int count,
      int[] out) {
    long codeBytes = 64L * rows;
    long tableBytes = 64L * (queryBits + 1);
    for (int n = 0; n < count; n += 2) {
      int second = Math.min(n + 1, count - 1);
      long codeA = base + nodes[from + n] * stride;
      long codeB = base + nodes[from + second] * stride;
      LongVector sumA = LongVector.zero(SPECIES);
      LongVector sumB = sumA;
      long rowTable = table;
      long o = 0;
      while (o != codeBytes) {
        LongVector a = load(codeA + o);
        LongVector b = load(codeB + o);
        long lane = o & 63;
        long shifts = rowTable + 64L * queryBits + lane;
        long q = shifts - 64;
        LongVector plane = load(q);
        LongVector sA = a.lanewise(XOR, plane).lanewise(BIT_COUNT);
        LongVector sB = b.lanewise(XOR, plane).lanewise(BIT_COUNT);
        while (q != rowTable + lane) {
          q -= 64;
          plane = load(q);
          sA = sA.add(sA).add(a.lanewise(XOR, plane).lanewise(BIT_COUNT));
          sB = sB.add(sB).add(b.lanewise(XOR, plane).lanewise(BIT_COUNT));
        }
        LongVector shift = load(shifts);
        sumA = sumA.add(sA.lanewise(LSHL, shift));
        sumB = sumB.add(sB.lanewise(LSHL, shift));
        o += 8L * LANES;
        if ((o & 63) == 0) {
          rowTable += tableBytes;
        }
      }
      long both = sumA.add(sumB.lanewise(LSHL, 32)).reduceLanes(ADD);
      out[second] = (int) (both >>> 32);
      out[n] = (int) both;
    }
  }

  private static int differences(long code, long plane) {
    return Long.bitCount(ALL.get(LONG, code) ^ plane);
  }

  private static LongVector load(long address) {
    return LongVector.fromMemorySegment(SPECIES, ALL, address, ORDER);
  }
}
