package dev.arbalest.natives;

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
  private static final MemorySegment ALL = Memory.ALL;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

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

  private static int weighted(long code, long p0, long p1, long p2, long p3) {
    return Long.bitCount(code ^ p0)
        + 2 * Long.bitCount(code ^ p1)
        + 4 * Long.bitCount(code ^ p2)
        + 8 * Long.bitCount(code ^ p3);
  }

  /**
   * Any numbers of bits. Planes are taken from the highest down and the sum doubled between them,
   * so that one accumulator carries all weights.
   */
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
    long topQuery = planes + (queryBits - 1) * planeBytes;
    for (int n = 0; n < count; n++) {
      long code = base + nodes[from + n] * stride;
      LongVector sum = LongVector.zero(SPECIES);
      int i = 0;
      for (; i <= words - LANES; i += LANES) {
        LongVector weighted = LongVector.zero(SPECIES);
        for (long c = code + 8L * i + (codeBits - 1) * planeBytes; c >= code; c -= planeBytes) {
          LongVector bits = load(c);
          LongVector ofPlane = LongVector.zero(SPECIES);
          for (long q = topQuery + 8L * i; q >= planes; q -= planeBytes) {
            ofPlane =
                ofPlane.lanewise(LSHL, 1).add(bits.lanewise(XOR, load(q)).lanewise(BIT_COUNT));
          }
          weighted = weighted.lanewise(LSHL, 1).add(ofPlane);
        }
        sum = sum.add(weighted);
      }
      long total = sum.reduceLanes(ADD);
      for (; i < words; i++) {
        for (int b = 0; b < codeBits; b++) {
          long bits = ALL.get(LONG, code + 8L * i + b * planeBytes);
          for (int q = 0; q < queryBits; q++) {
            long plane = ALL.get(LONG, planes + 8L * i + q * planeBytes);
            total += (long) Long.bitCount(bits ^ plane) << (b + q);
          }
        }
      }
      out[n] = (int) total;
    }
  }

  private static LongVector load(long address) {
    return LongVector.fromMemorySegment(SPECIES, ALL, address, ORDER);
  }
}
