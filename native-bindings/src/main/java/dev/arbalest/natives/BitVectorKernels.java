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

  /** One-bit codes, four-bit query: every plane has an accumulator of its own. */
  static void oneByFour(
      long planes, long base, long stride, int words, int[] nodes, int from, int count, int[] out) {
    long plane1 = planes + 8L * words;
    long plane2 = plane1 + 8L * words;
    long plane3 = plane2 + 8L * words;
    for (int n = 0; n < count; n++) {
      long code = base + nodes[from + n] * stride;
      LongVector s0 = LongVector.zero(SPECIES);
      LongVector s1 = s0;
      LongVector s2 = s0;
      LongVector s3 = s0;
      int i = 0;
      for (; i <= words - LANES; i += LANES) {
        long o = 8L * i;
        LongVector c = load(code + o);
        s0 = s0.add(c.lanewise(XOR, load(planes + o)).lanewise(BIT_COUNT));
        s1 = s1.add(c.lanewise(XOR, load(plane1 + o)).lanewise(BIT_COUNT));
        s2 = s2.add(c.lanewise(XOR, load(plane2 + o)).lanewise(BIT_COUNT));
        s3 = s3.add(c.lanewise(XOR, load(plane3 + o)).lanewise(BIT_COUNT));
      }
      LongVector high = s2.add(s3.lanewise(LSHL, 1));
      LongVector all = s0.add(s1.lanewise(LSHL, 1)).add(high.lanewise(LSHL, 2));
      int sum = (int) all.reduceLanes(ADD);
      for (; i < words; i++) {
        long o = 8L * i;
        long c = ALL.get(LONG, code + o);
        sum +=
            Long.bitCount(c ^ ALL.get(LONG, planes + o))
                + 2 * Long.bitCount(c ^ ALL.get(LONG, plane1 + o))
                + 4 * Long.bitCount(c ^ ALL.get(LONG, plane2 + o))
                + 8 * Long.bitCount(c ^ ALL.get(LONG, plane3 + o));
      }
      out[n] = sum;
    }
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
