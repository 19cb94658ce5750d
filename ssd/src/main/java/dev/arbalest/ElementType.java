// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import dev.arbalest.natives.kernels.NarrowDistance;
import dev.arbalest.vector.F32Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Locale;

/** Component type of the vector file. */
public enum ElementType {
  /** Single precision, stored bit for bit. */
  F32(4),
  /** Half precision: half the bytes, components rounded to 11 significant bits. */
  F16(2);

  /** Largest magnitude a half float holds. */
  private static final float LARGEST_HALF = 65_504;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final int bytes;

  ElementType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes per component. */
  public int bytes() {
    return bytes;
  }

  /** Name on the command line, in the manifest and at the end of the file's name. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Parses {@code f32} or {@code f16}.
   *
   * @throws IllegalArgumentException naming both
   */
  public static ElementType parse(String text) {
    for (ElementType type : values()) {
      if (type.label().equals(text)) {
        return type;
      }
    }
    throw new IllegalArgumentException("storage must be f32 or f16: " + text);
  }

  /**
   * Checks that components can be stored.
   *
   * @param row number in the input, for messages
   * @throws BadInputException if a component is too large for a half float
   */
  public void requireFits(float[] components, int row) {
    for (int i = 0; this == F16 && i < components.length; i++) {
      if (!(Math.abs(components[i]) <= LARGEST_HALF)) {
        throw new BadInputException(
            "row "
                + row
                + ", component "
                + i
                + " is "
                + components[i]
                + ", too large for half floats (at most "
                + LARGEST_HALF
                + "); store them as f32");
      }
    }
  }

  /**
   * Stores components, and rounds the array's components to their stored values.
   *
   * @param row number in the input, for messages
   * @throws BadInputException if a component is too large for a half float
   */
  public void store(float[] components, int row, MemorySegment target, long offset) {
    if (this == F32) {
      MemorySegment.copy(components, 0, target, F32Rows.FLOAT, offset, components.length);
      return;
    }
    requireFits(components, row);
    for (int i = 0; i < components.length; i++) {
      short half = Float.floatToFloat16(components[i]);
      target.set(SHORT, offset + 2L * i, half);
      components[i] = Float.float16ToFloat(half);
    }
  }

  /** Reads stored components as floats. */
  public void load(
      MemorySegment source, long offset, int count, MemorySegment target, long targetOffset) {
    if (this == F32) {
      MemorySegment.copy(source, offset, target, targetOffset, 4L * count);
    } else {
      NarrowDistance.widenHalf(source, offset, count, target, targetOffset);
    }
  }
}
