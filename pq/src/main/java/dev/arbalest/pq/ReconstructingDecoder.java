// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import java.lang.foreign.MemorySegment;

/** Decodes codes that each stand for one vector: products are between those vectors. */
final class ReconstructingDecoder implements CodeDecoder {
  private final Reconstruction reconstruction;
  private final float[] vector;
  private float squaredLength;

  /** Writes the vector a code stands for, from the origin. */
  @FunctionalInterface
  interface Reconstruction {
    void reconstruct(MemorySegment codes, int node, float[] vector);
  }

  ReconstructingDecoder(int length, Reconstruction reconstruction) {
    this.reconstruction = reconstruction;
    this.vector = new float[length];
  }

  @Override
  public int length() {
    return vector.length;
  }

  @Override
  public float decode(MemorySegment codes, int node, MemorySegment target, long offset) {
    reconstruction.reconstruct(codes, node, vector);
    squaredLength = (float) SaqDecoder.squaredNorm(vector);
    MemorySegment.copy(vector, 0, target, RaBitQ.FLOAT, offset, vector.length);
    return squaredLength;
  }

  @Override
  public float squaredLength() {
    return squaredLength;
  }
}
