package dev.arbalest.pq;

/**
 * A codec as named on the command line: {@code rabitq:1} (one bit per component) or {@code pq:M} (M
 * bytes, one per subspace).
 *
 * @param family kind of codec
 * @param parameter bits per component for RaBitQ, number of subspaces for PQ
 */
public record CodecSpec(Family family, int parameter) {

  /** Kinds of codec. */
  public enum Family {
    /** Rotated sign codes with an error bound. */
    RABITQ("rabitq"),
    /** Product quantization with 8 bits per subspace. */
    PQ("pq");

    private final String label;

    Family(String label) {
      this.label = label;
    }
  }

  /** Checks the parameter's range. */
  public CodecSpec {
    if (family == Family.RABITQ && parameter != 1) {
      throw new IllegalArgumentException("rabitq:B offers B = 1: " + parameter);
    }
    if (family == Family.PQ && (parameter < 1 || parameter > 65_535)) {
      throw new IllegalArgumentException("pq:M needs M in [1, 65535]: " + parameter);
    }
  }

  /** One bit per component: the fewest bytes that still rank well, scored fastest. */
  public static CodecSpec rabitq1() {
    return new CodecSpec(Family.RABITQ, 1);
  }

  /**
   * Refuses a dimension the codec cannot be trained for.
   *
   * @throws IllegalArgumentException naming both
   */
  public void requireFits(int dimension) {
    if (family == Family.PQ && parameter > dimension) {
      throw new IllegalArgumentException(
          "pq:M needs M of at most the dimension "
              + dimension
              + ", found "
              + parameter
              + "; lower M");
    }
  }

  /** Bytes per code of vectors of a dimension, under any metric. */
  public int codeBytesAtMost(int dimension) {
    return family == Family.PQ ? (parameter + 7) / 8 * 8 : (dimension + 63) / 64 * 8 + 16;
  }

  /**
   * Parses {@code rabitq:1} or {@code pq:M}.
   *
   * @throws IllegalArgumentException naming the accepted forms
   */
  public static CodecSpec parse(String text) {
    int colon = text.indexOf(':');
    for (Family family : Family.values()) {
      if (colon > 0 && text.substring(0, colon).equals(family.label)) {
        try {
          return new CodecSpec(family, Integer.parseInt(text.substring(colon + 1)));
        } catch (NumberFormatException e) {
          break;
        }
      }
    }
    throw new IllegalArgumentException("codec must be rabitq:1 or pq:M: " + text);
  }

  @Override
  public String toString() {
    return family.label + ":" + parameter;
  }
}
