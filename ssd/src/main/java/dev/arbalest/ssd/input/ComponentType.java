// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.input;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * How a file writes the components of its vectors.
 *
 * @param kind number and width
 * @param order of the bytes of one
 */
public record ComponentType(Kind kind, ByteOrder order) {
  /** Little-endian floats, which need no conversion. */
  public static final ComponentType FLOAT = new ComponentType(Kind.F32, ByteOrder.LITTLE_ENDIAN);

  private static final ValueLayout.OfFloat TARGET =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** A number and its width. */
  public enum Kind {
    /** Half-precision float. */
    F16(2),
    /** Single-precision float. */
    F32(4),
    /** Double-precision float. */
    F64(8),
    /** Signed byte. */
    I8(1),
    /** Unsigned byte. */
    U8(1);

    private final int bytes;

    Kind(int bytes) {
      this.bytes = bytes;
    }
  }

  /** Bytes of a component. */
  public int bytes() {
    return kind.bytes;
  }

  /**
   * Converts components that lie one after another.
   *
   * @param from offset of the first, in bytes
   * @param to offset of the first float, in bytes
   * @param step distance of two floats, in bytes
   */
  public void convert(
      MemorySegment source, long from, MemorySegment target, long to, long step, int count) {
    if (step == Float.BYTES && equals(FLOAT)) {
      MemorySegment.copy(source, from, target, to, (long) Float.BYTES * count);
      return;
    }
    switch (kind) {
      case F16 -> {
        ValueLayout.OfShort layout = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(order);
        for (int i = 0; i < count; i++) {
          target.set(
              TARGET, to + step * i, Float.float16ToFloat(source.get(layout, from + 2L * i)));
        }
      }
      case F32 -> {
        ValueLayout.OfFloat layout = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(order);
        for (int i = 0; i < count; i++) {
          target.set(TARGET, to + step * i, source.get(layout, from + 4L * i));
        }
      }
      case F64 -> {
        ValueLayout.OfDouble layout = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(order);
        for (int i = 0; i < count; i++) {
          target.set(TARGET, to + step * i, (float) source.get(layout, from + 8L * i));
        }
      }
      case I8 -> {
        for (int i = 0; i < count; i++) {
          target.set(TARGET, to + step * i, source.get(ValueLayout.JAVA_BYTE, from + i));
        }
      }
      case U8 -> {
        for (int i = 0; i < count; i++) {
          int value = Byte.toUnsignedInt(source.get(ValueLayout.JAVA_BYTE, from + i));
          target.set(TARGET, to + step * i, value);
        }
      }
    }
  }
}
