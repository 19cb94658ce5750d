// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** The loop behind {@link AdcDistance}: indices in plain Java, table entries by gather. */
final class AdcVectorKernels {
  private static final VectorSpecies<Float> SPECIES = FloatLanes.SPECIES;
  private static final int LANES = SPECIES.length();
  private static final MemorySegment ALL = AddressSpace.ALL;

  private AdcVectorKernels() {}

  static float sum(float[] table, int subspaces, long code, int[] index) {
    for (int m = 0; m < subspaces; m++) {
      index[m] = (m << 8) | (ALL.get(ValueLayout.JAVA_BYTE, code + m) & 0xff);
    }
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    int m = 0;
    for (; m <= subspaces - 2 * LANES; m += 2 * LANES) {
      s0 = s0.add(FloatVector.fromArray(SPECIES, table, 0, index, m));
      s1 = s1.add(FloatVector.fromArray(SPECIES, table, 0, index, m + LANES));
    }
    float sum = FloatLanes.sum(s0.add(s1));
    for (; m < subspaces; m++) {
      sum += table[index[m]];
    }
    return sum;
  }
}
