// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;

import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/** The loops behind {@link NarrowDistance}: operands by absolute address, already checked. */
final class NarrowVectorKernels {
  private static final VectorSpecies<Float> SPECIES = FloatLanes.SPECIES;
  private static final VectorSpecies<Integer> INTS =
      VectorSpecies.of(int.class, SPECIES.vectorShape());
  private static final int LANES = SPECIES.length();

  /** As many bytes as there are float lanes; vectors of 4 bytes do not exist, so at least 8. */
  private static final VectorSpecies<Byte> BYTES =
      LANES == 16 ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;

  private static final int PARTS = BYTES.length() / LANES;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final MemorySegment ALL = AddressSpace.ALL;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ORDER);

  /** Sign, and the ten exponent and fraction bits above the three a half float lacks. */
  private static final int HALF_MASK = 0x8fffe000;

  private NarrowVectorKernels() {}

  /** Two rows at a time, which share the loads of the query. */
  static void dotHalf(
      long query,
      long base,
      long stride,
      int dimension,
      int[] nodes,
      int from,
      int count,
      float[] out) {
    int pairs = dimension / 2;
    long odd = query + 4L * pairs;
    long vectorBytes = 4L * (pairs - pairs % LANES);
    for (int n = 0; n < count; n += 2) {
      int second = Math.min(n + 1, count - 1);
      long rowA = base + nodes[from + n] * stride;
      long rowB = base + nodes[from + second] * stride;
      FloatVector a0 = FloatVector.zero(SPECIES);
      FloatVector a1 = a0;
      FloatVector b0 = a0;
      FloatVector b1 = a0;
      // Not a counted loop: around one of checked loads the compiler puts loops that cost more.
      long o = 0;
      while (o != vectorBytes) {
        FloatVector even = load(query + o);
        FloatVector uneven = load(odd + o);
        IntVector a = IntVector.fromMemorySegment(INTS, ALL, rowA + o, ORDER);
        IntVector b = IntVector.fromMemorySegment(INTS, ALL, rowB + o, ORDER);
        a0 = low(a).fma(even, a0);
        b0 = low(b).fma(even, b0);
        a1 = high(a).fma(uneven, a1);
        b1 = high(b).fma(uneven, b1);
        o += 4L * LANES;
      }
      float sumA = FloatLanes.sum(a0.add(a1));
      float sumB = FloatLanes.sum(b0.add(b1));
      for (int i = (int) (o / 4); i < pairs; i++) {
        float even = get(query, i);
        float uneven = get(odd, i);
        sumA = Math.fma(half(rowA + 4L * i), even, sumA);
        sumA = Math.fma(half(rowA + 4L * i + 2), uneven, sumA);
        sumB = Math.fma(half(rowB + 4L * i), even, sumB);
        sumB = Math.fma(half(rowB + 4L * i + 2), uneven, sumB);
      }
      out[second] = sumB;
      out[n] = sumA;
    }
  }

  /** The half at the even place of each pair, times 2^-112. */
  private static FloatVector low(IntVector pairs) {
    return pairs.lanewise(LSHL, 16).lanewise(ASHR, 3).and(HALF_MASK).reinterpretAsFloats();
  }

  /** The half at the odd place of each pair, times 2^-112. */
  private static FloatVector high(IntVector pairs) {
    return pairs.lanewise(ASHR, 3).and(HALF_MASK).reinterpretAsFloats();
  }

  private static float half(long address) {
    int bits = ALL.get(SHORT, address) << 16;
    return Float.intBitsToFloat((bits >> 3) & HALF_MASK);
  }

  static float dotByte(long query, long row, int dimension) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    int i = 0;
    int step = BYTES.length();
    for (; i <= dimension - 2 * step; i += 2 * step) {
      ByteVector a = ByteVector.fromMemorySegment(BYTES, ALL, row + i, ORDER);
      ByteVector b = ByteVector.fromMemorySegment(BYTES, ALL, row + i + step, ORDER);
      for (int part = 0; part < PARTS; part++) {
        long o = 4L * (i + part * LANES);
        s0 = floats(a, part).fma(load(query + o), s0);
        s1 = floats(b, part).fma(load(query + o + 4L * step), s1);
      }
    }
    float sum = FloatLanes.sum(s0.add(s1));
    for (; i < dimension; i++) {
      sum = Math.fma((float) ALL.get(ValueLayout.JAVA_BYTE, row + i), get(query, i), sum);
    }
    return sum;
  }

  static void widen(long row, long factors, int dimension, long target) {
    int step = BYTES.length();
    int i = 0;
    int whole = dimension - dimension % step;
    while (i != whole) {
      ByteVector bytes = ByteVector.fromMemorySegment(BYTES, ALL, row + i, ORDER);
      for (int part = 0; part < PARTS; part++) {
        long o = 4L * (i + part * LANES);
        floats(bytes, part).mul(load(factors + o)).intoMemorySegment(ALL, target + o, ORDER);
      }
      i += step;
    }
    for (; i < dimension; i++) {
      float value = ALL.get(ValueLayout.JAVA_BYTE, row + i) * get(factors, i);
      ALL.set(F32Rows.FLOAT, target + 4L * i, value);
    }
  }

  private static FloatVector floats(ByteVector bytes, int part) {
    return (FloatVector) bytes.castShape(SPECIES, part);
  }

  private static FloatVector load(long address) {
    return FloatVector.fromMemorySegment(SPECIES, ALL, address, ORDER);
  }

  private static float get(long address, int index) {
    return ALL.get(F32Rows.FLOAT, address + 4L * index);
  }

  /** A plain loop: the compiler has an instruction for it, the Vector API has none. */
  static void widenHalf(long source, int dimension, long target) {
    for (long i = 0; i < dimension; i++) {
      short half = ALL.get(SHORT, source + 2 * i);
      ALL.set(F32Rows.FLOAT, target + 4 * i, Float.float16ToFloat(half));
    }
  }
}
