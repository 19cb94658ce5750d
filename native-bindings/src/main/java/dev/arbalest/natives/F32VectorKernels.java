package dev.arbalest.natives;

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
  private static final MemorySegment ALL = Memory.ALL;

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
    float t0 = FloatLanes.sum(s0);
    float t1 = FloatLanes.sum(s1);
    float t2 = FloatLanes.sum(s2);
    float t3 = FloatLanes.sum(s3);
    float t4 = FloatLanes.sum(s4);
    float t5 = FloatLanes.sum(s5);
    float t6 = FloatLanes.sum(s6);
    float t7 = FloatLanes.sum(s7);
    for (int i = (int) (vectorBytes / 4); i < dimension; i++) {
      float x = get(q, i);
      t0 = Math.fma(get(r0, i), x, t0);
      t1 = Math.fma(get(r1, i), x, t1);
      t2 = Math.fma(get(r2, i), x, t2);
      t3 = Math.fma(get(r3, i), x, t3);
      t4 = Math.fma(get(r4, i), x, t4);
      t5 = Math.fma(get(r5, i), x, t5);
      t6 = Math.fma(get(r6, i), x, t6);
      t7 = Math.fma(get(r7, i), x, t7);
    }
    out[outFrom] = t0;
    if (count > 1) {
      out[outFrom + 1] = t1;
    }
    if (count > 2) {
      out[outFrom + 2] = t2;
    }
    if (count > 3) {
      out[outFrom + 3] = t3;
    }
    if (count > 4) {
      out[outFrom + 4] = t4;
    }
    if (count > 5) {
      out[outFrom + 5] = t5;
    }
    if (count > 6) {
      out[outFrom + 6] = t6;
    }
    if (count > 7) {
      out[outFrom + 7] = t7;
    }
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
    float t0 = FloatLanes.sum(s0);
    float t1 = FloatLanes.sum(s1);
    float t2 = FloatLanes.sum(s2);
    float t3 = FloatLanes.sum(s3);
    float t4 = FloatLanes.sum(s4);
    float t5 = FloatLanes.sum(s5);
    float t6 = FloatLanes.sum(s6);
    float t7 = FloatLanes.sum(s7);
    for (int i = (int) (vectorBytes / 4); i < dimension; i++) {
      float x = get(q, i);
      float d0 = get(r0, i) - x;
      t0 = Math.fma(d0, d0, t0);
      float d1 = get(r1, i) - x;
      t1 = Math.fma(d1, d1, t1);
      float d2 = get(r2, i) - x;
      t2 = Math.fma(d2, d2, t2);
      float d3 = get(r3, i) - x;
      t3 = Math.fma(d3, d3, t3);
      float d4 = get(r4, i) - x;
      t4 = Math.fma(d4, d4, t4);
      float d5 = get(r5, i) - x;
      t5 = Math.fma(d5, d5, t5);
      float d6 = get(r6, i) - x;
      t6 = Math.fma(d6, d6, t6);
      float d7 = get(r7, i) - x;
      t7 = Math.fma(d7, d7, t7);
    }
    out[outFrom] = t0;
    if (count > 1) {
      out[outFrom + 1] = t1;
    }
    if (count > 2) {
      out[outFrom + 2] = t2;
    }
    if (count > 3) {
      out[outFrom + 3] = t3;
    }
    if (count > 4) {
      out[outFrom + 4] = t4;
    }
    if (count > 5) {
      out[outFrom + 5] = t5;
    }
    if (count > 6) {
      out[outFrom + 6] = t6;
    }
    if (count > 7) {
      out[outFrom + 7] = t7;
    }
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
    float t0 = FloatLanes.sum(s0);
    float t1 = FloatLanes.sum(s1);
    float t2 = FloatLanes.sum(s2);
    float t3 = FloatLanes.sum(s3);
    float t4 = FloatLanes.sum(s4);
    float t5 = FloatLanes.sum(s5);
    float t6 = FloatLanes.sum(s6);
    float t7 = FloatLanes.sum(s7);
    float m0 = FloatLanes.sum(n0);
    float m1 = FloatLanes.sum(n1);
    float m2 = FloatLanes.sum(n2);
    float m3 = FloatLanes.sum(n3);
    float m4 = FloatLanes.sum(n4);
    float m5 = FloatLanes.sum(n5);
    float m6 = FloatLanes.sum(n6);
    float m7 = FloatLanes.sum(n7);
    float mq = FloatLanes.sum(nq);
    for (int i = (int) (vectorBytes / 4); i < dimension; i++) {
      float x = get(q, i);
      mq = Math.fma(x, x, mq);
      float y0 = get(r0, i);
      t0 = Math.fma(y0, x, t0);
      m0 = Math.fma(y0, y0, m0);
      float y1 = get(r1, i);
      t1 = Math.fma(y1, x, t1);
      m1 = Math.fma(y1, y1, m1);
      float y2 = get(r2, i);
      t2 = Math.fma(y2, x, t2);
      m2 = Math.fma(y2, y2, m2);
      float y3 = get(r3, i);
      t3 = Math.fma(y3, x, t3);
      m3 = Math.fma(y3, y3, m3);
      float y4 = get(r4, i);
      t4 = Math.fma(y4, x, t4);
      m4 = Math.fma(y4, y4, m4);
      float y5 = get(r5, i);
      t5 = Math.fma(y5, x, t5);
      m5 = Math.fma(y5, y5, m5);
      float y6 = get(r6, i);
      t6 = Math.fma(y6, x, t6);
      m6 = Math.fma(y6, y6, m6);
      float y7 = get(r7, i);
      t7 = Math.fma(y7, x, t7);
      m7 = Math.fma(y7, y7, m7);
    }
    out[outFrom] = cosineDistance(t0, mq, m0);
    if (count > 1) {
      out[outFrom + 1] = cosineDistance(t1, mq, m1);
    }
    if (count > 2) {
      out[outFrom + 2] = cosineDistance(t2, mq, m2);
    }
    if (count > 3) {
      out[outFrom + 3] = cosineDistance(t3, mq, m3);
    }
    if (count > 4) {
      out[outFrom + 4] = cosineDistance(t4, mq, m4);
    }
    if (count > 5) {
      out[outFrom + 5] = cosineDistance(t5, mq, m5);
    }
    if (count > 6) {
      out[outFrom + 6] = cosineDistance(t6, mq, m6);
    }
    if (count > 7) {
      out[outFrom + 7] = cosineDistance(t7, mq, m7);
    }
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
