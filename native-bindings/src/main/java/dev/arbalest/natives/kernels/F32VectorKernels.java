// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The loops behind {@link F32Distance}: operands by absolute address, already checked. The species
 * is the widest the machine has; being static and final it is a constant to the compiler. Four
 * accumulators hide the latency of a single pair's additions, one per row suffices in a tile.
 */
final class F32VectorKernels {
  private static final VectorSpecies<Float> SPECIES = FloatLanes.SPECIES;
  private static final int LANES = SPECIES.length();
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final MemorySegment ALL = AddressSpace.ALL;

  private F32VectorKernels() {}

  static float dot(long a, long b, int dimension) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    long o = 0;
    for (long bound = 4L * (dimension - 4 * LANES); o <= bound; o += 16L * LANES) {
      s0 = load(a + o).fma(load(b + o), s0);
      s1 = load(a + o + 4L * LANES).fma(load(b + o + 4L * LANES), s1);
      s2 = load(a + o + 8L * LANES).fma(load(b + o + 8L * LANES), s2);
      s3 = load(a + o + 12L * LANES).fma(load(b + o + 12L * LANES), s3);
    }
    for (long bound = 4L * (dimension - LANES); o <= bound; o += 4L * LANES) {
      s0 = load(a + o).fma(load(b + o), s0);
    }
    float sum = FloatLanes.sum(s0.add(s1).add(s2.add(s3)));
    for (int i = (int) (o / 4); i < dimension; i++) {
      sum = Math.fma(get(a, i), get(b, i), sum);
    }
    return sum;
  }

  static float squaredL2(long a, long b, int dimension) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    long o = 0;
    for (long bound = 4L * (dimension - 4 * LANES); o <= bound; o += 16L * LANES) {
      FloatVector d0 = load(a + o).sub(load(b + o));
      FloatVector d1 = load(a + o + 4L * LANES).sub(load(b + o + 4L * LANES));
      FloatVector d2 = load(a + o + 8L * LANES).sub(load(b + o + 8L * LANES));
      FloatVector d3 = load(a + o + 12L * LANES).sub(load(b + o + 12L * LANES));
      s0 = d0.fma(d0, s0);
      s1 = d1.fma(d1, s1);
      s2 = d2.fma(d2, s2);
      s3 = d3.fma(d3, s3);
    }
    for (long bound = 4L * (dimension - LANES); o <= bound; o += 4L * LANES) {
      FloatVector d = load(a + o).sub(load(b + o));
      s0 = d.fma(d, s0);
    }
    float sum = FloatLanes.sum(s0.add(s1).add(s2.add(s3)));
    for (int i = (int) (o / 4); i < dimension; i++) {
      float d = get(a, i) - get(b, i);
      sum = Math.fma(d, d, sum);
    }
    return sum;
  }

  static float cosine(long a, long b, int dimension) {
    FloatVector ab = FloatVector.zero(SPECIES);
    FloatVector aa = ab;
    FloatVector bb = ab;
    int i = 0;
    for (int bound = dimension - LANES; i <= bound; i += LANES) {
      FloatVector x = load(a + 4L * i);
      FloatVector y = load(b + 4L * i);
      ab = x.fma(y, ab);
      aa = x.fma(x, aa);
      bb = y.fma(y, bb);
    }
    float dot = FloatLanes.sum(ab);
    float aNorm = FloatLanes.sum(aa);
    float bNorm = FloatLanes.sum(bb);
    for (; i < dimension; i++) {
      float x = get(a, i);
      float y = get(b, i);
      dot = Math.fma(x, y, dot);
      aNorm = Math.fma(x, x, aNorm);
      bNorm = Math.fma(y, y, bNorm);
    }
    return cosineDistance(dot, aNorm, bNorm);
  }

  /** Floats of scratch a tile needs. */
  static final int SCRATCH = 16 * LANES;

  static void dot8(
      long q,
      long r0,
      long r1,
      long r2,
      long r3,
      long r4,
      long r5,
      long r6,
      long r7,
      int dimension,
      float[] scratch,
      float[] out,
      int outFrom,
      int count) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    FloatVector s4 = s0;
    FloatVector s5 = s0;
    FloatVector s6 = s0;
    FloatVector s7 = s0;
    long vectorBytes = vectorBytes(dimension);
    for (long o = 0; o < vectorBytes; o += 4L * LANES) {
      FloatVector x = load(q + o);
      s0 = x.fma(load(r0 + o), s0);
      s1 = x.fma(load(r1 + o), s1);
      s2 = x.fma(load(r2 + o), s2);
      s3 = x.fma(load(r3 + o), s3);
      s4 = x.fma(load(r4 + o), s4);
      s5 = x.fma(load(r5 + o), s5);
      s6 = x.fma(load(r6 + o), s6);
      s7 = x.fma(load(r7 + o), s7);
    }
    // Through memory: eight sums inlined here would be more than the compiler takes, and the
    // vectors
    // handed to calls would be allocated.
    s0.intoArray(scratch, 0);
    s1.intoArray(scratch, LANES);
    s2.intoArray(scratch, 2 * LANES);
    s3.intoArray(scratch, 3 * LANES);
    s4.intoArray(scratch, 4 * LANES);
    s5.intoArray(scratch, 5 * LANES);
    s6.intoArray(scratch, 6 * LANES);
    s7.intoArray(scratch, 7 * LANES);
    fold(scratch, 8);
    for (int i = (int) (vectorBytes / 4); i < dimension; i++) {
      addProducts(q, r0, r1, r2, r3, i, scratch, 0);
      addProducts(q, r4, r5, r6, r7, i, scratch, 4);
    }
    System.arraycopy(scratch, 0, out, outFrom, count);
  }

  static void squaredL2Of8(
      long q,
      long r0,
      long r1,
      long r2,
      long r3,
      long r4,
      long r5,
      long r6,
      long r7,
      int dimension,
      float[] scratch,
      float[] out,
      int outFrom,
      int count) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    FloatVector s4 = s0;
    FloatVector s5 = s0;
    FloatVector s6 = s0;
    FloatVector s7 = s0;
    long vectorBytes = vectorBytes(dimension);
    for (long o = 0; o < vectorBytes; o += 4L * LANES) {
      FloatVector x = load(q + o);
      FloatVector d0 = x.sub(load(r0 + o));
      s0 = d0.fma(d0, s0);
      FloatVector d1 = x.sub(load(r1 + o));
      s1 = d1.fma(d1, s1);
      FloatVector d2 = x.sub(load(r2 + o));
      s2 = d2.fma(d2, s2);
      FloatVector d3 = x.sub(load(r3 + o));
      s3 = d3.fma(d3, s3);
      FloatVector d4 = x.sub(load(r4 + o));
      s4 = d4.fma(d4, s4);
      FloatVector d5 = x.sub(load(r5 + o));
      s5 = d5.fma(d5, s5);
      FloatVector d6 = x.sub(load(r6 + o));
      s6 = d6.fma(d6, s6);
      FloatVector d7 = x.sub(load(r7 + o));
      s7 = d7.fma(d7, s7);
    }
    s0.intoArray(scratch, 0);
    s1.intoArray(scratch, LANES);
    s2.intoArray(scratch, 2 * LANES);
    s3.intoArray(scratch, 3 * LANES);
    s4.intoArray(scratch, 4 * LANES);
    s5.intoArray(scratch, 5 * LANES);
    s6.intoArray(scratch, 6 * LANES);
    s7.intoArray(scratch, 7 * LANES);
    fold(scratch, 8);
    for (int i = (int) (vectorBytes / 4); i < dimension; i++) {
      addSquares(q, r0, r1, r2, r3, i, scratch, 0);
      addSquares(q, r4, r5, r6, r7, i, scratch, 4);
    }
    System.arraycopy(scratch, 0, out, outFrom, count);
  }

  static void cosine8(
      long q,
      long r0,
      long r1,
      long r2,
      long r3,
      long r4,
      long r5,
      long r6,
      long r7,
      int dimension,
      float[] scratch,
      float[] out,
      int outFrom,
      int count) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    FloatVector s4 = s0;
    FloatVector s5 = s0;
    FloatVector s6 = s0;
    FloatVector s7 = s0;
    FloatVector n0 = s0;
    FloatVector n1 = s0;
    FloatVector n2 = s0;
    FloatVector n3 = s0;
    FloatVector n4 = s0;
    FloatVector n5 = s0;
    FloatVector n6 = s0;
    FloatVector n7 = s0;
    FloatVector nq = s0;
    long vectorBytes = vectorBytes(dimension);
    for (long o = 0; o < vectorBytes; o += 4L * LANES) {
      FloatVector x = load(q + o);
      nq = x.fma(x, nq);
      FloatVector y0 = load(r0 + o);
      s0 = y0.fma(x, s0);
      n0 = y0.fma(y0, n0);
      FloatVector y1 = load(r1 + o);
      s1 = y1.fma(x, s1);
      n1 = y1.fma(y1, n1);
      FloatVector y2 = load(r2 + o);
      s2 = y2.fma(x, s2);
      n2 = y2.fma(y2, n2);
      FloatVector y3 = load(r3 + o);
      s3 = y3.fma(x, s3);
      n3 = y3.fma(y3, n3);
      FloatVector y4 = load(r4 + o);
      s4 = y4.fma(x, s4);
      n4 = y4.fma(y4, n4);
      FloatVector y5 = load(r5 + o);
      s5 = y5.fma(x, s5);
      n5 = y5.fma(y5, n5);
      FloatVector y6 = load(r6 + o);
      s6 = y6.fma(x, s6);
      n6 = y6.fma(y6, n6);
      FloatVector y7 = load(r7 + o);
      s7 = y7.fma(x, s7);
      n7 = y7.fma(y7, n7);
    }
    s0.intoArray(scratch, 0);
    s1.intoArray(scratch, LANES);
    s2.intoArray(scratch, 2 * LANES);
    s3.intoArray(scratch, 3 * LANES);
    s4.intoArray(scratch, 4 * LANES);
    s5.intoArray(scratch, 5 * LANES);
    s6.intoArray(scratch, 6 * LANES);
    s7.intoArray(scratch, 7 * LANES);
    n0.intoArray(scratch, 8 * LANES);
    n1.intoArray(scratch, 9 * LANES);
    n2.intoArray(scratch, 10 * LANES);
    n3.intoArray(scratch, 11 * LANES);
    n4.intoArray(scratch, 12 * LANES);
    n5.intoArray(scratch, 13 * LANES);
    n6.intoArray(scratch, 14 * LANES);
    n7.intoArray(scratch, 15 * LANES);
    fold(scratch, 16);
    float squaredNorm = FloatLanes.sum(nq);
    for (int i = (int) (vectorBytes / 4); i < dimension; i++) {
      float x = get(q, i);
      squaredNorm = Math.fma(x, x, squaredNorm);
      addProducts(q, r0, r1, r2, r3, i, scratch, 0);
      addProducts(q, r4, r5, r6, r7, i, scratch, 4);
      addNorms(r0, r1, r2, r3, i, scratch, 8);
      addNorms(r4, r5, r6, r7, i, scratch, 12);
    }
    for (int i = 0; i < count; i++) {
      out[outFrom + i] = cosineDistance(scratch[i], squaredNorm, scratch[8 + i]);
    }
  }

  /** {@code target -= sum_i f_i r_i}. */
  static void subtract8(
      long target,
      long r0,
      long r1,
      long r2,
      long r3,
      long r4,
      long r5,
      long r6,
      long r7,
      float[] factors,
      int from,
      int dimension) {
    FloatVector f0 = FloatVector.broadcast(SPECIES, -factors[from]);
    FloatVector f1 = FloatVector.broadcast(SPECIES, -factors[from + 1]);
    FloatVector f2 = FloatVector.broadcast(SPECIES, -factors[from + 2]);
    FloatVector f3 = FloatVector.broadcast(SPECIES, -factors[from + 3]);
    FloatVector f4 = FloatVector.broadcast(SPECIES, -factors[from + 4]);
    FloatVector f5 = FloatVector.broadcast(SPECIES, -factors[from + 5]);
    FloatVector f6 = FloatVector.broadcast(SPECIES, -factors[from + 6]);
    FloatVector f7 = FloatVector.broadcast(SPECIES, -factors[from + 7]);
    long end = 4L * dimension;
    long o = 0;
    while (o != end) {
      FloatVector a = load(r0 + o).fma(f0, load(target + o));
      FloatVector b = load(r1 + o).mul(f1);
      a = load(r2 + o).fma(f2, a);
      b = load(r3 + o).fma(f3, b);
      a = load(r4 + o).fma(f4, a);
      b = load(r5 + o).fma(f5, b);
      a = load(r6 + o).fma(f6, a);
      b = load(r7 + o).fma(f7, b);
      a.add(b).intoMemorySegment(ALL, target + o, ORDER);
      o += 4L * LANES;
    }
  }

  /**
   * Sets {@code scratch[i]} to the sum of the vector stored i-th, in the order of {@link
   * FloatLanes#sum}. Without vectors: where the compiler does not inline all of it, those are
   * allocated one by one.
   */
  private static void fold(float[] scratch, int count) {
    for (int i = 0; i < count; i++) {
      int at = i * LANES;
      for (int half = LANES / 2; half > 0; half /= 2) {
        for (int j = at; j < at + half; j++) {
          scratch[j] += scratch[j + half];
        }
      }
      scratch[i] = scratch[at];
    }
  }

  /** Adds the products of component {@code i} to four sums. */
  static void addProducts(
      long q, long r0, long r1, long r2, long r3, int i, float[] sums, int from) {
    float x = get(q, i);
    sums[from] = Math.fma(get(r0, i), x, sums[from]);
    sums[from + 1] = Math.fma(get(r1, i), x, sums[from + 1]);
    sums[from + 2] = Math.fma(get(r2, i), x, sums[from + 2]);
    sums[from + 3] = Math.fma(get(r3, i), x, sums[from + 3]);
  }

  /** Adds the squared differences of component {@code i} to four sums. */
  static void addSquares(
      long q, long r0, long r1, long r2, long r3, int i, float[] sums, int from) {
    float x = get(q, i);
    float d0 = get(r0, i) - x;
    float d1 = get(r1, i) - x;
    float d2 = get(r2, i) - x;
    float d3 = get(r3, i) - x;
    sums[from] = Math.fma(d0, d0, sums[from]);
    sums[from + 1] = Math.fma(d1, d1, sums[from + 1]);
    sums[from + 2] = Math.fma(d2, d2, sums[from + 2]);
    sums[from + 3] = Math.fma(d3, d3, sums[from + 3]);
  }

  private static void addNorms(long r0, long r1, long r2, long r3, int i, float[] sums, int from) {
    sums[from] = Math.fma(get(r0, i), get(r0, i), sums[from]);
    sums[from + 1] = Math.fma(get(r1, i), get(r1, i), sums[from + 1]);
    sums[from + 2] = Math.fma(get(r2, i), get(r2, i), sums[from + 2]);
    sums[from + 3] = Math.fma(get(r3, i), get(r3, i), sums[from + 3]);
  }

  private static float cosineDistance(float dot, float aSquaredNorm, float bSquaredNorm) {
    return (float) (1.0 - dot / Math.sqrt((double) aSquaredNorm * bSquaredNorm));
  }

  /** Bytes of a row that whole vectors cover. */
  private static long vectorBytes(int dimension) {
    return 4L * (dimension - dimension % LANES);
  }

  private static FloatVector load(long address) {
    return FloatVector.fromMemorySegment(SPECIES, ALL, address, ORDER);
  }

  private static float get(long address, int index) {
    return ALL.get(F32Rows.FLOAT, address + 4L * index);
  }
}
