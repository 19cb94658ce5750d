// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.pq;

import dev.arbalest.natives.kernels.BitLevels;
import dev.arbalest.vector.Metric;
import java.lang.foreign.MemorySegment;

/**
 * Decodes {@link RaBitQ} codes: {@code gain Y}, whose products with others are right on average.
 */
final class RaBitQDecoder implements CodeDecoder {
  private final RaBitQ codec;
  private final double squaredCenter;
  private float squaredLength;

  RaBitQDecoder(RaBitQ codec) {
    this.codec = codec;
    this.squaredCenter = SaqDecoder.squaredNorm(codec.center());
  }

  @Override
  public int length() {
    return 64 * codec.words();
  }

  @Override
  public float decode(MemorySegment codes, int node, MemorySegment target, long offset) {
    long code = (long) node * codec.codeBytes();
    long factors = code + codec.planeBytes();
    float add = codes.get(RaBitQ.FLOAT, factors);
    float scale = codes.get(RaBitQ.FLOAT, factors + 4);
    float gain = codec.metric() == Metric.L2 ? scale / -2 : -scale;
    BitLevels.expand(codes, code, codec.words(), codec.bits(), gain, target, offset);
    if (codec.metric() != Metric.DOT) {
      return codec.metric() == Metric.L2 ? add : 2 * add;
    }
    float length = codes.get(RaBitQ.FLOAT, factors + 8);
    squaredLength = (float) (length * length - 2 * add + squaredCenter);
    return length * length;
  }

  @Override
  public float squaredLength() {
    return squaredLength;
  }
}
