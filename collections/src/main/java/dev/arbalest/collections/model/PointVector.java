// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import java.util.List;

/** A vector of a point, or of a query. The arrays belong to it once it is made. */
public sealed interface PointVector {
  /** One list of components. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  record Dense(float[] components) implements PointVector {}

  /** Several lists of components, at least one, all of one dimension. */
  record Multi(List<float[]> parts) implements PointVector {
    /** Most parts of a multivector. */
    public static final int MAX_PARTS = 4096;

    public Multi {
      parts = List.copyOf(parts);
      if (parts.isEmpty() || parts.size() > MAX_PARTS) {
        throw CollectionException.invalid(
            "a multivector has 1 to " + MAX_PARTS + " parts, found " + parts.size());
      }
      for (float[] part : parts) {
        if (part.length != parts.getFirst().length) {
          throw CollectionException.invalid(
              "the parts of a multivector have as many components each, found "
                  + parts.getFirst().length
                  + " and "
                  + part.length);
        }
      }
    }
  }

  /**
   * Weights of some terms.
   *
   * @param indices of the terms, unsigned and ascending
   * @param values their weights, from -1e12 to 1e12
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
  record Sparse(int[] indices, float[] values) implements PointVector {
    /** Most terms of a vector. */
    public static final int MAX_TERMS = 65_536;

    private static final float MAX_VALUE = 1e12f;

    public Sparse {
      if (indices.length != values.length) {
        throw CollectionException.invalid(
            "a sparse vector has as many indices as values, found "
                + indices.length
                + " and "
                + values.length);
      }
      if (indices.length > MAX_TERMS) {
        throw CollectionException.invalid(
            "a sparse vector has at most " + MAX_TERMS + " terms, found " + indices.length);
      }
      indices = indices.clone();
      values = values.clone();
      sort(indices, values);
      for (int i = 0; i < indices.length; i++) {
        if (i > 0 && indices[i] == indices[i - 1]) {
          throw CollectionException.invalid(
              "a sparse vector has each index once, found "
                  + Integer.toUnsignedString(indices[i])
                  + " twice");
        }
        if (!(Math.abs(values[i]) <= MAX_VALUE)) { // sums of products stay finite
          throw CollectionException.invalid(
              "the values of a sparse vector are numbers up to "
                  + MAX_VALUE
                  + ", found "
                  + values[i]
                  + " at index "
                  + Integer.toUnsignedString(indices[i]));
        }
      }
    }

    private static void sort(int[] indices, float[] values) {
      long[] pairs = new long[indices.length];
      for (int i = 0; i < pairs.length; i++) {
        long pair = ((long) indices[i] << 32) | (Float.floatToRawIntBits(values[i]) & 0xffffffffL);
        pairs[i] = pair ^ Long.MIN_VALUE; // sorts as unsigned
      }
      java.util.Arrays.sort(pairs);
      for (int i = 0; i < pairs.length; i++) {
        long pair = pairs[i] ^ Long.MIN_VALUE;
        indices[i] = (int) (pair >>> 32);
        values[i] = Float.intBitsToFloat((int) pair);
      }
    }
  }

  /** What it is. */
  default VectorSpec.Kind kind() {
    return switch (this) {
      case Dense _ -> VectorSpec.Kind.DENSE;
      case Multi _ -> VectorSpec.Kind.MULTI;
      case Sparse _ -> VectorSpec.Kind.SPARSE;
    };
  }
}
