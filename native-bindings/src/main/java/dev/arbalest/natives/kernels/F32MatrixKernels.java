// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The loops behind {@link F32Matrix}: 16 accumulators, so that every load serves four products.
 * Operands by absolute address, already checked. One accumulator per pair, added to in the order of
 * {@link F32VectorKernels}' tiles: the same pair has the same bits in both.
 */
final class F32MatrixKernels {
  private static final VectorSpecies<Float> SPECIES = FloatLanes.SPECIES;
  private static final int LANES = SPECIES.length();
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final MemorySegment ALL = AddressSpace.ALL;

  private F32MatrixKernels() {}

  /** Inner products of 4 queries with 4 rows; {@code out[4 i + j]} is of query i, row j. */
  static void dot(
      long q0,
      long q1,
      long q2,
      long q3,
      long r0,
      long r1,
      long r2,
      long r3,
      int dimension,
      float[] scratch,
      float[] out) {
    FloatVector s00 = FloatVector.zero(SPECIES);
    FloatVector s01 = s00;
    FloatVector s02 = s00;
    FloatVector s03 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s12 = s00;
    FloatVector s13 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s22 = s00;
    FloatVector s23 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    FloatVector s32 = s00;
    FloatVector s33 = s00;
    long vectorBytes = 4L * (dimension - dimension % LANES);
    // Not a counted loop, which the compiler would unroll beyond its registers.
    long o = 0;
    while (o != vectorBytes) {
      FloatVector x0 = load(q0 + o);
      FloatVector x1 = load(q1 + o);
      FloatVector x2 = load(q2 + o);
      FloatVector x3 = load(q3 + o);
      FloatVector y0 = load(r0 + o);
      s00 = x0.fma(y0, s00);
      s10 = x1.fma(y0, s10);
      s20 = x2.fma(y0, s20);
      s30 = x3.fma(y0, s30);
      FloatVector y1 = load(r1 + o);
      s01 = x0.fma(y1, s01);
      s11 = x1.fma(y1, s11);
      s21 = x2.fma(y1, s21);
      s31 = x3.fma(y1, s31);
      FloatVector y2 = load(r2 + o);
      s02 = x0.fma(y2, s02);
      s12 = x1.fma(y2, s12);
      s22 = x2.fma(y2, s22);
      s32 = x3.fma(y2, s32);
      FloatVector y3 = load(r3 + o);
      s03 = x0.fma(y3, s03);
      s13 = x1.fma(y3, s13);
      s23 = x2.fma(y3, s23);
      s33 = x3.fma(y3, s33);
      o += 4L * LANES;
    }
    // Through memory: sixteen sums inlined here would be more than the compiler takes, and the
    // vectors handed to calls would be allocated.
    s00.intoArray(scratch, 0);
    s01.intoArray(scratch, LANES);
    s02.intoArray(scratch, 2 * LANES);
    s03.intoArray(scratch, 3 * LANES);
    s10.intoArray(scratch, 4 * LANES);
    s11.intoArray(scratch, 5 * LANES);
    s12.intoArray(scratch, 6 * LANES);
    s13.intoArray(scratch, 7 * LANES);
    s20.intoArray(scratch, 8 * LANES);
    s21.intoArray(scratch, 9 * LANES);
    s22.intoArray(scratch, 10 * LANES);
    s23.intoArray(scratch, 11 * LANES);
    s30.intoArray(scratch, 12 * LANES);
    s31.intoArray(scratch, 13 * LANES);
    s32.intoArray(scratch, 14 * LANES);
    s33.intoArray(scratch, 15 * LANES);
    fold(scratch, out);
    for (int i = (int) (vectorBytes / 4); i < dimension; i++) {
      F32VectorKernels.addProducts(q0, r0, r1, r2, r3, i, out, 0);
      F32VectorKernels.addProducts(q1, r0, r1, r2, r3, i, out, 4);
      F32VectorKernels.addProducts(q2, r0, r1, r2, r3, i, out, 8);
      F32VectorKernels.addProducts(q3, r0, r1, r2, r3, i, out, 12);
    }
  }

  /**
   * Squared Euclidean distances of 4 queries with 4 rows; {@code out[4 i + j]} is of query i, row
   * j.
   */
  static void squaredL2(
      long q0,
      long q1,
      long q2,
      long q3,
      long r0,
      long r1,
      long r2,
      long r3,
      int dimension,
      float[] scratch,
      float[] out) {
    FloatVector s00 = FloatVector.zero(SPECIES);
    FloatVector s01 = s00;
    FloatVector s02 = s00;
    FloatVector s03 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s12 = s00;
    FloatVector s13 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s22 = s00;
    FloatVector s23 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    FloatVector s32 = s00;
    FloatVector s33 = s00;
    long vectorBytes = 4L * (dimension - dimension % LANES);
    // Not a counted loop, which the compiler would unroll beyond its registers.
    long o = 0;
    while (o != vectorBytes) {
      FloatVector x0 = load(q0 + o);
      FloatVector x1 = load(q1 + o);
      FloatVector x2 = load(q2 + o);
      FloatVector x3 = load(q3 + o);
      FloatVector y0 = load(r0 + o);
      FloatVector d00 = x0.sub(y0);
      s00 = d00.fma(d00, s00);
      FloatVector d10 = x1.sub(y0);
      s10 = d10.fma(d10, s10);
      FloatVector d20 = x2.sub(y0);
      s20 = d20.fma(d20, s20);
      FloatVector d30 = x3.sub(y0);
      s30 = d30.fma(d30, s30);
      FloatVector y1 = load(r1 + o);
      FloatVector d01 = x0.sub(y1);
      s01 = d01.fma(d01, s01);
      FloatVector d11 = x1.sub(y1);
      s11 = d11.fma(d11, s11);
      FloatVector d21 = x2.sub(y1);
      s21 = d21.fma(d21, s21);
      FloatVector d31 = x3.sub(y1);
      s31 = d31.fma(d31, s31);
      FloatVector y2 = load(r2 + o);
      FloatVector d02 = x0.sub(y2);
      s02 = d02.fma(d02, s02);
      FloatVector d12 = x1.sub(y2);
      s12 = d12.fma(d12, s12);
      FloatVector d22 = x2.sub(y2);
      s22 = d22.fma(d22, s22);
      FloatVector d32 = x3.sub(y2);
      s32 = d32.fma(d32, s32);
      FloatVector y3 = load(r3 + o);
      FloatVector d03 = x0.sub(y3);
      s03 = d03.fma(d03, s03);
      FloatVector d13 = x1.sub(y3);
      s13 = d13.fma(d13, s13);
      FloatVector d23 = x2.sub(y3);
      s23 = d23.fma(d23, s23);
      FloatVector d33 = x3.sub(y3);
      s33 = d33.fma(d33, s33);
      o += 4L * LANES;
    }
    // Through memory: sixteen sums inlined here would be more than the compiler takes, and the
    // vectors handed to calls would be allocated.
    s00.intoArray(scratch, 0);
    s01.intoArray(scratch, LANES);
    s02.intoArray(scratch, 2 * LANES);
    s03.intoArray(scratch, 3 * LANES);
    s10.intoArray(scratch, 4 * LANES);
    s11.intoArray(scratch, 5 * LANES);
    s12.intoArray(scratch, 6 * LANES);
    s13.intoArray(scratch, 7 * LANES);
    s20.intoArray(scratch, 8 * LANES);
    s21.intoArray(scratch, 9 * LANES);
    s22.intoArray(scratch, 10 * LANES);
    s23.intoArray(scratch, 11 * LANES);
    s30.intoArray(scratch, 12 * LANES);
    s31.intoArray(scratch, 13 * LANES);
    s32.intoArray(scratch, 14 * LANES);
    s33.intoArray(scratch, 15 * LANES);
    fold(scratch, out);
    for (int i = (int) (vectorBytes / 4); i < dimension; i++) {
      F32VectorKernels.addSquares(q0, r0, r1, r2, r3, i, out, 0);
      F32VectorKernels.addSquares(q1, r0, r1, r2, r3, i, out, 4);
      F32VectorKernels.addSquares(q2, r0, r1, r2, r3, i, out, 8);
      F32VectorKernels.addSquares(q3, r0, r1, r2, r3, i, out, 12);
    }
  }

  private static void fold(float[] scratch, float[] out) {
    for (int i = 0; i < 16; i++) {
      out[i] = FloatLanes.sum(FloatVector.fromArray(SPECIES, scratch, i * LANES));
    }
  }

  private static FloatVector load(long address) {
    return FloatVector.fromMemorySegment(SPECIES, ALL, address, ORDER);
  }
}
