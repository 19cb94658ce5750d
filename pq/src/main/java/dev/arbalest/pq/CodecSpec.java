// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.kernels.BitDistance;

/**
 * A codec as named on the command line: {@code saq:B} and {@code rabitq:B} (B bits per component),
 * {@code pq:M} (M bytes, one per subspace), {@code pq4:M} (M half bytes), {@code sq8} or {@code
 * f16}.
 *
 * @param family kind of codec
 * @param parameter bits per component for SAQ and RaBitQ, number of subspaces for PQ, otherwise 0
 */
public record CodecSpec(Family family, int parameter) {

  /** Kinds of codec. */
  public enum Family {
    /** Rotated codes with most bits where the vectors vary most, with an error bound. */
    SAQ("saq"),
    /** Rotated codes with an error bound. */
    RABITQ("rabitq"),
    /** Product quantization with 8 bits per subspace. */
    PQ("pq"),
    /** Product quantization with 4 bits per subspace, scored by fast scan. */
    PQ4("pq4"),
    /** One byte per component on per-dimension ranges. */
    SQ8("sq8"),
    /** Half floats. */
    F16("f16");

    private final String label;

    Family(String label) {
      this.label = label;
    }

    private boolean hasParameter() {
      return this != SQ8 && this != F16;
    }
  }

  /** Checks the parameter's range. */
  public CodecSpec {
    if (family == Family.SAQ && (parameter < 2 || parameter > BitDistance.MAX_BITS)) {
      throw new IllegalArgumentException("saq:B needs B in [2, 8]: " + parameter);
    }
    if (family == Family.RABITQ && (parameter < 1 || parameter > BitDistance.MAX_BITS)) {
      throw new IllegalArgumentException("rabitq:B needs B in [1, 8]: " + parameter);
    }
    if (family == Family.PQ && (parameter < 1 || parameter > 65_535)) {
      throw new IllegalArgumentException("pq:M needs M in [1, 65535]: " + parameter);
    }
    if (family == Family.PQ4 && (parameter < 1 || parameter > 4096)) {
      throw new IllegalArgumentException("pq4:M needs M in [1, 4096]: " + parameter);
    }
  }

  /** One bit per component: the fewest bytes that still rank well, scored fastest. */
  public static CodecSpec rabitq1() {
    return new CodecSpec(Family.RABITQ, 1);
  }

  /** Whether the codec can be trained for a dimension. */
  public boolean fits(int dimension) {
    return switch (family) {
      case SAQ -> dimension >= Saq.MIN_DIMENSION;
      case PQ, PQ4 -> parameter <= dimension;
      case RABITQ, SQ8, F16 -> true;
    };
  }

  /**
   * Refuses a dimension the codec cannot be trained for.
   *
   * @throws IllegalArgumentException naming both
   */
  public void requireFits(int dimension) {
    if (fits(dimension)) {
      return;
    }
    if (family == Family.SAQ) {
      throw new IllegalArgumentException(
          "saq:B needs vectors of at least "
              + Saq.MIN_DIMENSION
              + " components, found "
              + dimension
              + "; use rabitq:B");
    }
    throw new IllegalArgumentException(
        family.label
            + ":M needs M of at most the dimension "
            + dimension
            + ", found "
            + parameter
            + "; lower M");
  }

  /** Bytes per code of vectors of a dimension, under any metric. */
  public int codeBytesAtMost(int dimension) {
    return switch (family) {
      case PQ -> (parameter + 7) / 8 * 8;
      case PQ4 -> (parameter + 15) / 16 * 8;
      case SAQ -> Saq.codeBytes(dimension, parameter);
      case RABITQ -> (dimension + 63) / 64 * 8 * parameter + 16;
      case SQ8 -> (dimension + 7) / 8 * 8 + 8;
      case F16 -> (2 * dimension + 7) / 8 * 8 + 8;
    };
  }

  /**
   * Parses {@code saq:B}, {@code rabitq:B}, {@code pq:M}, {@code pq4:M}, {@code sq8} or {@code
   * f16}.
   *
   * @throws IllegalArgumentException naming the accepted forms
   */
  public static CodecSpec parse(String text) {
    int colon = text.indexOf(':');
    String label = colon < 0 ? text : text.substring(0, colon);
    for (Family family : Family.values()) {
      if (family.label.equals(label) && family.hasParameter() == colon >= 0) {
        try {
          return new CodecSpec(family, colon < 0 ? 0 : Integer.parseInt(text.substring(colon + 1)));
        } catch (NumberFormatException e) {
          break;
        }
      }
    }
    throw new IllegalArgumentException(
        "codec must be saq:B, rabitq:B, pq:M, pq4:M, sq8 or f16: " + text);
  }

  @Override
  public String toString() {
    return family.hasParameter() ? family.label + ":" + parameter : family.label;
  }
}
