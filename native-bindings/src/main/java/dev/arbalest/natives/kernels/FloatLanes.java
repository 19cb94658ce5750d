// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Sums of a float vector's lanes in a fixed order. {@code reduceLanes(ADD)} leaves the order open,
 * and the interpreter does take another than compiled code: the same distance would change its last
 * bits while a process warms up, and with them the bytes of an index.
 */
final class FloatLanes {
  /** The widest the machine has, up to the 16 lanes {@link #sum} knows how to fold. */
  static final VectorSpecies<Float> SPECIES =
      FloatVector.SPECIES_PREFERRED.length() > 16
          ? FloatVector.SPECIES_512
          : FloatVector.SPECIES_PREFERRED;

  private static final int LANES = SPECIES.length();
  private static final VectorShuffle<Float> SWAP_1 = swap(1);
  private static final VectorShuffle<Float> SWAP_2 = swap(2);
  private static final VectorShuffle<Float> SWAP_4 = swap(4);
  private static final VectorShuffle<Float> SWAP_8 = swap(8);

  private FloatLanes() {}

  private static VectorShuffle<Float> swap(int distance) {
    return VectorShuffle.fromOp(SPECIES, lane -> (lane ^ distance) % LANES);
  }

  /** Adds opposite halves until one lane is left. */
  static float sum(FloatVector v) {
    FloatVector s = v;
    if (LANES >= 16) {
      s = s.add(s.rearrange(SWAP_8));
    }
    if (LANES >= 8) {
      s = s.add(s.rearrange(SWAP_4));
    }
    if (LANES >= 4) {
      s = s.add(s.rearrange(SWAP_2));
    }
    return s.add(s.rearrange(SWAP_1)).lane(0);
  }
}
