// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * Turns codes of bit planes, as {@link BitDistance} takes them, back into the levels they stand
 * for: component {@code i} is {@code scale * sum_b 2^b s_b}, with {@code s_b} 1 where bit {@code i}
 * of plane {@code b} is set and -1 where not.
 */
public final class BitLevels {
  private static final VectorSpecies<Float> SPECIES = FloatLanes.SPECIES;
  private static final int LANES = SPECIES.length();
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ORDER);

  private BitLevels() {}

  /**
   * Expands one code.
   *
   * @param codes holds {@code bits} planes of {@code words} longs from {@code offset}, lowest first
   * @param target receives {@code 64 * words} floats from {@code targetOffset}
   * @throws IndexOutOfBoundsException if either lies outside its segment
   */
  public static void expand(
      MemorySegment codes,
      long offset,
      int words,
      int bits,
      float scale,
      MemorySegment target,
      long targetOffset) {
    long code = AddressSpace.address(codes, offset, 8L * words * bits);
    long out = AddressSpace.address(target, targetOffset, 256L * words);
    if (bits == 1) {
      expandSigns(code, words, scale, out);
      return;
    }
    for (int word = 0; word < words; word++) {
      for (int first = 0; first < 64; first += LANES) {
        FloatVector levels = FloatVector.broadcast(SPECIES, -scale * ((1 << bits) - 1));
        for (int bit = 0; bit < bits; bit++) {
          long plane = AddressSpace.ALL.get(LONG, code + 8L * (bit * words + word)) >>> first;
          VectorMask<Float> set = VectorMask.fromLong(SPECIES, plane);
          levels = levels.add(FloatVector.broadcast(SPECIES, scale * (2 << bit)), set);
        }
        levels.intoMemorySegment(AddressSpace.ALL, out + 4L * (64 * word + first), ORDER);
      }
    }
  }

  private static void expandSigns(long code, int words, float scale, long out) {
    FloatVector minus = FloatVector.broadcast(SPECIES, -scale);
    FloatVector plus = FloatVector.broadcast(SPECIES, scale);
    for (int word = 0; word < words; word++) {
      long plane = AddressSpace.ALL.get(LONG, code + 8L * word);
      for (int first = 0; first < 64; first += LANES) {
        VectorMask<Float> set = VectorMask.fromLong(SPECIES, plane >>> first);
        minus
            .blend(plus, set)
            .intoMemorySegment(AddressSpace.ALL, out + 4L * (64 * word + first), ORDER);
      }
    }
  }
}
